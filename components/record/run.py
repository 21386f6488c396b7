"""Books every video: a marker in S3 for the finished and the rejected, a row in Postgres for all.

A failed video gets no marker, so that the next catch-up takes it up again. The marker is the
result: nothing else is kept of it.
"""

from __future__ import annotations

from typing import Any

from components.base.profiling import profile
from components.record.contract import COMPONENT, RecordInputs, RecordOutputs
from components.records.booking import Booking
from components.records.done_marker import DONE_MARKER, DoneMarker, MarkedFrame
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
    shard = Shard(COMPONENT, inputs.manifest.read(services.store), services, seen=_seen)
    shard.each(lambda job: _mark(job, inputs.run))
    for entry in shard.entries:
        _mark_rejected(entry, inputs.run, services)
        services.forget(entry.video)
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
    rejected = job.services.seen_markers.may_be_there(video, REJECTED_MARKER)
    uri = job.services.markers.write_done(marker, rejected=rejected)
    return RecordedVideo(indexed=indexed, marker=uri)


def _seen(job: Job[IndexedVideo]) -> RecordedVideo | None:
    """Return the result if the marker says what this run would come to.

    It is worth nothing beside a rejection, of a version of the source that came and went.
    """
    video, markers, seen = job.video, job.services.markers, job.services.seen_markers
    if not seen.may_be_there(video, DONE_MARKER):
        return None
    marker = markers.done(video.platform, video.code)
    if marker is None or marker.fingerprints != _fingerprints(job):
        return None
    rejection = markers.address(video.platform, video.code, REJECTED_MARKER)
    if seen.may_be_there(video, REJECTED_MARKER) and job.services.store.exists(rejection):
        return None
    address = markers.address(video.platform, video.code, DONE_MARKER)
    return RecordedVideo(indexed=job.input, marker=address)


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
