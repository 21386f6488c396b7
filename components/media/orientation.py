"""How a frame is turned for display: the eight orientations of a display matrix."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from components.media.side_data import side_data

# a, b, c and d of the matrix of ISO/IEC 14496-12: x' = a·x + c·y, y' = b·x + d·y, y downwards.
_MATRIX = struct.Struct("=9i")


@dataclass(frozen=True)
class Orientation:
    """A picture is displayed mirrored, where it is, left to right, then turned.

    `rotation` is in degrees anticlockwise: 0, 90, 180 or 270.
    """

    mirrored: bool = False
    rotation: int = 0

    @classmethod
    def of(cls, frame: VideoFrame) -> Orientation:
        """Return what the frame's display matrix says; matrices that skew are taken for none."""
        matrix = side_data(frame, Type.DISPLAYMATRIX)
        if matrix is None:
            return UPRIGHT
        a, b, _, c, d, *_ = _MATRIX.unpack(matrix[: _MATRIX.size])
        mirrored = a * d - b * c < 0
        if mirrored:
            a, b = -a, -b
        # Where the picture's own x axis points to, y downwards.
        angle = float(np.degrees(np.arctan2(-b, a)))
        return cls(mirrored, round(angle / 90) * 90 % 360)

    @property
    def transposes(self) -> bool:
        """Whether width becomes height."""
        return self.rotation % 180 == 90

    def turned(self, picture: NDArray[Any]) -> NDArray[Any]:
        """Return a view of the picture (rows, columns, …) as displayed."""
        if self.mirrored:
            picture = picture[:, ::-1]
        return np.rot90(picture, self.rotation // 90)


UPRIGHT = Orientation()
