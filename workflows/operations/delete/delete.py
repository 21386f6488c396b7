"""Forgets videos: frames, points, artifacts and what is booked; never the source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from components.base.disk import is_short_of_space
from components.errors import ConfigurationError, TransientError
from components.plan.job_input import named_video
from components.running.services import Services
from components.settings import IndexSettings
from components.stores.objects import split
from components.stores.vectors.store import Collection
from workflows.operations.delete.report import Holdings
from workflows.operations.inventory import Traces, inspected, result_of
from workflows.terminal.output import time


def delete_videos(names: Sequence[str], services: Services, *, apply: bool) -> list[Holdings]:
    """Forget the videos (`platform/code`) and return what was stored of them.

    Nothing is deleted unless all of them can be; without `apply`, nothing at all. Of some nothing
    may be stored any more, so that what broke off can be done again.

    Raises:
        ConfigurationError: a name is not a video's, or nothing is stored under any.
        TransientError: a run works on one of them; or the disk is so full, with all files of theirs
            gone, that points cannot be taken out of the embedded engine.
    """
    found = [_held(name, services) for name in dict.fromkeys(names)]
    if not any(held.anything for held in found):
        raise ConfigurationError(
            f"{', '.join(held.video for held in found)}: nothing is stored of this; give "
            "PLATFORM/CODE as the frames bucket names it"
        )
    if apply:
        if _engine_is_short_of_space(services.settings.index):
            for held in found:
                _forget_objects(services, held.platform, held.code)
        for held in found:
            forget(services, held.platform, held.code)
    return found


def _engine_is_short_of_space(index: IndexSettings) -> bool:
    """Return whether the embedded engine has to have some freed before it takes points out."""
    return index.embedded and index.url is not None and is_short_of_space(Path(index.url))


def forget(services: Services, platform: str, code: str) -> None:
    """Remove what is stored of a video, its source aside; the same done twice.

    Artifacts come first, for nothing depends on them. Then the video is booked nowhere, and then
    go the points and frames that nothing stands for any more: whatever is left by a crash in
    between, verify finds it and deleting it again completes it.
    """
    traces = _unbooked(services, platform, code)
    for collection in services.vectors.collections():
        collection.remove(_own_points(collection, platform, code))
    _delete_frames(services, platform, code, traces)


def _forget_objects(services: Services, platform: str, code: str) -> None:
    """Remove all but the points; until these have gone, too, a search finds frames without files.

    So only where nothing else makes room for it.
    """
    _delete_frames(services, platform, code, _unbooked(services, platform, code))


def _unbooked(services: Services, platform: str, code: str) -> Traces:
    """Remove artifacts, and what says that the video is done; return what else there was."""
    storage = services.settings.storage
    folder = f"{platform}/{code}/"
    services.store.delete_all(storage.artifacts_bucket, _artifacts(services, folder))
    if services.ledger:
        services.ledger.forget(platform, code)
    traces = inspected(services, platform, code)
    services.store.delete_all(
        storage.frames_bucket, (f"{folder}{name}" for name in sorted(traces.markers))
    )
    return traces


def _delete_frames(services: Services, platform: str, code: str, traces: Traces) -> None:
    frames = (f"{platform}/{code}/{name}" for name in sorted(traces.frames))
    services.store.delete_all(services.settings.storage.frames_bucket, frames)


def _held(name: str, services: Services) -> Holdings:
    platform, _, code = name.partition("/")
    named_video(platform, code, services.settings.storage.videos_bucket, name)
    traces = inspected(services, platform, code)
    booking = traces.booking
    if booking and booking.leased_by:
        raise TransientError(
            f"run {booking.leased_by} works on {name}, until {time(booking.leased_until)} at "
            "most; delete it once the run has ended, or if it is dead after oriane release "
            f"{booking.leased_by}"
        )
    points = [
        point
        for collection in services.vectors.collections()
        for point in _own_points(collection, platform, code)
    ]
    return Holdings(
        platform=platform,
        code=code,
        frames=len(traces.frames),
        points=len(points),
        artifacts=traces.results,
        markers=len(traces.markers),
        state=booking.state if booking else None,
        source=traces.laid_out,
    )


def _own_points(collection: Collection, platform: str, code: str) -> Iterator[str]:
    return (point.id for point in collection.points(platform, code) if point.is_frame)


def _artifacts(services: Services, folder: str) -> Iterator[str]:
    bucket = services.settings.storage.artifacts_bucket
    for stored in services.store.objects(f"s3://{bucket}/results/{folder}"):
        if result_of(stored.uri):
            yield split(stored.uri)[1]
