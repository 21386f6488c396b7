"""Books every video: a marker in S3 for the finished and the rejected, a row in Postgres for all.

A failed video gets no marker, so that the next catch-up takes it up again.
"""

from __future__ import annotations

import json
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any

from components.each import Job, Shard
from components.errors import NotFoundError
from components.manifest import (
    DONE_MARKER,
    REJECTED_MARKER,
    Entry,
    IndexedVideo,
    RecordedVideo,
    Video,
)
from components.profiling import profile
from components.record.contract import COMPONENT, RecordInputs, RecordOutputs
from components.record.database import Database, VideoState
from components.services import Services
from components.storage import Store, split


@profile
def run(inputs: RecordInputs, services: Services) -> RecordOutputs:
    """Book every video of the shard, also those that did not get through."""
    shard = Shard(
        COMPONENT,
        inputs.manifest.read(services.store),
        services,
        verified=_marker_is_of,
    )
    settings = services.settings.record
    # Connected before any marker is written, so that a wrong password changes nothing.
    with nullcontext() if settings.local_mode else Database(settings) as database:
        shard.each(lambda job: _mark(job, inputs.run))
        for entry in shard.entries:
            _mark_rejected(entry, inputs.run, services)
        if database:
            database.record([_state(entry, inputs.run) for entry in shard.entries])
    return RecordOutputs(**shard.write(inputs.manifest.sibling(COMPONENT.name)))


def _mark(job: Job[IndexedVideo], run_name: str) -> RecordedVideo:
    """Write the done marker: what became of the video, for whoever reads the frames bucket."""
    indexed, video = job.input, job.video
    framed = indexed.framed
    source = framed.cropped.source
    store = job.services.store
    marker = _address(video, DONE_MARKER, job.services)
    content = {
        "platform": video.platform,
        "code": video.code,
        "source": video.source,
        "etag": source.etag,
        "duration": source.duration,
        "crop": framed.rectangle.model_dump() if framed.rectangle else None,
        "frames": [
            {**frame.model_dump(), "path": framed.path(frame), "uuid": framed.point_id(frame)}
            for frame in framed.frames
        ],
        "duplicates_removed": framed.duplicates_removed,
        "collection": indexed.collection,
        "model": indexed.model,
        "dim": indexed.dim,
        "fingerprints": _fingerprints(job),
        "run": run_name,
        "recorded_at": _now(),
    }
    _put(store, marker, content)
    bucket, key = split(_address(video, REJECTED_MARKER, job.services))
    store.delete(bucket, [key])
    return RecordedVideo(indexed=indexed, marker=marker)


def _marker_is_of(job: Job[IndexedVideo], recorded: RecordedVideo) -> bool:
    """Tell whether the marker says what this run would; another one may have written it since."""
    try:
        content = json.loads(job.services.store.get(recorded.marker))
        return bool(content["fingerprints"] == _fingerprints(job))
    except (NotFoundError, ValueError, KeyError, TypeError):
        return False


def _fingerprints(job: Job[IndexedVideo]) -> dict[str, str]:
    return {step.phase: step.fingerprint for step in job.entry.steps}


def _mark_rejected(entry: Entry[Any], run_name: str, services: Services) -> None:
    """Write why the video is rejected, for as long as its source stays the same.

    What an earlier version of the video left, its frames and its done marker, stays.
    """
    problem = entry.problem
    if problem is None or problem.kind != "rejected" or not entry.etag:
        return
    content = {
        "platform": entry.video.platform,
        "code": entry.video.code,
        "source": entry.video.source,
        "etag": entry.etag,
        "phase": problem.phase,
        "reason": problem.reason,
        "message": problem.message,
        "run": run_name,
        "recorded_at": _now(),
    }
    _put(services.store, _address(entry.video, REJECTED_MARKER, services), content)


def _address(video: Video, marker: str, services: Services) -> str:
    bucket = services.settings.storage.frames_bucket
    return f"s3://{bucket}/{video.platform}/{video.code}/{marker}"


def _put(store: Store, uri: str, content: dict[str, Any]) -> None:
    text = json.dumps(content, ensure_ascii=False, indent=1)
    store.put(uri, text.encode(), content_type="application/json")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _state(entry: Entry[Any], run_name: str) -> VideoState:
    video = entry.video
    seconds = {step.phase: step.seconds for step in entry.steps if not step.reused}
    if entry.problem:
        problem = entry.problem
        return VideoState(
            platform=video.platform,
            code=video.code,
            state=problem.kind,
            run=run_name,
            etag=entry.etag or None,
            phase=problem.phase,
            reason=problem.reason,
            message=problem.message,
            seconds=seconds,
        )
    assert isinstance(entry.result, RecordedVideo)
    framed = entry.result.indexed.framed
    return VideoState(
        platform=video.platform,
        code=video.code,
        state="done",
        run=run_name,
        etag=framed.cropped.source.etag,
        fingerprint=entry.fingerprint,
        frames=len(framed.frames),
        seconds=seconds,
    )
