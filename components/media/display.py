"""How the frames of one video are displayed: turned, stretched, and in what light.

A frame whose side data was looked at in Python is freed by the garbage collector alone, late, and
decoding then takes new memory for each. So what the side data says is asked once for each kind of
frame of a video, by what PyAV tells of it without.
"""

from __future__ import annotations

from av.video.frame import VideoFrame

from components.media.colour import Light, light
from components.media.orientation import Orientation


class Display:
    """What is the same for all frames of a video, or changes with what is asked by.

    `pixel_aspect` is a pixel's width divided by its height, before frames are turned.
    """

    def __init__(self, pixel_aspect: float = 1.0) -> None:
        self.pixel_aspect = pixel_aspect
        self._orientations: dict[int, Orientation] = {}
        self._lights: dict[tuple[int, int], Light | None] = {}

    def orientation(self, frame: VideoFrame) -> Orientation:
        """Return how the frame is mirrored and turned."""
        rotation = frame.rotation
        if rotation not in self._orientations:
            self._orientations[rotation] = Orientation.of(frame)
        return self._orientations[rotation]

    def light(self, frame: VideoFrame) -> Light | None:
        """Return how the frame's light is coded, None where it is for an ordinary screen."""
        coded = frame.color_trc, frame.color_primaries
        if coded not in self._lights:
            self._lights[coded] = light(frame)
        return self._lights[coded]

    def size(self, frame: VideoFrame) -> tuple[int, int]:
        """Return the frame's width and height in square pixels; no side gets shorter."""
        width, height = self.stretched(frame)
        return (height, width) if self.orientation(frame).transposes else (width, height)

    def stretched(self, frame: VideoFrame) -> tuple[int, int]:
        """Return the frame's size with its pixels made square, before it is turned."""
        if self.pixel_aspect >= 1:
            return round(frame.width * self.pixel_aspect), frame.height
        return frame.width, round(frame.height / self.pixel_aspect)
