"""Small pictures of frames, straight from the decoder's planes: what the scene detector looks at.

Every frame of a video comes through here, so this costs a tenth of decoding, not half of it as
scaling in RGB would: the planes are halved until little is left, and only that becomes BGR.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from components.media.colour import as_bt709, is_full_range, luma_weights
from components.media.display import Display
from components.media.pictures import Picture, turned

# Frames are halved as long as so many pixels remain: 160x90 of 1280x720.
_LEAST_PX = 12_000
_PLANAR, _INTERLEAVED = ("yuv420p", "yuvj420p"), "nv12"

# Videos are decoded side by side already; OpenCV's own threads would only be in their way.
cv2.setNumThreads(1)


def thumbnail(frame: VideoFrame, display: Display) -> Picture:
    """Return the frame turned for display, halved to 12,000 to 48,000 pixels: BGR uint8.

    Its pixels are as high and wide as those of the frame, which need not be square.
    """
    halvings = _halvings(frame.width, frame.height)
    if not halvings:
        return turned(frame, display)
    if frame.format.name not in (*_PLANAR, _INTERLEAVED):
        frame = frame.reformat(format="yuv420p")
    luma = _halved(_plane(frame, 0), halvings)
    planes = [luma, *(_halved(chroma, halvings - 1) for chroma in _chroma(frame))]
    # Odd sizes lose a row or column more in one plane than in another.
    rows, columns = (min(plane.shape[axis] for plane in planes) for axis in (0, 1))
    merged = cv2.merge([plane[:rows, :columns] for plane in planes])
    picture = cv2.transform(merged, _to_bgr(luma_weights(frame), is_full_range(frame)))
    coded = display.light(frame)
    if coded:
        picture = as_bt709(picture[..., ::-1], coded)[..., ::-1]
    return np.ascontiguousarray(display.orientation(frame).turned(picture)).astype(
        np.uint8, copy=False
    )


def _halvings(width: int, height: int) -> int:
    halvings = 0
    # Chroma is halved already, and so needs two rows and columns to become one.
    while width * height >= 4 * _LEAST_PX and min(width, height) >= 4:
        width, height = width // 2, height // 2
        halvings += 1
    return halvings


def _halved(plane: NDArray[np.uint8], times: int) -> NDArray[np.uint8]:
    for _ in range(times):
        height, width = plane.shape[:2]
        even = plane[: height // 2 * 2, : width // 2 * 2]
        plane = cv2.resize(even, (width // 2, height // 2), interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    return plane


def _plane(frame: VideoFrame, index: int) -> NDArray[np.uint8]:
    plane = frame.planes[index]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    return rows[: plane.height, : plane.width]


def _chroma(frame: VideoFrame) -> list[NDArray[np.uint8]]:
    if frame.format.name != _INTERLEAVED:
        return [_plane(frame, 1), _plane(frame, 2)]
    plane = frame.planes[1]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
    pairs = rows[: plane.height, : 2 * plane.width].reshape(plane.height, plane.width, 2)
    return [np.ascontiguousarray(pairs[..., 0]), np.ascontiguousarray(pairs[..., 1])]


@cache
def _to_bgr(weights: tuple[float, float], full_range: bool) -> NDArray[np.float32]:
    """Return the 3 × 4 matrix from Y, Cb, Cr of 8 bits to B, G, R.

    `weights` are the parts of red and blue in Y.
    """
    red, blue = weights
    green = 1 - red - blue
    luma, chroma, black = (1.0, 1.0, 0) if full_range else (255 / 219, 255 / 224, 16)
    from_cb, from_cr = 2 * (1 - blue) * chroma, 2 * (1 - red) * chroma
    matrix = np.array(
        [
            [luma, from_cb, 0],
            [luma, -from_cb * blue / green, -from_cr * red / green],
            [luma, 0, from_cr],
        ]
    )
    offset = -matrix @ np.array([black, 128, 128])
    return np.hstack([matrix, offset[:, None]]).astype(np.float32)
