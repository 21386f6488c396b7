"""Mends what verify found, video by video; each is looked at again before anything is done to it.

Broken off anywhere, it can be run again: what is done is not found again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from components.manifest import DONE_MARKER
from components.services import Services
from workflows.operations.delete import forget
from workflows.operations.findings import (
    Action,
    Problem,
    Wanted,
    actions_for,
    again,
    point_problems,
    problems,
    standing,
    unwanted_points,
)
from workflows.operations.inventory import Traces, inspected


@dataclass
class Repair:
    """What was done, or would be: videos by action; `left` are those beyond the limit."""

    applied: bool
    videos: int = 0
    left: int = 0
    actions: Counter[Action] = field(default_factory=Counter)

    def as_dict(self) -> dict[str, Any]:
        """Return the part of verify's report that `--json` prints."""
        actions = {action: self.actions[action] for action in Action if self.actions[action]}
        return {**vars(self), "actions": actions}


@dataclass(frozen=True)
class _Patient:
    """A video as it is now, with what is to be done to it."""

    traces: Traces
    actions: list[Action]
    reasons: list[str]
    unwanted_points: list[str]


def repair(
    folders: Iterable[str], services: Services, wanted: Wanted, limit: int, *, apply: bool
) -> Repair:
    """Mend up to `limit` of the videos (`platform/code/`); without `apply`, only say what it takes.

    Raises:
        PipelineError: a store does not answer, or refuses.
    """
    result = Repair(applied=apply)
    for folder in folders:
        if result.videos == limit:
            result.left += 1
            continue
        patient = _examined(folder, services, wanted)
        for action in patient.actions:
            if apply:
                _DO[action](patient, services)
            result.actions[action] += 1
        result.videos += bool(patient.actions)
    return result


def _examined(folder: str, services: Services, wanted: Wanted) -> _Patient:
    platform, code, _ = folder.split("/")
    traces = inspected(services, platform, code)
    own = (point for point in services.collection.points(platform, code) if point.is_frame)
    counts, unwanted = unwanted_points(traces, own)
    found: list[Problem] = [
        *problems(traces, wanted),
        *point_problems(standing(traces), counts, again(traces, wanted)),
    ]
    return _Patient(traces, actions_for(found), [problem.kind for problem in found], unwanted)


def _forget(patient: _Patient, services: Services) -> None:
    forget(services, patient.traces.platform, patient.traces.code)


def _delete_frames(patient: _Patient, services: Services) -> None:
    traces, bucket = patient.traces, services.settings.storage.frames_bucket
    orphans = sorted(traces.frames - traces.listed)
    services.store.delete_all(bucket, (f"{traces.folder}{name}" for name in orphans))


def _delete_points(patient: _Patient, services: Services) -> None:
    services.collection.remove(patient.unwanted_points)


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
    Action.MAKE_DUE: _make_due,
    Action.BOOK: _book,
}
