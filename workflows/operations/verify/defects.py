"""What can be wrong with what is stored of a video, and what mends it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Self

from components.base.logs import log
from components.base.model_names import identity
from components.base.wording import counted
from components.errors import ConfigurationError, Reason
from components.records.done_marker import DoneMarker
from components.running.services import Services
from workflows.operations.inventory import Traces
from workflows.operations.verify.deep import Damage, texts

if TYPE_CHECKING:
    from components.stores.vectors.store import Point


class Kind(StrEnum):
    """What is wrong, in the order in which it is reported, with what that means."""

    meaning: str

    def __new__(cls, value: str, meaning: str = "") -> Self:
        kind = str.__new__(cls, value)
        kind._value_, kind.meaning = value, meaning
        return kind

    MISSING_FRAMES = (
        "missing_frames",
        "frames that the done marker lists are not in the frames bucket",
    )
    MISSING_POINTS = "missing_points", "frames that the done marker lists have no point"
    ORPHAN_FRAMES = "orphan_frames", "frames that the done marker does not list"
    ORPHAN_POINTS = "orphan_points", "points of frames that the done marker does not list"
    DELETED_SOURCE = "deleted_source", "something is stored of a video whose source is gone"
    WRONG_MODEL = (
        "wrong_model",
        "points of another model than the marker's, or marker than CLIP_MODEL",
    )
    WRONG_DIMENSION = (
        "wrong_dimension",
        "marker and collection differ; `oriane model status` shows the collections",
    )
    HALF_FINISHED = (
        "half_finished",
        "something is there and nothing booked; the next catch-up takes it up",
    )
    DAMAGED_FRAMES = "damaged_frames", "published frames that do not open (found with --deep)"
    DAMAGED_POINTS = "damaged_points", "vectors that are not those of the frames (with --deep)"
    DAMAGED_ARTIFACTS = (
        "damaged_artifacts",
        "artifacts that are not what was written; made anew when needed (with --deep)",
    )
    UNDESCRIBED_POINTS = (
        "undescribed_points",
        "points of an earlier version, without what answers are folded and filtered by",
    )
    UNBOOKED = "unbooked", "the ledger does not say what the marker says"
    UNMARKED = "unmarked", "booked as done, without a marker that can be read"


class Action(StrEnum):
    """What a repair does to a video, in the order in which it does it."""

    FORGET = "forget"
    DELETE_FRAMES = "delete_frames"
    DELETE_POINTS = "delete_points"
    REMOVE_DAMAGED = "remove_damaged"
    DESCRIBE_POINTS = "describe_points"
    MAKE_DUE = "make_due"
    BOOK = "book"


class Standing(StrEnum):
    """How a video stands, which decides what points of it mean that no marker lists."""

    LEASED = "leased"
    MARKED = "marked"
    BOOKED = "booked"
    UNFINISHED = "unfinished"
    GONE = "gone"


@dataclass(frozen=True)
class Defect:
    """Something wrong with a video, with how many objects it has.

    Without an action the next catch-up sees to it, or a person has to.
    """

    kind: Kind
    objects: int
    detail: str
    actions: tuple[Action, ...] = ()


@dataclass(frozen=True)
class PointCounts:
    """How a video's points differ from the frames of its done marker.

    `undescribed` are those that are its own, and lack what answers are folded and filtered by.
    """

    missing: int = 0
    unlisted: int = 0
    other_model: int = 0
    undescribed: int = 0


@dataclass(frozen=True)
class Wanted:
    """What markers are held against; `model` is None where CLIP_MODEL does not say.

    `dim` is the collection's, None where there is none yet.
    """

    ledger: bool
    collection: str
    model: str | None
    dim: int | None

    @classmethod
    def of(cls, services: Services) -> Self:
        """Return what the settings and the collection say.

        Raises:
            ConfigurationError: the collection was made by someone else.
        """
        embed, collection = services.settings.embed, services.collection
        model = None
        if "model" in embed.model_fields_set:
            try:
                model = identity(embed.model)
            except ConfigurationError as error:
                log.warning("verify: markers are not compared with CLIP_MODEL: %s", error)
        return cls(
            ledger=services.ledger is not None,
            collection=services.settings.index.collection,
            model=model,
            dim=collection.dim() if collection.exists() else None,
        )


def standing(traces: Traces) -> Standing:
    """Return how the video stands."""
    if traces.leased:
        return Standing.LEASED
    if traces.etag is None:
        return Standing.GONE
    if traces.done or traces.rejected:
        return Standing.MARKED
    if traces.booking and traces.booking.state:
        return Standing.BOOKED
    return Standing.UNFINISHED


def again(traces: Traces, wanted: Wanted) -> tuple[Action, ...]:
    """Return what makes the next catch-up take the video; nothing where it does so, or cannot."""
    booking = traces.booking if wanted.ledger else traces.marked
    if booking is None or booking.state in (None, "requested"):
        return ()
    if booking.etag and booking.etag != traces.etag:
        return ()
    if traces.done and _of_other_settings(traces.done, wanted):
        return ()
    # Without a ledger, a video that no listing finds would never be found again.
    return (Action.MAKE_DUE,) if wanted.ledger or traces.laid_out else ()


def defects(traces: Traces, wanted: Wanted) -> Iterator[Defect]:
    """Yield what is wrong with a video, its points aside; nothing while a run works on it."""
    stands = standing(traces)
    if stands is Standing.GONE:
        yield from _of_deleted_source(traces)
    elif stands is Standing.MARKED:
        yield from _of_marked(traces, wanted)
    elif stands is Standing.BOOKED and traces.booking and traces.booking.state == "done":
        yield Defect(Kind.UNMARKED, 1, "booked as done", again(traces, wanted))
    elif stands is Standing.UNFINISHED and (traces.frames or traces.results):
        frames, results = len(traces.frames), traces.results
        left = f"{counted(frames, 'frame')}, {counted(results, 'artifact')}, not booked"
        yield Defect(Kind.HALF_FINISHED, frames + results, left)


def point_defects(
    stands: Standing, counts: PointCounts, rerun: tuple[Action, ...]
) -> Iterator[Defect]:
    """Yield what is wrong with a video's points.

    Args:
        rerun: What `again` says of the video.
    """
    unlisted = counted(counts.unlisted, "point")
    if stands is Standing.GONE and counts.unlisted:
        yield Defect(Kind.DELETED_SOURCE, counts.unlisted, unlisted, (Action.FORGET,))
    elif stands is Standing.UNFINISHED and counts.unlisted:
        yield Defect(Kind.HALF_FINISHED, counts.unlisted, unlisted)
    elif stands is Standing.MARKED:
        if counts.missing:
            detail = counted(counts.missing, "point")
            yield Defect(Kind.MISSING_POINTS, counts.missing, detail, rerun)
        if counts.unlisted:
            yield Defect(Kind.ORPHAN_POINTS, counts.unlisted, unlisted, (Action.DELETE_POINTS,))
        if counts.other_model:
            detail = f"{counted(counts.other_model, 'point')} of another model than the marker's"
            actions = (Action.DELETE_POINTS, *rerun)
            yield Defect(Kind.WRONG_MODEL, counts.other_model, detail, actions)
        if counts.undescribed:
            detail = counted(counts.undescribed, "point")
            actions = (Action.DESCRIBE_POINTS,)
            yield Defect(Kind.UNDESCRIBED_POINTS, counts.undescribed, detail, actions)


def unwanted_points(traces: Traces, points: Iterable[Point]) -> tuple[PointCounts, list[str]]:
    """Return how a video's points differ from its marker, and the ids of those to be removed."""
    listed, model = listed_points(traces), marked_model(traces)
    unlisted, other, undescribed = [], [], 0
    for point in points:
        if point.id not in listed:
            unlisted.append(point.id)
            continue
        listed.discard(point.id)
        if model and point.model != model:
            other.append(point.id)
        elif not point.is_described:
            undescribed += 1
    missing = 0 if traces.rejected else len(listed)
    return PointCounts(missing, len(unlisted), len(other), undescribed), unlisted + other


def listed_points(traces: Traces) -> set[str]:
    """Return the ids of the points that the done marker stands for."""
    return set(traces.done.point_ids) if traces.done else set()


def marked_model(traces: Traces) -> str | None:
    """Return the model that the done marker names."""
    return traces.done.model if traces.done else None


def actions_for(found: Iterable[Defect]) -> list[Action]:
    """Return what a repair does for a video with these defects, in order."""
    found = list(found)
    actions = {action for defect in found for action in defect.actions}
    if Action.FORGET in actions:
        return [Action.FORGET]
    if Action.MAKE_DUE in actions or any(defect.kind in _INCOMPLETE for defect in found):
        # Booked as done it would not be taken up.
        actions.discard(Action.BOOK)
    return [action for action in Action if action in actions]


_INCOMPLETE = {
    Kind.MISSING_FRAMES,
    Kind.MISSING_POINTS,
    Kind.DAMAGED_FRAMES,
    Kind.DAMAGED_POINTS,
}


def damage_defects(found: Damage, rerun: tuple[Action, ...]) -> Iterator[Defect]:
    """Yield what reading a video back found.

    Args:
        rerun: What `again` says of the video.
    """
    for kind, objects, text in texts(found):
        after = () if kind == Kind.DAMAGED_ARTIFACTS else rerun
        yield Defect(Kind(kind), objects, text, (Action.REMOVE_DAMAGED, *after))


def _of_deleted_source(traces: Traces) -> Iterator[Defect]:
    booking = traces.booking
    # What is booked as missing is booked rightly.
    booked = bool(booking and booking.state and booking.reason != Reason.MISSING)
    if not (traces.markers or traces.frames or booked):
        return
    state = f"booked as {booking.state}" if booking and booking.state else "not booked"
    frames, markers = len(traces.frames), len(traces.markers)
    detail = f"{counted(frames, 'frame')}, {counted(markers, 'marker')}, {state}"
    objects = frames + markers + booked
    yield Defect(Kind.DELETED_SOURCE, objects, detail, (Action.FORGET,))


def _of_marked(traces: Traces, wanted: Wanted) -> Iterator[Defect]:
    listed, done = traces.listed, traces.done
    missing, orphans = listed - traces.frames, traces.frames - listed
    # What an earlier version of a now rejected video left cannot be made again.
    if missing and not traces.rejected:
        detail = f"{len(missing)} of {counted(len(listed), 'frame')}"
        yield Defect(Kind.MISSING_FRAMES, len(missing), detail, again(traces, wanted))
    if orphans:
        detail = counted(len(orphans), "frame")
        yield Defect(Kind.ORPHAN_FRAMES, len(orphans), detail, (Action.DELETE_FRAMES,))
    if done and wanted.model and done.model != wanted.model:
        yield Defect(Kind.WRONG_MODEL, 1, f"marker of {done.model}")
    if done and wanted.dim and done.dim != wanted.dim:
        detail = f"marker of {done.dim} dimensions, collection of {wanted.dim}"
        yield Defect(Kind.WRONG_DIMENSION, 1, detail)
    if wanted.ledger and (difference := _difference(traces)):
        yield Defect(Kind.UNBOOKED, 1, difference, (Action.BOOK,))


def _difference(traces: Traces) -> str:
    """Return how the ledger contradicts the markers; empty where it does not."""
    marked, booking = traces.marked, traces.booking
    assert marked
    if booking is None or booking.state is None:
        return f"marked as {marked.state}, not booked"
    # A failure or a request is newer than the marker and leaves it as it is.
    if booking.state not in ("done", "rejected"):
        return ""
    if booking.state != marked.state:
        return f"marked as {marked.state}, booked as {booking.state}"
    return "" if booking.etag == marked.etag else "marked and booked with different ETags"


def _of_other_settings(done: DoneMarker, wanted: Wanted) -> bool:
    """Return whether catch-up takes the video because it was indexed elsewhere or otherwise."""
    other_model = wanted.model is not None and done.model != wanted.model
    return other_model or done.collection != wanted.collection
