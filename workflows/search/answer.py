"""What a question is answered with: moments, and whether they fit."""

from __future__ import annotations

from components.records.record import Record
from components.stores.vectors.store import Hit


class Found(Hit):
    """A frame that a search found; `location` is its file, or its s3:// URI, to be opened."""

    location: str = ""


class Moment(Record):
    """A part of a video, as long as the scene, whose frames fit a question.

    `start` and `end` are seconds of the video, `best` is the frame that fits best, `score` its
    cosine similarity, `confidence` how sure it is that it fits, from 0 to 1. `frames` are the
    frames that were found, in order of time. `folded` names frames, as platform/code/number, of
    moments that look the same and are left out: reposts, repetitions.
    """

    platform: str
    code: str
    start: float
    end: float
    best: Found
    score: float
    confidence: float
    frames: tuple[Found, ...]
    folded: tuple[str, ...] = ()


class Answer(Record):
    """The moments that fit, best first; where none does, `nearest` has those that come closest.

    `total` is how many there are with those that `limit` leaves out, None if there may be more;
    `more` says whether there may be some after these. `model` is the collection's, `threshold` the
    confidence that counted as fitting. `undated` says that the question was about dates, and that
    there are frames without one, which it leaves out. `unknown` are the texts, of those asked for
    and those to leave out, that the model hardly knows, so that their scores say little.
    `excluded_by` names, where no frame passes the filters of the question, those that no frame
    passes; all of them, where that is so of none of them alone.
    """

    fits: bool
    moments: tuple[Moment, ...]
    nearest: tuple[Moment, ...] = ()
    total: int | None = None
    more: bool = False
    model: str
    threshold: float
    undated: bool = False
    unknown: tuple[str, ...] = ()
    excluded_by: tuple[str, ...] = ()
