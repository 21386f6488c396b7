"""Mends what verify found, video by video; each is looked at again before anything is done to it.

Broken off anywhere, it can be run again: what is done is not found again.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from components.records.done_marker import DONE_MARKER
from components.running.services import Services
from components.stores.objects import split
from components.stores.vectors.store import Collection
from workflows.operations.delete.delete import forget
from workflows.operations.inventory import Traces, inspected
from workflows.operations.verify.deep import Damage, damage
from workflows.operations.verify.defects import (
    Action,
    Defect,
    Standing,
    Wanted,
    actions_for,
    again,
    damage_defects,
    defects,
    point_defects,
    standing,
    unwanted_points,
)
from workflows.operations.verify.describe import describe
from workflows.operations.verify.report import Repaired


@dataclass(frozen=True)
class _Patient:
    """A video as it is now, with what is to be done to it."""

    traces: Traces
    actions: list[Action]
    reasons: list[str]
    unwanted_points: list[str]
    damage: Damage


def repair(
    folders: Iterable[str],
    services: Services,
    wanted: Wanted,
    limit: int,
    *,
    apply: bool,
    deep: bool = False,
) -> Repaired:
    """Mend up to `limit` of the videos (`platform/code/`); without `apply`, only say what it takes.

    With `deep`, each is read back as well before anything is done to it.

    Raises:
        PipelineError: a store does not answer, or refuses.
    """
    videos = left = 0
    counts: Counter[Action] = Counter()
    for folder in folders:
        if videos == limit:
            left += 1
            continue
        patient = _examined(folder, services, wanted, deep=deep)
        for action in patient.actions:
            if apply:
                _DO[action](patient, services)
            counts[action] += 1
        videos += bool(patient.actions)
    actions = {action: counts[action] for action in Action if counts[action]}
    return Repaired(applied=apply, videos=videos, left=left, actions=actions)


def remove_foreign_points(collection: Collection, *, apply: bool) -> int:
    """Remove the points that are not frames, or without `apply` only count them."""
    count = 0

    def ids() -> Iterator[str]:
        nonlocal count
        for point in collection.points():
            if not point.is_frame:
                count += 1
                yield point.id

    if apply:
        collection.remove(ids())
    else:
        deque(ids(), maxlen=0)
    return count


def _examined(folder: str, services: Services, wanted: Wanted, *, deep: bool) -> _Patient:
    platform, code, _ = folder.split("/")
    traces = inspected(services, platform, code)
    own = (point for point in services.collection.points(platform, code) if point.is_frame)
    counts, unwanted = unwanted_points(traces, own)
    read = Damage()
    if deep and traces.done and standing(traces) is Standing.MARKED:
        read = damage(services, traces.done)
    found: list[Defect] = [
        *damage_defects(read, again(traces, wanted)),
        *defects(traces, wanted),
        *point_defects(standing(traces), counts, again(traces, wanted)),
    ]
    kinds = [str(defect.kind) for defect in found]
    return _Patient(traces, actions_for(found), kinds, unwanted, read)


def _forget(patient: _Patient, services: Services) -> None:
    forget(services, patient.traces.platform, patient.traces.code)


def _delete_frames(patient: _Patient, services: Services) -> None:
    traces, bucket = patient.traces, services.settings.storage.frames_bucket
    orphans = sorted(traces.frames - traces.listed)
    services.store.delete_all(bucket, (f"{traces.folder}{name}" for name in orphans))


def _delete_points(patient: _Patient, services: Services) -> None:
    services.collection.remove(patient.unwanted_points)


def _remove_damaged(patient: _Patient, services: Services) -> None:
    found = patient.damage
    services.store.delete_all(services.settings.storage.frames_bucket, found.frames)
    for uri in found.artifacts:
        bucket, key = split(uri)
        services.store.delete(bucket, [key])
    services.collection.remove(found.points)


def _describe_points(patient: _Patient, services: Services) -> None:
    if patient.traces.done:
        describe(services, patient.traces.done)


def _make_due(patient: _Patient, services: Services) -> None:
    traces = patient.traces
    if services.ledger is None or (DONE_MARKER in traces.markers and not traces.done):
        # One that cannot be read would be taken for there, and not written anew.
        services.markers.remove(traces.platform, traces.code, DONE_MARKER)
    if services.ledger:
        details = {"by": "verify", "because": patient.reasons}
        services.ledger.request(traces.platform, traces.code, details)


def _book(patient: _Patient, services: Services) -> None:
    booking = patient.traces.marked
    assert services.ledger
    assert booking
    services.ledger.book([booking])


_DO: dict[Action, Callable[[_Patient, Services], None]] = {
    Action.FORGET: _forget,
    Action.DELETE_FRAMES: _delete_frames,
    Action.DELETE_POINTS: _delete_points,
    Action.REMOVE_DAMAGED: _remove_damaged,
    Action.DESCRIBE_POINTS: _describe_points,
    Action.MAKE_DUE: _make_due,
    Action.BOOK: _book,
}
