"""One decode of a video: scenes are found in small frames, the picked ones written in full size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from av.video.frame import VideoFrame
from PIL import Image

from components.errors import Reason, VideoRejectedError
from components.frame.pick import Candidate, Picker
from components.frame.scenes import SceneCuts
from components.frames_tar import FramesTar
from components.manifest import CroppedVideo, Frame, Rectangle, SourceVideo, frame_file
from components.media.borders import border_holds
from components.media.decoding import Picture, opened, small, upright
from components.profiling import profile
from components.settings import FrameSettings


class _BorderGoneError(Exception):
    """The picture reaches beyond the rectangle in some frame."""


@profile
def extract(
    path: Path, tar: Path, cropped: CroppedVideo, settings: FrameSettings, black_limit: int
) -> tuple[Rectangle | None, list[Frame]]:
    """Write the picked frames of the video to `tar`; return the crop applied and the frames.

    A border has to be black in every frame of the video. Where it is not, nothing is cropped,
    and the video is decoded a second time.

    Raises:
        VideoRejectedError: no frame can be decoded, or all are blank.
    """
    if cropped.reencoded or cropped.rectangle is None:
        frames = _pass(path, tar, cropped, None, settings, black_limit)
        return cropped.rectangle, frames
    try:
        frames = _pass(path, tar, cropped, cropped.rectangle, settings, black_limit)
        return cropped.rectangle, frames
    except _BorderGoneError:
        return None, _pass(path, tar, cropped, None, settings, black_limit)


def _pass(
    path: Path,
    tar: Path,
    cropped: CroppedVideo,
    rectangle: Rectangle | None,
    settings: FrameSettings,
    black_limit: int,
) -> list[Frame]:
    source = _size(cropped)
    cuts = SceneCuts(settings)
    last = None
    with FramesTar(tar) as frames, opened(path) as video:

        def keep(candidate: Candidate[VideoFrame]) -> None:
            picture = upright(
                candidate.item, source.rotation, width=source.width, height=source.height
            )
            name = frame_file(candidate.number, candidate.second)
            frames.add(name, Image.fromarray(_inside(picture, rectangle, source)))

        picker = Picker(1 / settings.sample_fps, settings.min_frames, keep)
        for last in video.decoded(source.start):
            thumbnail = small(last.frame, source)
            if rectangle:
                size = (source.width, source.height)
                if not border_holds(thumbnail, rectangle, *size, black_limit):
                    raise _BorderGoneError
                thumbnail = _inside(thumbnail, rectangle, source)
            for second in cuts.feed(last.second, thumbnail):
                picker.cut(second)
            candidate = Candidate(last.number, last.second, last.frame)
            picker.offer(candidate, blank=_is_blank(thumbnail, settings.solid_std))
        if last is None:
            raise VideoRejectedError(Reason.UNDECODABLE, "no frame of the video can be decoded")
        for second in cuts.finish(last.second):
            picker.cut(second)
        picked = picker.finish(max(source.duration, last.second))
    if not picked:
        raise VideoRejectedError(
            Reason.BLANK,
            f"all {last.number + 1} frames are of a single colour; lower VP_SOLID_STD to keep them",
        )
    return picked


def _size(cropped: CroppedVideo) -> SourceVideo:
    """Return the source as the decoder will find it, which a re-encoded file has changed."""
    if not cropped.reencoded or not cropped.rectangle:
        return cropped.source
    size = {"width": cropped.rectangle.width, "height": cropped.rectangle.height, "rotation": 0}
    return cropped.source.model_copy(update=size)


def _inside(picture: Picture, rectangle: Rectangle | None, source: SourceVideo) -> Picture:
    """Cut the rectangle, given in pixels of the source, out of a picture of it of any size."""
    if rectangle is None:
        return picture
    rows, columns = picture.shape[:2]
    top = round(rectangle.y * rows / source.height)
    left = round(rectangle.x * columns / source.width)
    bottom = max(top + 1, round((rectangle.y + rectangle.height) * rows / source.height))
    right = max(left + 1, round((rectangle.x + rectangle.width) * columns / source.width))
    return np.ascontiguousarray(picture[top:bottom, left:right])


def _is_blank(picture: Picture, solid_std: float) -> bool:
    return bool((picture.reshape(-1, 3).std(axis=0) < solid_std).all())
