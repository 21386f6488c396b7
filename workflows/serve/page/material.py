"""What the page shows of a search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Likeness:
    """A frame of other footage that looks like a moment's best one."""

    platform: str
    code: str
    number: int

    @property
    def video(self) -> str:
        """`platform/code`."""
        return f"{self.platform}/{self.code}"


def likeness(name: str) -> Likeness:
    """Return the frame that is named platform/code/number."""
    platform, code, number = name.split("/")
    return Likeness(platform, code, int(number))


@dataclass(frozen=True)
class Moment:
    """A part of a video that fits: from `start` to `end`, best at `second`, all in seconds.

    `number` is the best frame's, `frames` the numbers of those of its scene in order of time;
    `confidence` is from 0 to 1; `alike` are the frames folded under it.
    """

    platform: str
    code: str
    start: float
    end: float
    second: float
    number: int
    score: float
    confidence: float
    frames: tuple[int, ...] = ()
    alike: tuple[Likeness, ...] = ()

    @property
    def video(self) -> str:
        """`platform/code`."""
        return f"{self.platform}/{self.code}"

    @property
    def name(self) -> str:
        """`platform/code/number`, as addresses of the page name a frame."""
        return f"{self.video}/{self.number}"


@dataclass(frozen=True)
class Answer:
    """The moments of a search, best first.

    Where none reaches the confidence that was asked for, `fits` is false, and the moments are the
    nearest ones: an offer. `more` says whether there are further ones. `threshold` is from 0 to 1.
    `undated` says that frames without a date were left out by a filter on dates. `unknown` are
    texts that the model hardly knows. `excluded_by` are filters that no frame passes, in words.
    """

    moments: Sequence[Moment]
    fits: bool
    more: bool = False
    threshold: float = 0.0
    undated: bool = False
    unknown: Sequence[str] = ()
    excluded_by: Sequence[str] = ()
