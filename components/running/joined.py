"""The entries of a phase that takes what several did side by side, each with the steps of all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from components.errors import ManifestError
from components.records.manifest import Entry, Result


def joined(
    entries: Sequence[Entry[Result]], *beside: Sequence[Entry[Any]]
) -> Sequence[Entry[Result]]:
    """Return the entries with the steps of those beside them before their own last ones.

    A problem of any stops a video.

    Raises:
        ManifestError: they are not of the same videos.
    """
    for others in reversed(beside):
        of_video = {entry.video: entry for entry in others}
        if of_video.keys() != {entry.video for entry in entries}:
            raise ManifestError(
                "the manifests hold different videos; give the phase those of one shard"
            )
        entries = [_join(entry, of_video[entry.video]) for entry in entries]
    return entries


def _join(entry: Entry[Result], other: Entry[Any]) -> Entry[Result]:
    shared = [step for step in entry.steps if step in other.steps]
    others = [step for step in other.steps if step not in entry.steps]
    last = [step for step in entry.steps if step not in shared]
    problem = entry.problem or other.problem
    return entry.model_copy(
        update={
            "steps": (*shared, *others, *last),
            "result": None if problem else entry.result,
            "problem": problem,
        }
    )
