"""Re-encodes a video without its border, on the GPU where there is one that can."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from components.base.profiling import profile
from components.errors import Reason, VideoRejectedError
from components.media import ffmpeg
from components.records.videos import Rectangle, SourceVideo
from components.settings import CropSettings

# Decoders of NVIDIA GPUs that can crop while decoding, by codec.
_CUVID = {"h264": "h264_cuvid", "hevc": "hevc_cuvid", "vp9": "vp9_cuvid", "av1": "av1_cuvid"}
# Presentation times stay those of the source to the microsecond, also where they are irregular.
_TIMES: dict[str, Any] = {"fps_mode": "passthrough", "copyts": None, "enc_time_base": "1:1000000"}


@profile
def reencode(
    path: Path, target: Path, source: SourceVideo, rectangle: Rectangle, settings: CropSettings
) -> tuple[Rectangle, str]:
    """Write the part of the video inside `rectangle` to `target`, an MP4 without sound.

    Returns the rectangle that was cut, widened to even numbers as 4:2:0 video needs, and the
    encoder that worked: the one wanted with decoding on the GPU, the same with decoding on the
    CPU, or libx264.

    Raises:
        VideoRejectedError: none of them could.
    """
    even = _even(rectangle, source)
    complaints = []
    for encoder, output in _attempts(path, target, source, even, settings):
        status, complaint = ffmpeg.run(output)
        if status == 0:
            return even, encoder
        complaints.append(f"{encoder}: {complaint or status}")
    raise VideoRejectedError(
        Reason.UNDECODABLE, "the video cannot be re-encoded; " + "; ".join(complaints)
    )


def _attempts(
    path: Path, target: Path, source: SourceVideo, cut: Rectangle, settings: CropSettings
) -> Iterator[tuple[str, Any]]:
    quality = {"preset": settings.preset, "tune": settings.tune, "cq": settings.cq}
    on_gpu = settings.hwaccel == "cuda" and source.rotation == 0 and source.codec in _CUVID
    if settings.encoder.endswith("_nvenc"):
        if on_gpu:
            right, bottom = source.width - cut.x - cut.width, source.height - cut.y - cut.height
            decoded = ffmpeg.hostile_input(
                path,
                hwaccel="cuda",
                hwaccel_output_format="cuda",
                vcodec=_CUVID[source.codec],
                crop=f"{cut.y}x{bottom}x{cut.x}x{right}",
            )
            yield (
                settings.encoder,
                decoded.video.output(str(target), vcodec=settings.encoder, **quality, **_TIMES),
            )
        yield (
            settings.encoder,
            _cropped(path, cut).output(str(target), vcodec=settings.encoder, **quality, **_TIMES),
        )
    elif settings.encoder != "libx264":
        yield (
            settings.encoder,
            _cropped(path, cut).output(str(target), vcodec=settings.encoder, **_TIMES),
        )
    yield (
        "libx264",
        _cropped(path, cut).output(
            str(target), vcodec="libx264", preset="veryfast", crf=settings.cq, **_TIMES
        ),
    )


def _cropped(path: Path, cut: Rectangle) -> Any:
    video = ffmpeg.hostile_input(path).video
    return video.filter("crop", cut.width, cut.height, cut.x, cut.y).filter("format", "yuv420p")


def _even(rectangle: Rectangle, source: SourceVideo) -> Rectangle:
    """Widen the rectangle to even numbers, so that none of the picture is cut away."""
    left, top = rectangle.x // 2 * 2, rectangle.y // 2 * 2
    right = min(-(-(rectangle.x + rectangle.width) // 2), source.width // 2) * 2
    bottom = min(-(-(rectangle.y + rectangle.height) // 2), source.height // 2) * 2
    return Rectangle(x=left, y=top, width=right - left, height=bottom - top)
