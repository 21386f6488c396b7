"""What a contact sheet shows: moments that answer a search; of a video, frames, source and crop."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass

from PIL import Image

from components.errors import NotFoundError, VideoRejectedError
from components.frames_tar.pictures import opened
from components.records.done_marker import DoneMarker
from components.records.videos import Frame, FramedVideo, Rectangle
from components.running.decoders import Access
from components.running.services import Services
from components.running.stored_frames import pictures
from workflows.sheet.source_frame import write_frame


@dataclass(frozen=True)
class SheetFrame:
    """A frame with its picture; `dropped` as the near-duplicate of one before."""

    frame: Frame
    picture: Image.Image
    dropped: bool = False


@dataclass(frozen=True)
class SheetMoment:
    """A moment of a video, in seconds, and the key of its best frame in the frames bucket.

    `same` names the videos of moments that look the same.
    """

    code: str
    start: float
    end: float
    path: str
    confidence: float
    same: tuple[str, ...] = ()


@dataclass(frozen=True)
class SheetVideo:
    """A done video as a sheet shows it; `source` is a whole frame, None where there is no crop.

    `duration` is in seconds, `crop` in pixels as displayed.
    """

    name: str
    duration: float
    crop: Rectangle | None
    source: Image.Image | None
    frames: tuple[SheetFrame, ...]
    duplicates_removed: int


def sheet_video(services: Services, marker: DoneMarker) -> SheetVideo:
    """Return the parts of a done video; what is gone from the artifacts bucket is left out.

    Raises:
        PipelineError: S3 does not answer, or the published frames are gone.
    """
    bucket = services.settings.storage.frames_bucket
    kept = [
        SheetFrame(frame, opened(services.store.get(f"s3://{bucket}/{marker.path(frame)}")))
        for frame in marker.frames
    ]
    frames = sorted([*kept, *_dropped(services, marker)], key=lambda one: one.frame.number)
    last = max((frame.scene_end for frame in marker.frames), default=0.0)
    return SheetVideo(
        name=str(marker.video),
        duration=marker.duration or last,
        crop=marker.crop,
        source=_source(services, marker) if marker.crop else None,
        frames=tuple(frames),
        duplicates_removed=marker.duplicates_removed,
    )


def _dropped(services: Services, marker: DoneMarker) -> Iterator[SheetFrame]:
    """Yield the frames that dedup left out, as long as they are still stored."""
    framed = services.results.behind(marker, "frame", FramedVideo)
    if framed is None or not marker.duplicates_removed:
        return
    kept = {frame.number for frame in marker.frames}
    missing = [frame for frame in framed.frames if frame.number not in kept]
    with suppress(NotFoundError), closing(pictures(services, framed, missing)) as files:
        for frame, content in files:
            yield SheetFrame(frame, opened(content), dropped=True)


def _source(services: Services, marker: DoneMarker) -> Image.Image | None:
    """Return the frame of the source at which the middle one of the kept is; None if it is gone."""
    framed = services.results.behind(marker, "frame", FramedVideo)
    if framed is None:
        return None
    source = framed.cropped.source
    with suppress(NotFoundError, VideoRejectedError), services.scratch.folder() as folder:
        path, picture = folder / "source", folder / "frame.png"
        services.store.download(marker.source, path)
        second = marker.frames[len(marker.frames) // 2].second if marker.frames else 0.0
        access = Access(path, (picture,))
        services.decoders.call(access, write_frame, path, source, second, picture)
        return opened(picture.read_bytes())
    return None
