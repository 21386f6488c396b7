"""What frame hands on to embed where both run in one process: frames as the model sees them.

So that embed need not decode the files that frame wrote a moment ago. A PNG holds the very pixels
that were scaled here, so vectors are the same by either way; of WebP and JPEG the model sees the
file, and nothing is handed on.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from components.encoders.scaling import Pixels, Scaling
from components.frames_tar.scaled import read_scaled
from components.records.videos import Frame, FramedVideo
from components.running.services import Services


def scaling(services: Services) -> Scaling | None:
    """Return how frames are to be scaled for embed; None where nothing is to be handed on."""
    if not services.every_phase or services.settings.frame.picture_format != "png":
        return None
    return services.scaling


def check(path: Path, scaling: Scaling, frames: tuple[Frame, ...]) -> None:
    """Look whether a file holds these frames, as a worker said.

    Raises:
        ValueError: it does not.
    """
    if read_scaled(path, scaling.size).keys() != {frame.number for frame in frames}:
        raise ValueError("other frames scaled than written")


def hand_on(services: Services, framed: FramedVideo, path: Path) -> None:
    """Keep the file for embed, as long as there is room; it may be gone from `path` then."""
    services.copies.keep(_address(framed), framed.cropped.source.etag, path)


@contextmanager
def handed_on(services: Services, framed: FramedVideo) -> Iterator[dict[int, Pixels]]:
    """Give what was kept of the video, by number, for the last time; nothing where nothing was."""
    scaling = services.scaling
    if scaling is None:
        yield {}
        return
    with services.copies.last_use(_address(framed), framed.cropped.source.etag) as path:
        yield read_scaled(path, scaling.size) if path else {}


def _address(framed: FramedVideo) -> str:
    """Return the name under which it is kept, at which nothing lies in S3."""
    return f"{framed.tar}.scaled"
