"""Books every video: a marker in S3 for the finished and the rejected, a row in Postgres for all.

A failed video gets no marker, so that the next catch-up takes it up again.
"""

from __future__ import annotations

from typing import Any

from components.base.profiling import profile
from components.record.contract import COMPONENT, RecordInputs, RecordOutputs
from components.records.booking import Booking
from components.records.done_marker import DoneMarker, MarkedFrame
from components.records.manifest import Entry
from components.records.rejected_marker import REJECTED_MARKER, RejectedMarker
from components.records.videos import IndexedVideo, RecordedVideo
from components.running.job import Job
from components.running.services import Services
from components.running.shard import Shard
from components.stores.markers import now


@profile
def run(inputs: RecordInputs, services: Services) -> RecordOutputs:
    """Book every video of the shard, also those that did not get through."""
    # Connected before any marker is written, so that a wrong password changes nothing.
    ledger = services.ledger
    shard = Shard(
        COMPONENT,
        inputs.manifest.read(services.store),
        services,
        verified=_marker_is_of,
        exclusive=True,
    )
    shard.each(lambda job: _mark(job, inputs.run))
    for entry in shard.entries:
        _mark_rejected(entry, inputs.run, services)
    if ledger:
        ledger.book(Booking.of(entry, inputs.run) for entry in shard.entries)
    return RecordOutputs(**shard.write(inputs.manifest.sibling(COMPONENT.name)))


def _mark(job: Job[IndexedVideo], run_name: str) -> RecordedVideo:
    """Write the done marker: what became of the video, for whoever reads the frames bucket."""
    indexed, video = job.input, job.video
    framed = indexed.framed
    source = framed.cropped.source
    frames = (
        MarkedFrame(
            path=framed.path(frame),
            uuid=framed.point_id(frame),
            dhash=framed.dhash(frame),
            **dict(frame),
        )
        for frame in framed.frames
    )
    marker = DoneMarker(
        platform=video.platform,
        code=video.code,
        source=video.source,
        etag=source.etag,
        duration=source.duration,
        crop=framed.rectangle,
        frames=tuple(frames),
        duplicates_removed=framed.duplicates_removed,
        collection=indexed.collection,
        model=indexed.model,
        dim=indexed.dim,
        fingerprints=_fingerprints(job),
        run=run_name,
        recorded_at=now(),
        dated=source.modified,
        seconds=job.entry.seconds_passed,
    )
    return RecordedVideo(indexed=indexed, marker=job.services.markers.write_done(marker))


def _marker_is_of(job: Job[IndexedVideo], _: RecordedVideo) -> bool:
    """Return whether the marker says what this run would; another may have written it since.

    It is worth nothing beside a rejection, of a version of the source that came and went.
    """
    video, markers = job.video, job.services.markers
    marker = markers.done(video.platform, video.code)
    return (
        marker is not None
        and marker.fingerprints == _fingerprints(job)
        and not job.services.store.exists(
            markers.address(video.platform, video.code, REJECTED_MARKER)
        )
    )


def _fingerprints(job: Job[IndexedVideo]) -> dict[str, str]:
    return {**job.entry.fingerprints, job.phase: job.fingerprint}


def _mark_rejected(entry: Entry[Any], run_name: str, services: Services) -> None:
    """Write why the video is rejected, for as long as its source stays the same."""
    problem, video = entry.problem, entry.video
    if problem is None or problem.kind != "rejected" or not entry.etag:
        return
    marker = RejectedMarker(
        platform=video.platform,
        code=video.code,
        source=video.source,
        etag=entry.etag,
        phase=problem.phase,
        reason=problem.reason,
        message=problem.message,
        run=run_name,
        recorded_at=now(),
        seconds=entry.seconds_passed,
    )
    services.markers.write_rejected(marker)
