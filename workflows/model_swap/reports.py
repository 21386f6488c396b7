"""What the commands of `oriane model` print as JSON."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from components.records.record import Record
from components.stores.vectors.store import Member

NOTE = "scores of two models are not comparable; only which frames are found is compared"


class Collections(Record):
    """The collections behind the alias."""

    alias: str
    collections: tuple[Member, ...]


class PreparedVideos(Record):
    """Done videos by what became of them; `unreadable` ones have a marker that cannot be read."""

    embedded: int
    already: int
    skipped: int
    unreadable: int


class Skipped(Record):
    """A video that was not embedded, and why."""

    video: str
    why: str


class Prepared(Record):
    """The collection that was filled for another model."""

    collection: str
    model: str
    dim: int
    videos: PreparedVideos
    frames: int
    skipped: tuple[Skipped, ...]


class ComparedQuery(Record):
    """What two models find for a query: the part of the first k that both find, and the rest."""

    query: str
    overlap: float
    only_current: tuple[str, ...]
    only_other: tuple[str, ...]


class Measured(Record):
    """A measure's means for two models, and their difference with its 95 % confidence interval."""

    current: float
    other: float
    difference: float
    low: float
    high: float


class Judged(Record):
    """How well two models answer queries of a kind whose answers are known."""

    kind: str
    queries: int
    k: int
    ndcg: Measured
    recall: Measured


class Answered(Record):
    """The share of questions that two models answer with moments that fit, at this confidence.

    Of captions, an answer counts that has the video; of what is not there, any answer does, and is
    a false one.
    """

    kind: Literal["captions", "not there"]
    queries: int
    confidence: float
    share: Measured


class Compared(Record):
    """The mean overlap of two models over queries, and the queries on which they agree least.

    `judged` is empty where nothing was asked whose answer is known; `not_judged` says why.
    `answered` says how often there was an answer where there should be one, or none.
    """

    k: int
    queries: int
    mean_overlap: float
    current: Member
    other: Member
    worst: tuple[ComparedQuery, ...]
    judged: tuple[Judged, ...] = ()
    answered: tuple[Answered, ...] = ()
    not_judged: str | None = None
    note: str = NOTE


class Switched(Record):
    """Where the alias was and is, or with `dry_run` would be; videos by what that means for them.

    `lacking` are done videos whose points the collection lacks, `to_rebook` those whose marker
    changes.
    """

    alias: str
    from_: str | None = Field(alias="from")
    to: str
    model: str
    dim: int
    dry_run: bool
    videos: int
    lacking: int
    to_rebook: int
    unreadable: int
    note: str | None
