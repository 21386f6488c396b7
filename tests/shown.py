"""Takes videos of readable pictures through probe and frame, and holds what comes out to them."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from components.errors import Reason, VideoRejectedError
from components.frame.extract import Extracted, extract
from components.frames_tar.read import read_files
from components.records.videos import CroppedVideo, Frame, SourceVideo
from components.settings import FrameSettings, LimitSettings
from tests import readable
from tests.conftest import source_of
from tests.readable import FPS, Picture

# Display matrices, as `readable.with_matrix` takes them.
ORIENTATIONS = {
    "as stored": (1, 0, 0, 1),
    "mirrored": (-1, 0, 0, 1),
    "upside down": (-1, 0, 0, -1),
    "flipped": (1, 0, 0, -1),
    "clockwise": (0, 1, -1, 0),
    "anticlockwise": (0, -1, 1, 0),
    "transposed": (0, 1, 1, 0),
    "transversed": (0, -1, -1, 0),
}
# A filter that makes of a usual picture one of BT.2020 and another transfer, as bright as before.
FROM_BT709 = (
    "scale=out_color_matrix=bt709:out_range=tv,format=yuv444p,"
    "setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv,"
    "zscale=t=linear:npl=203,format=gbrpf32le,zscale=p=bt2020:t={transfer}:m=bt2020nc:r=tv"
)
SECONDS = [number / FPS for number in range(1000)]


@dataclass(frozen=True)
class Shown:
    """A video as it came out: what the probe found, and its frames with their pictures."""

    source: SourceVideo
    extracted: Extracted
    pictures: list[tuple[Frame, Picture]]

    def check(self, seconds: list[float] = SECONDS, *, scenes: int = 3, off: int = 12) -> None:
        """Every scene has a frame; each is upright, of the right colours, at its second."""
        found = set()
        for frame, picture in self.pictures:
            reading = readable.read(picture)
            assert reading.is_upright, frame
            assert reading.off() <= off, (frame, reading)
            assert frame.second == pytest.approx(seconds[reading.number], abs=0.5 / FPS), frame
            assert frame.scene_start - 0.05 <= frame.second <= frame.scene_end
            found.add(readable.scene_of(reading.number))
        assert len(found) == scenes
        assert max(frame.scene_end for frame, _ in self.pictures) == pytest.approx(
            self.source.duration, abs=0.05
        )


def shown(path: Path, limits: LimitSettings | None = None, **settings: Any) -> Shown:
    """Take a file through probe and frame."""
    limits = limits or LimitSettings()
    source = source_of(path, limits)
    cropped = CroppedVideo(source=source, rectangle=None)
    return Shown(source, *extracted_of(path, cropped, limits, **settings))


def extracted_of(
    path: Path, cropped: CroppedVideo, limits: LimitSettings, **settings: Any
) -> tuple[Extracted, list[tuple[Frame, Picture]]]:
    """Take a file through frame; return what it says and the pictures that it wrote."""
    tar = path.with_suffix(".tar")
    extracted = extract(path, tar, cropped, FrameSettings(**settings), limits, 24)
    pictures = [
        (frame, np.asarray(Image.open(io.BytesIO(file))))
        for frame, file in read_files(tar, extracted.frames)
    ]
    for frame, picture in pictures:
        assert (frame.height, frame.width) == picture.shape[:2]
    return extracted, pictures


def rejected(path: Path, limits: LimitSettings | None = None) -> Reason:
    with pytest.raises(VideoRejectedError) as caught:
        shown(path, limits)
    return caught.value.reason


def joined(tmp_path: Path, target: str, *options: object, inputs: list[Path]) -> Path:
    path = tmp_path / target
    given = [option for each in inputs for option in ("-i", each)]
    maps = [option for number in range(len(inputs)) for option in ("-map", f"{number}:v")]
    readable.run(*given, *maps, "-c", "copy", *options, path)
    return path
