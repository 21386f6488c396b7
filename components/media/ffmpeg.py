"""The ffmpeg program: where it is, and running it on a hostile file."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import ffmpeg
import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

from components.base import processes
from components.errors import ConfigurationError, Reason, VideoRejectedError
from components.media.allowed import allowed_decoders
from components.media.containers import DEMUXERS, PROTOCOLS


@cache
def program() -> str:
    """Return the path of ffmpeg: the one on PATH, else the one of the wheel imageio-ffmpeg.

    Raises:
        ConfigurationError: there is neither.
    """
    found = shutil.which("ffmpeg")
    if found:
        return found
    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise ConfigurationError(
            "ffmpeg not found; install it (apt-get install ffmpeg) or the package imageio-ffmpeg"
        ) from error


def hostile_input(path: Path, **options: Any) -> Any:
    """Return ffmpeg-python's input node for a file that may be anything."""
    decoders = ",".join(filter(None, [allowed_decoders(), options.get("vcodec")]))
    return ffmpeg.input(
        str(path),
        protocol_whitelist=PROTOCOLS,
        format_whitelist=DEMUXERS,
        codec_whitelist=decoders,
        **options,
    )


def pictures_input(width: int, height: int) -> Any:
    """Return ffmpeg-python's input node for grey pictures of 8 bits from `feed`."""
    return ffmpeg.input("pipe:0", format="rawvideo", pix_fmt="gray", s=f"{width}x{height}")


def run(output: Any) -> tuple[int, str]:
    """Run the graph that ends in `output`; return the exit status and the end of stderr.

    Raises:
        VideoRejectedError: it took more CPU time than this process may give it.
    """
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as complaint:
        with os.fdopen(writer, "wb") as sink:
            ended = processes.start(_command(output), stderr=sink)
        # Only the end is of interest, and it may be told at length.
        last = b""
        while part := complaint.read(2**16):
            last = (last + part)[-500:]
    status = ended()
    if status == -signal.SIGXCPU:
        raise VideoRejectedError(
            Reason.DECODER_TIMEOUT,
            "ffmpeg took more CPU time than a video of its size and length gets; raise "
            "VP_CPU_SECS_PER_MEGAPIXEL if the video is worth it",
        )
    return status, last.decode(errors="replace").strip()


def feed(output: Any, pictures: Iterable[NDArray[np.uint8]]) -> None:
    """Run the graph that ends in `output` on the pictures; nothing is raised if it fails."""
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as source, os.fdopen(writer, "wb", buffering=0) as sink:
        ended = processes.start(_command(output), stdin=source)
        source.close()
        with suppress(BrokenPipeError):
            for picture in pictures:
                sink.write(np.ascontiguousarray(picture).data)
    ended()


def _command(output: Any) -> list[str]:
    options = ["-nostdin", "-hide_banner", "-loglevel", "error", "-y"]
    return [program(), *options, *ffmpeg.get_args(output)]
