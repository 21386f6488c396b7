"""One decode of a video: scenes are found in small frames, the picked ones written in full size."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from av.video.frame import VideoFrame
from PIL import Image

from components.errors import Reason, VideoRejectedError
from components.frame.pick import Candidate, Picker
from components.frame.scenes import SceneCuts
from components.frames_tar import FramesTar
from components.manifest import CroppedVideo, Frame, Rectangle, SourceVideo, frame_file
from components.media.borders import border_holds
from components.media.decoding import Decoded, Picture, opened, small, upright
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

    Args:
        black_limit: Luma up to which a border counts as black (see `CropSettings.limit`).

    Raises:
        VideoRejectedError: no frame can be decoded, or all are blank.
    """
    decoding = _Decoding(path, tar, _as_decoded(cropped), settings, black_limit)
    if cropped.reencoded or cropped.rectangle is None:
        return cropped.rectangle, decoding.frames(None)
    try:
        return cropped.rectangle, decoding.frames(cropped.rectangle)
    except _BorderGoneError:
        return None, decoding.frames(None)


@dataclass(frozen=True)
class _Decoding:
    """What does not change between a decode with the border cut off and one with all of it."""

    path: Path
    tar: Path
    source: SourceVideo
    settings: FrameSettings
    black_limit: int

    def frames(self, rectangle: Rectangle | None) -> list[Frame]:
        """Decode once, write the picked frames to the tar and return them."""
        cuts = SceneCuts(self.settings)
        last: Decoded | None = None
        with FramesTar(self.tar) as tar, opened(self.path) as video:
            keep = partial(self._keep, tar, rectangle)
            picker = Picker(1 / self.settings.sample_fps, self.settings.min_frames, keep)
            for last in video.decoded(self.source.start):
                thumbnail = self._thumbnail(last, rectangle)
                for second in cuts.feed(last.second, thumbnail):
                    picker.cut(second)
                candidate = Candidate(last.number, last.second, last.frame)
                picker.offer(candidate, blank=_is_blank(thumbnail, self.settings.solid_std))
            if last is None:
                raise VideoRejectedError(Reason.UNDECODABLE, "no frame of it can be decoded")
            for second in cuts.finish(last.second):
                picker.cut(second)
            picked = picker.finish(max(self.source.duration, last.second))
        if not picked:
            raise VideoRejectedError(
                Reason.BLANK,
                f"all {last.number + 1} frames are of a single colour; lower VP_SOLID_STD to "
                "keep them",
            )
        return picked

    def _thumbnail(self, decoded: Decoded, rectangle: Rectangle | None) -> Picture:
        """Return the frame scaled down, without its border.

        Raises:
            _BorderGoneError: there is picture in the border.
        """
        thumbnail = small(decoded.frame, self.source)
        if rectangle is None:
            return thumbnail
        width, height = self.source.width, self.source.height
        if not border_holds(thumbnail, rectangle, width, height, self.black_limit):
            raise _BorderGoneError
        return _inside(thumbnail, rectangle, self.source)

    def _keep(
        self, tar: FramesTar, rectangle: Rectangle | None, candidate: Candidate[VideoFrame]
    ) -> None:
        """Write a picked frame to the tar, in full size."""
        source = self.source
        picture = upright(candidate.item, source.rotation, width=source.width, height=source.height)
        if rectangle:
            picture = _inside(picture, rectangle, source)
        tar.add(frame_file(candidate.number, candidate.second), Image.fromarray(picture))


def _as_decoded(cropped: CroppedVideo) -> SourceVideo:
    """Return the source as the decoder will find it, which a re-encoded file has changed."""
    if not cropped.reencoded or not cropped.rectangle:
        return cropped.source
    size = {"width": cropped.rectangle.width, "height": cropped.rectangle.height, "rotation": 0}
    return cropped.source.model_copy(update=size)


def _inside(picture: Picture, rectangle: Rectangle, source: SourceVideo) -> Picture:
    """Cut the rectangle, given in pixels of the source, out of a picture of it of any size."""
    rows, columns = picture.shape[:2]
    top = round(rectangle.y * rows / source.height)
    left = round(rectangle.x * columns / source.width)
    bottom = max(top + 1, round((rectangle.y + rectangle.height) * rows / source.height))
    right = max(left + 1, round((rectangle.x + rectangle.width) * columns / source.width))
    return np.ascontiguousarray(picture[top:bottom, left:right])


def _is_blank(picture: Picture, solid_std: float) -> bool:
    _, deviations = cv2.meanStdDev(picture)
    return bool((deviations < solid_std).all())
