"""How a frame's colours are coded, and wide or bright ones brought to those of BT.709.

HDR (PQ and HLG of ITU-R BT.2100), BT.2020 and P3 become BT.709 SDR as FFmpeg's filters do it, in

    zscale=t=linear:npl=100,zscale=p=bt709,tonemap=hable:desat=0,zscale=t=bt709:m=bt709

The tone curve is John Hable's (Filmic Tonemapping Operators, 2010), scaled to the brightest that
the video says it holds.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from numpy.typing import NDArray

from components.media.side_data import side_data

# Codes of ITU-T H.273, which matrices, primaries and transfers share but for RGB.
_RGB, _BT709, _UNSPECIFIED, _BT601 = 0, 1, 2, 6
_MASTERING = struct.Struct("=22i")
_BT2020_CL = 10  # AVCOL_SPC_BT2020_CL, which swscale takes for the other one
_BRIGHT: dict[int, str] = {ColorTrc.SMPTE2084: "pq", ColorTrc.ARIB_STD_B67: "hlg"}
# Nits of SDR's white, of PQ's highest code, and of the screen that HLG is made for; videos that do
# not say how bright they get are taken to be made for one as well.
_WHITE_NITS, _PQ_NITS, _SCREEN_NITS = 100, 10_000, 1_000
# Rows worked on at once, so that a frame of 8K needs megabytes.
_ROWS = 64

# From linear light of other primaries to BT.709's: BT.2020 by ITU-R BT.2087, P3 of screens
# (SMPTE EG 432-1) by SMPTE RP 177.
_TO_BT709: dict[int, tuple[tuple[float, float, float], ...]] = {
    ColorPrimaries.BT2020: (
        (1.660491, -0.587641, -0.072850),
        (-0.124550, 1.132900, -0.008349),
        (-0.018151, -0.100579, 1.118730),
    ),
    ColorPrimaries.SMPTE432: (
        (1.224940, -0.224940, 0.0),
        (-0.042057, 1.042057, 0.0),
        (-0.019638, -0.078636, 1.098274),
    ),
}


@dataclass(frozen=True)
class Light:
    """How a frame's light is coded, where it is not as BT.709's.

    `peak` is a multiple of white; `primaries` a code of ITU-T H.273.
    """

    transfer: str
    peak: float
    primaries: int = ColorPrimaries.BT2020


def light(frame: VideoFrame) -> Light | None:
    """Return how the frame's light is coded, None where it is for an ordinary screen."""
    transfer, primaries = _BRIGHT.get(frame.color_trc), frame.color_primaries
    if transfer:
        # BT.2100 has these alone; others were meant where they are said.
        said = _said(primaries, ColorPrimaries.BT2020)
        return Light(transfer, _peak(frame), said)
    return Light("sdr", 1.0, primaries) if primaries in _TO_BT709 else None


def as_bt709(picture: NDArray[Any], coded: Light) -> NDArray[np.uint8]:
    """Return a picture of other primaries or more light as one of BT.709.

    Args:
        picture: R'G'B' as coded, (height, width, 3), uint8 or uint16 over its full range.

    Returns:
        R'G'B', (height, width, 3), uint8.
    """
    linear = _linear(coded.transfer, np.iinfo(picture.dtype).bits)
    result = np.empty(picture.shape, np.uint8)
    for top in range(0, len(picture), _ROWS):
        rows = slice(top, top + _ROWS)
        result[rows] = _mapped(linear[picture[rows]], coded)
    return result


def is_bt709(frame: VideoFrame) -> bool:
    """Return whether the frame's colours are coded by BT.709; players assume so from HD on."""
    if frame.colorspace == _UNSPECIFIED:
        return frame.width >= 1280 or frame.height > 576
    return frame.colorspace == Colorspace.ITU709


def is_full_range(frame: VideoFrame) -> bool:
    """Return whether the frame's luma goes from 0 to 255, not from 16 to 235."""
    return frame.color_range == ColorRange.JPEG or frame.format.name.startswith("yuvj")


def matrix(frame: VideoFrame) -> Colorspace | None:
    """Return the matrix to name to the scaler for a frame whose own it would not find."""
    if frame.colorspace in (Colorspace.BT2020, _BT2020_CL):
        return Colorspace.BT2020
    untagged = frame.colorspace == _UNSPECIFIED
    return Colorspace.ITU709 if untagged and is_bt709(frame) else None


def luma_weights(frame: VideoFrame) -> tuple[float, float]:
    """Return the parts of red and blue in the frame's luma (ITU-R BT.601, BT.709, BT.2020)."""
    if frame.colorspace in (Colorspace.BT2020, _BT2020_CL):
        return 0.2627, 0.0593
    return (0.2126, 0.0722) if is_bt709(frame) else (0.299, 0.114)


def _peak(frame: VideoFrame) -> float:
    """Return the brightest the video holds, from its content light level or mastering display."""
    level = side_data(frame, Type.CONTENT_LIGHT_LEVEL)
    if level is not None:
        brightest = struct.unpack("=I", level[:4])[0]
        if brightest:
            return float(brightest / _WHITE_NITS)
    mastering = side_data(frame, Type.MASTERING_DISPLAY_METADATA)
    if mastering is not None:
        # AVMasteringDisplayMetadata: eight ratios of colours, the least and the most luminance,
        # and whether either is known.
        *_, over, under, _, has_luminance = _MASTERING.unpack(mastering[: _MASTERING.size])
        if has_luminance and over and under:
            return float(over / under / _WHITE_NITS)
    return _SCREEN_NITS / _WHITE_NITS


@cache
def _linear(transfer: str, bits: int) -> NDArray[np.float32]:
    """Return the light of each code, as multiples of white."""
    code = np.linspace(0, 1, 2**bits)
    if transfer == "pq":
        # SMPTE ST 2084
        m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
        power = code ** (1 / m2)
        value = (np.maximum(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1)
        value *= _PQ_NITS / _WHITE_NITS
    elif transfer == "hlg":
        # ARIB STD-B67: light of the scene, to which a screen gives a gamma of 1.2, here by channel.
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        scene = np.where(code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12)
        value = scene**1.2 * (_SCREEN_NITS / _WHITE_NITS)
    else:
        value = code**2.4
    return value.astype(np.float32)


def _mapped(linear: NDArray[np.float32], coded: Light) -> NDArray[np.uint8]:
    to_bt709 = _TO_BT709.get(coded.primaries)
    wide = linear @ np.array(to_bt709, np.float32).T if to_bt709 else linear
    if coded.transfer != "sdr":
        brightest = np.maximum(wide.max(axis=-1), 1e-6)
        wide *= (_hable(brightest) / _hable(coded.peak) / brightest)[..., None]
    shown = np.clip(wide, 0, 1) ** np.float32(1 / 2.4)
    result: NDArray[np.uint8] = (shown * 255 + np.float32(0.5)).astype(np.uint8)
    return result


def _hable(light: Any) -> Any:
    a, b, c, d, e, f = 0.15, 0.50, 0.10, 0.20, 0.02, 0.30
    return (light * (light * a + b * c) + d * e) / (light * (light * a + b) + d * f) - e / f


@dataclass(frozen=True)
class Tags:
    """How a re-encoded video says that its colours are coded, by the numbers of ITU-T H.273."""

    matrix: int
    primaries: int
    transfer: int
    full_range: bool

    def options(self) -> dict[str, int | str]:
        """Return them as options of FFmpeg's encoders."""
        return {
            "colorspace": self.matrix,
            "color_primaries": self.primaries,
            "color_trc": self.transfer,
            "color_range": "tv",
        }

    def parameters(self) -> dict[str, int | str]:
        """Return them as parameters of FFmpeg's filter setparams."""
        options = self.options()
        return {"range": options.pop("color_range"), **options}


def tags(frame: VideoFrame) -> Tags:
    """Return how the frame's colours are coded, or what players assume where it does not say."""
    assumed = _BT709 if is_bt709(frame) else _BT601
    said = frame.colorspace not in (_RGB, _UNSPECIFIED)
    return Tags(
        matrix=int(frame.colorspace) if said else assumed,
        primaries=_said(frame.color_primaries, assumed),
        transfer=_said(frame.color_trc, assumed),
        full_range=is_full_range(frame),
    )


def _said(code: int, assumed: int) -> int:
    return assumed if code == _UNSPECIFIED else int(code)
