"""Decoded frames as pictures, as displayed: upright, of square pixels, in colours of BT.709."""

from __future__ import annotations

from typing import Any

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation
from numpy.typing import NDArray

from components.media.colour import as_bt709, matrix
from components.media.display import Display

Picture = NDArray[np.uint8]

_SMALL_WIDTH = 256


def upright(frame: VideoFrame, display: Display) -> Picture:
    """Return the frame as displayed: (height, width, 3) RGB uint8."""
    return _picture(frame, display, *display.stretched(frame), bgr=False)


def small(frame: VideoFrame, display: Display) -> Picture:
    """Return the frame turned for display, scaled down to about 256 pixels of width: BGR uint8.

    Its pixels stay as high and wide as they are, which need not be square.
    """
    scale = min(1.0, _SMALL_WIDTH / frame.width)
    width, height = max(1, round(frame.width * scale)), max(1, round(frame.height * scale))
    return _picture(frame, display, width, height, bgr=True)


def turned(frame: VideoFrame, display: Display) -> Picture:
    """Return the frame turned for display, its pixels as they are: (height, width, 3) BGR uint8."""
    return _picture(frame, display, frame.width, frame.height, bgr=True)


def luma(frame: VideoFrame, display: Display) -> Picture:
    """Return the frame's 8-bit luma plane as displayed, (height, width), in its coded range."""
    turn = display.orientation(frame).turned
    width, height = display.stretched(frame)
    if (width, height) != (frame.width, frame.height):
        frame = frame.reformat(format="yuv420p", width=width, height=height)
    elif frame.format.name not in ("yuv420p", "yuvj420p"):
        frame = frame.reformat(format="yuv420p")
    plane = frame.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return turn(rows[: frame.height, : frame.width])


def _picture(frame: VideoFrame, display: Display, width: int, height: int, *, bgr: bool) -> Picture:
    """Return the frame as displayed, `width` and `height` being those before it is turned."""
    coded = display.light(frame)
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
    return np.ascontiguousarray(display.orientation(frame).turned(picture))
