"""The ffmpeg program: where it is, and running it on a hostile file."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import ffmpeg
import imageio_ffmpeg

from components.errors import ConfigurationError
from components.isolation import die_with_parent
from components.media.decoding import DEMUXERS, PROTOCOLS


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


def merged(*outputs: Any) -> Any:
    """Return one node for several outputs of the same input."""
    return ffmpeg.merge_outputs(*outputs)


def run(output: Any) -> tuple[int, bytes, str]:
    """Run the graph that ends in `output`; return exit status, stdout and the end of stderr."""
    command = [program(), "-nostdin", "-hide_banner", "-loglevel", "error", "-y"]
    command += ffmpeg.get_args(output)
    # The process has one thread here (a decoding worker), so preexec_fn is safe.
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        preexec_fn=die_with_parent,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr.decode(errors="replace")[-500:].strip()
