"""How a decoded frame becomes a picture: upright, and without its border."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from av.video.frame import VideoFrame

from components.frame.thumbnail import thumbnail
from components.media.borders import border_holds
from components.media.display import Display
from components.media.pictures import Picture, upright
from components.records.videos import Rectangle, SourceVideo

# Encoders round the sides of a picture that they scale to even numbers.
_ROUNDED_PX = 2
# So many rows apart, some tell nearly always that a picture is not blank.
_APART_PX = 8


class BorderGoneError(Exception):
    """The picture reaches beyond the rectangle in some frame."""


@dataclass(frozen=True)
class Framing:
    """The rectangle of a video that is looked at, None for all of it.

    Of frames of another shape than the video begins with, all is looked at.

    `black_limit` is the luma up to which a border counts as black (see `CropSettings.limit`).
    """

    source: SourceVideo
    rectangle: Rectangle | None
    black_limit: int

    @cached_property
    def display(self) -> Display:
        """How its frames are displayed."""
        return Display(self.source.pixel_aspect)

    def thumbnail(self, frame: VideoFrame) -> Picture:
        """Return the frame scaled down, BGR, without its border.

        Raises:
            BorderGoneError: there is picture in the border.
        """
        picture = thumbnail(frame, self.display)
        if self.rectangle is None or not self._has_shape(frame):
            return picture
        width, height = self.source.width, self.source.height
        if not border_holds(picture, self.rectangle, width, height, self.black_limit):
            raise BorderGoneError
        return self._inside(picture, self.rectangle)

    def picture(self, frame: VideoFrame) -> Picture:
        """Return the frame in full size, RGB, without its border."""
        picture = upright(frame, self.display)
        if self.rectangle is None or not self._has_shape(frame):
            return picture
        return self._inside(picture, self.rectangle)

    def _has_shape(self, frame: VideoFrame) -> bool:
        """Return whether width and height of the frame are as those of the video, but for scale."""
        width, height = self.display.size(frame)
        apart = abs(width * self.source.height - height * self.source.width)
        return apart <= _ROUNDED_PX * max(self.source.width, self.source.height)

    def _inside(self, picture: Picture, rectangle: Rectangle) -> Picture:
        """Cut the rectangle, given in pixels of the source, out of a picture of it of any size."""
        rows, columns = picture.shape[:2]
        width, height = self.source.width, self.source.height
        top = round(rectangle.y * rows / height)
        left = round(rectangle.x * columns / width)
        bottom = max(top + 1, round((rectangle.y + rectangle.height) * rows / height))
        right = max(left + 1, round((rectangle.x + rectangle.width) * columns / width))
        return np.ascontiguousarray(picture[top:bottom, left:right])


def is_blank(picture: Picture, solid_std: float) -> bool:
    """Return whether every channel of the picture varies less than `solid_std`, 0 to 255."""
    some = picture[::_APART_PX]
    # Squared distances from a mean add up to no less over all than over some, from their own mean.
    if _varies(some, solid_std * (len(picture) / len(some)) ** 0.5):
        return False
    return not _varies(picture, solid_std)


def _varies(picture: Picture, std: float) -> bool:
    _, deviations = cv2.meanStdDev(picture)
    return bool((deviations >= std).any())
