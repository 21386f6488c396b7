"""Re-encodes a video without its border, on the GPU where there is one that can."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.base.profiling import profile
from components.errors import Reason, VideoRejectedError
from components.media import ffmpeg
from components.media.colour import Tags, light, tags
from components.media.video import decoder_errors, opened_source
from components.records.videos import Rectangle, SourceVideo
from components.settings import CropSettings

# Decoders of NVIDIA GPUs that can crop while decoding, by codec.
_CUVID = {"h264": "h264_cuvid", "hevc": "hevc_cuvid", "vp9": "vp9_cuvid", "av1": "av1_cuvid"}
# Presentation times stay those of the source to the microsecond, also where they are irregular.
_TIMES: dict[str, Any] = {"fps_mode": "passthrough", "copyts": None, "enc_time_base": "1:1000000"}


@dataclass(frozen=True)
class _Coded:
    """How the pictures of a video are coded, as its first frame has it."""

    tags: Tags
    bright: bool
    interlaced: bool


@profile
def reencode(
    path: Path, target: Path, source: SourceVideo, rectangle: Rectangle, settings: CropSettings
) -> tuple[Rectangle, str]:
    """Write the part of the video inside `rectangle` to `target`, an MP4 without sound.

    It is upright, in square pixels and not interlaced; its colours stay coded as they are, and say
    how, which untagged ones do not. Returns the rectangle that was cut, widened to even numbers as
    4:2:0 video needs, and the encoder that worked: the one wanted with decoding on the GPU, the
    same with decoding on the CPU, or libx264.

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
    coded = _coded(path, source)
    quality = {"preset": settings.preset, "tune": settings.tune, "cq": settings.cq}
    options = {**_TIMES, **coded.tags.options()}
    as_it_is = not (source.rotation or source.mirrored or coded.bright or coded.interlaced)
    square = source.pixel_aspect == 1
    on_gpu = settings.hwaccel == "cuda" and as_it_is and square and source.codec in _CUVID
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
                _stream(decoded, source).output(
                    str(target), vcodec=settings.encoder, **quality, **options
                ),
            )
        yield (
            settings.encoder,
            _cropped(path, source, coded, cut).output(
                str(target), vcodec=settings.encoder, **quality, **options
            ),
        )
    elif settings.encoder != "libx264":
        yield (
            settings.encoder,
            _cropped(path, source, coded, cut).output(
                str(target), vcodec=settings.encoder, **options
            ),
        )
    yield (
        "libx264",
        _cropped(path, source, coded, cut).output(
            str(target), vcodec="libx264", preset="veryfast", crf=settings.cq, **options
        ),
    )


def _coded(path: Path, source: SourceVideo) -> _Coded:
    with opened_source(path, source) as video, decoder_errors():
        for frame in video.frames(video.packets()):
            return _Coded(
                tags=tags(frame), bright=light(frame) is not None, interlaced=frame.interlaced_frame
            )
    raise VideoRejectedError(Reason.UNDECODABLE, "no frame of it can be decoded")


def _stream(node: Any, source: SourceVideo) -> Any:
    return node.video if source.stream is None else node[str(source.stream)]


def _cropped(path: Path, source: SourceVideo, coded: _Coded, cut: Rectangle) -> Any:
    # ffmpeg turns and mirrors pictures as their display matrix says, before any filter here.
    video = _stream(ffmpeg.hostile_input(path), source)
    if coded.interlaced:
        video = video.filter("bwdif", mode="send_frame", deint="interlaced")
    if source.pixel_aspect != 1:
        video = video.filter("scale", source.width, source.height).filter("setsar", "1")
    video = video.filter("crop", cut.width, cut.height, cut.x, cut.y)
    if coded.tags.full_range:
        video = video.filter("scale", in_range="full", out_range="limited")
    video = video.filter("format", "yuv420p10le" if coded.bright else "yuv420p")
    return video.filter("setparams", **coded.tags.parameters())


def _even(rectangle: Rectangle, source: SourceVideo) -> Rectangle:
    """Widen the rectangle to even numbers, so that none of the picture is cut away."""
    left, top = rectangle.x // 2 * 2, rectangle.y // 2 * 2
    right = min(-(-(rectangle.x + rectangle.width) // 2), source.width // 2) * 2
    bottom = min(-(-(rectangle.y + rectangle.height) // 2), source.height // 2) * 2
    return Rectangle(x=left, y=top, width=right - left, height=bottom - top)
