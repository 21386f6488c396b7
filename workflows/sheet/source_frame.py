"""One frame of a source as it is, for worker processes: sources may be hostile."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from components.errors import Reason, VideoRejectedError
from components.media.display import Display
from components.media.pictures import upright
from components.media.video import Decoded, opened_source
from components.records.videos import SourceVideo


def write_frame(path: Path, source: SourceVideo, second: float, target: Path) -> None:
    """Write the frame at this time, as displayed and uncropped, as the PNG `target`.

    Raises:
        VideoRejectedError: the source cannot be decoded.
    """
    last: Decoded | None = None
    with opened_source(path, source) as video:
        for last in video.decoded(source.start):
            if last.second >= second:
                break
        if last is None:
            raise VideoRejectedError(Reason.UNDECODABLE, "no frame of it can be decoded")
        Image.fromarray(upright(last.frame, Display(source.pixel_aspect))).save(target, "PNG")
