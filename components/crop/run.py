"""Finds the border around each picture, and re-encodes the video without it where wanted."""

from __future__ import annotations

from components.base.logs import log
from components.base.profiling import profile
from components.crop.contract import COMPONENT, CropInputs, CropOutputs
from components.crop.detect import border_stays, find_picture
from components.crop.reencode import reencode
from components.media import ffmpeg
from components.records.videos import CroppedVideo, Rectangle, SourceVideo
from components.running import budget
from components.running.decoders import Access
from components.running.disbelief import unbelievable
from components.running.job import Job
from components.running.services import Services
from components.running.shard import run_each


@profile
def run(inputs: CropInputs, services: Services) -> CropOutputs:
    """Find the border of every video of the shard."""
    return run_each(COMPONENT, inputs.manifest, services, _crop, files=_files)


def _files(cropped: CroppedVideo) -> list[str]:
    return [cropped.reencoded] if cropped.reencoded else []


def _crop(job: Job[SourceVideo]) -> CroppedVideo:
    source, settings = job.input, job.services.settings.crop
    limits = job.services.settings.limits
    uncropped = CroppedVideo(source=source, rectangle=None)
    if not settings.enabled:
        return uncropped
    decode = job.services.decoders.call
    # Here, for a worker's word is not enough to end the run by.
    ffmpeg.program()
    cpu_s = budget.to_decode(job.services.settings.limits, source)
    with (
        job.source(source.bytes) as path,
        job.services.scratch.folder() as folder,
    ):
        report = folder / "cropdetect"
        access = Access(path, (report,), cpu_s)
        rectangle = decode(access, find_picture, path, source, settings, limits, report)
        _check(rectangle, source)
        # ffmpeg would not mend the clock as `shifts` say.
        if rectangle is None or settings.output == "rect" or source.shifts:
            return CroppedVideo(source=source, rectangle=rectangle)
        # With the rectangle alone, the frame phase sees every frame and notices a border that
        # goes; a re-encoded video would have lost the picture by then.
        access = Access(path, cpu_s=cpu_s)
        if not decode(access, border_stays, path, source, rectangle, settings.limit, limits):
            return uncropped
        target = folder / "cropped.mp4"
        access = Access(path, (target,), cpu_s, gpu=settings.encoder.endswith("_nvenc"))
        rectangle, encoder = decode(access, reencode, path, target, source, rectangle, settings)
        _check(rectangle, source)
        if encoder not in (settings.encoder, "libx264"):
            raise unbelievable("an encoder that nobody asked for")
        if encoder != settings.encoder:
            log.warning(
                "crop %s: no %s here, re-encoded with %s", job.video, settings.encoder, encoder
            )
        uri, sha256 = job.upload("mp4", target, content_type="video/mp4")
    return CroppedVideo(source=source, rectangle=rectangle, reencoded=uri, reencoded_sha256=sha256)


def _check(rectangle: Rectangle | None, source: SourceVideo) -> None:
    """Refuse a part of the picture that is outside of it.

    Raises:
        VideoRejectedError: the worker says such.
    """
    if rectangle is None:
        return
    right, bottom = rectangle.x + rectangle.width, rectangle.y + rectangle.height
    if not (
        0 <= rectangle.x < right <= source.width and 0 <= rectangle.y < bottom <= source.height
    ):
        raise unbelievable(f"a rectangle outside of {source.width}x{source.height}")
