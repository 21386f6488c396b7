"""The ffmpeg program: where it is, and running it on a hostile file."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import ffmpeg
import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

from components.base.processes import die_with_parent
from components.errors import ConfigurationError
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
    return ffmpeg.input(
        str(path), protocol_whitelist=PROTOCOLS, format_whitelist=DEMUXERS, **options
    )


def pictures_input(width: int, height: int) -> Any:
    """Return ffmpeg-python's input node for grey pictures of 8 bits from `feed`."""
    return ffmpeg.input("pipe:0", format="rawvideo", pix_fmt="gray", s=f"{width}x{height}")


def run(output: Any) -> tuple[int, str]:
    """Run the graph that ends in `output`; return the exit status and the end of stderr."""
    # The process has one thread here (a decoding worker), so preexec_fn is safe.
    done = subprocess.run(
        _command(output),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        preexec_fn=die_with_parent,
        check=False,
    )
    return done.returncode, done.stderr.decode(errors="replace")[-500:].strip()


def feed(output: Any, pictures: Iterable[NDArray[np.uint8]]) -> None:
    """Run the graph that ends in `output` on the pictures; nothing is raised if it fails."""
    with subprocess.Popen(
        _command(output),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=die_with_parent,
    ) as process:
        assert process.stdin is not None, "asked for above"
        with suppress(BrokenPipeError), process.stdin as sink:
            for picture in pictures:
                sink.write(np.ascontiguousarray(picture).data)


def _command(output: Any) -> list[str]:
    options = ["-nostdin", "-hide_banner", "-loglevel", "error", "-y"]
    return [program(), *options, *ffmpeg.get_args(output)]
