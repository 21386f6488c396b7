"""Decoding with NVDEC and re-encoding with NVENC, against the CPU."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Any

import av
from av.codec.hwaccel import HWAccel

from components.crop.reencode import reencode
from components.media.ffmpeg import program
from components.records.videos import Rectangle, SourceVideo, Video
from components.settings import CropSettings

_SIZE = (1280, 720)
_CUT = Rectangle(x=0, y=90, width=1280, height=540)
_WANTED = ("h264_nvenc", "hevc_nvenc", "h264_cuvid", "hevc_cuvid")


def video_speeds(folder: Path, seconds: float) -> dict[str, Any]:
    """Return what ffmpeg brings and the frames a second of decoding and re-encoding a test clip.

    None stands for what the machine cannot do.
    """
    clip = folder / "clip.mp4"
    _ffmpeg("-f", "lavfi", "-i", f"testsrc2=s=1280x720:r=30:d={seconds:g}", "-pix_fmt", "yuv420p",
            "-c:v", "libx264", "-preset", "veryfast", clip)  # fmt: skip
    brought = _ffmpeg("-encoders") + _ffmpeg("-decoders")
    return {
        "ffmpeg": program(),
        "brings": [name for name in _WANTED if f" {name} " in brought],
        "decode_fps": {"cpu": _decoded_per_s(clip, None), "cuda": _on_gpu(clip)},
        "crop_fps": {
            "h264_nvenc": _cropped_per_s(clip, folder, seconds, "h264_nvenc"),
            "libx264": _cropped_per_s(clip, folder, seconds, "libx264"),
        },
    }


def _on_gpu(clip: Path) -> float | None:
    try:
        return _decoded_per_s(clip, HWAccel("cuda", allow_software_fallback=False))
    except (av.error.FFmpegError, RuntimeError, NotImplementedError):
        return None


def _decoded_per_s(clip: Path, hwaccel: HWAccel | None) -> float:
    """Decode every frame into memory that the CPU reads, as the frame phase needs it."""
    start = time.perf_counter()
    with av.open(str(clip), hwaccel=hwaccel) as container:
        container.streams.video[0].thread_type = "AUTO"
        count = sum(1 for _ in container.decode(video=0))
    return count / (time.perf_counter() - start)


def _cropped_per_s(clip: Path, folder: Path, seconds: float, encoder: str) -> float | None:
    """Re-encode as the crop phase does; None where it fell back to another encoder."""
    source = SourceVideo(
        video=Video(platform="bench", code="clip", source="s3://bench/bench/clip/video.mp4"),
        etag="e", bytes=clip.stat().st_size, container="mov", codec="h264", width=_SIZE[0],
        height=_SIZE[1], rotation=0, start=0, duration=seconds,
    )  # fmt: skip
    settings = CropSettings(VP_CROP_OUTPUT="video", VP_CROP_ENCODER=encoder)
    start = time.perf_counter()
    _, used = reencode(clip, folder / "cropped.mp4", source, _CUT, settings)
    return seconds * 30 / (time.perf_counter() - start) if used == encoder else None


def _ffmpeg(*arguments: object) -> str:
    command = [program(), "-hide_banner", "-nostdin", "-loglevel", "error", "-y"]
    return subprocess.check_output([*command, *map(str, arguments)], text=True)
