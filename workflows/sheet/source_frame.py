"""One frame of a source as it is, for worker processes: sources may be hostile."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from components.media.decoding import opened, upright


def write_frame(source: Path, second: float, target: Path) -> None:
    """Write the frame at this time, upright and uncropped, as the picture `target`.

    Raises:
        VideoRejectedError: the source cannot be decoded.
    """
    with opened(source) as video:
        for decoded in video.decoded(video.start):
            if decoded.second >= second:
                break
        frame = decoded.frame
    rotation = round(frame.rotation / 90) * 90 % 360
    width, height = frame.width, frame.height
    if rotation % 180:
        width, height = height, width
    Image.fromarray(upright(frame, rotation, width=width, height=height)).save(target)
