"""All that is known of one video, and its contact sheet."""

from __future__ import annotations

from pathlib import Path

from components.records.done_marker import DoneMarker
from components.running.services import Services
from components.settings import Settings
from workflows.local.stand_ins import frame_location
from workflows.operations.show.report import ShownFrame, ShownVideo
from workflows.operations.status.status import of_video
from workflows.sheet.drawing import ContactSheet
from workflows.sheet.parts import sheet_video


def show_video(
    services: Services, deployment: Settings, platform: str, code: str, sheet: Path | None
) -> ShownVideo:
    """Return what is known of a video; of a done one, write the contact sheet if a file is given.

    Args:
        deployment: As the commands have it, before stand-ins are started: tells where frames are.

    Raises:
        ConfigurationError: nothing is known of it.
    """
    known = of_video(services, platform, code)
    marker = services.markers.done(platform, code)
    if marker is None:
        return ShownVideo(video=known.video, booking=known.booking, events=known.events)
    if sheet:
        _draw(services, marker, sheet)
    return ShownVideo(
        video=known.video,
        booking=known.booking,
        events=known.events,
        duration=marker.duration,
        crop=marker.crop,
        model=marker.model,
        duplicates_removed=marker.duplicates_removed,
        frames=tuple(
            ShownFrame(
                number=frame.number,
                second=frame.second,
                scene_start=frame.scene_start,
                scene_end=frame.scene_end,
                location=frame_location(deployment, marker.path(frame)),
            )
            for frame in marker.frames
        ),
        sheet=str(sheet) if sheet else None,
    )


def _draw(services: Services, marker: DoneMarker, target: Path) -> None:
    bucket = services.settings.storage.frames_bucket
    sheet = ContactSheet(lambda path: services.store.get(f"s3://{bucket}/{path}"))
    sheet.add_video(sheet_video(services, marker))
    sheet.save(target)
