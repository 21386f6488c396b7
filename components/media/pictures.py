"""Decoded frames as pictures, as displayed: upright, of square pixels, in colours of BT.709."""

from __future__ import annotations

from typing import Any

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation
from numpy.typing import NDArray

from components.media.colour import as_bt709, light, matrix
from components.media.orientation import Orientation

Picture = NDArray[np.uint8]

_SMALL_WIDTH = 256


def displayed_size(frame: VideoFrame, pixel_aspect: float) -> tuple[int, int]:
    """Return the frame's width and height on a screen of square pixels; no side gets shorter.

    `pixel_aspect` is a pixel's width divided by its height, before the frame is turned.
    """
    width, height = stretched(frame.width, frame.height, pixel_aspect)
    return (height, width) if Orientation.of(frame).transposes else (width, height)


def stretched(width: int, height: int, pixel_aspect: float) -> tuple[int, int]:
    """Return the size of a picture with its pixels made square, no side shorter than before."""
    if pixel_aspect >= 1:
        return round(width * pixel_aspect), height
    return width, round(height / pixel_aspect)


def upright(frame: VideoFrame, pixel_aspect: float = 1.0) -> Picture:
    """Return the frame as displayed: (height, width, 3) RGB uint8."""
    width, height = displayed_size(frame, pixel_aspect)
    return _picture(frame, width, height, bgr=False)


def small(frame: VideoFrame) -> Picture:
    """Return the frame turned for display, at most 256 pixels wide, its pixels as they are: BGR."""
    width, height = displayed_size(frame, 1.0)
    target = min(_SMALL_WIDTH, width)
    return _picture(frame, target, max(1, round(height * target / width)), bgr=True)


def turned(frame: VideoFrame) -> Picture:
    """Return the frame turned for display, its pixels as they are: (height, width, 3) BGR uint8."""
    width, height = displayed_size(frame, 1.0)
    return _picture(frame, width, height, bgr=True)


def luma(frame: VideoFrame, pixel_aspect: float = 1.0) -> Picture:
    """Return the frame's 8-bit luma plane as displayed, (height, width), in its coded range."""
    width, height = stretched(frame.width, frame.height, pixel_aspect)
    if (width, height) != (frame.width, frame.height):
        frame = frame.reformat(format="yuv420p", width=width, height=height)
    elif frame.format.name not in ("yuv420p", "yuvj420p"):
        frame = frame.reformat(format="yuv420p")
    plane = frame.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return Orientation.of(frame).turned(rows[: frame.height, : frame.width])


def _picture(frame: VideoFrame, width: int, height: int, *, bgr: bool) -> Picture:
    """Return the frame as displayed, `width` and `height` being those of the result."""
    orientation, coded = Orientation.of(frame), light(frame)
    if orientation.transposes:
        width, height = height, width
    to: dict[str, Any] = {
        "width": width,
        "height": height,
        "interpolation": Interpolation.AREA if width < frame.width else Interpolation.BICUBIC,
        "src_colorspace": matrix(frame),
    }
    if coded is None:
        picture = frame.to_ndarray(format="bgr24" if bgr else "rgb24", **to)
    else:
        picture = as_bt709(frame.to_ndarray(format="rgb48le", **to), coded)
        picture = picture[..., ::-1] if bgr else picture
    return np.ascontiguousarray(orientation.turned(picture))
