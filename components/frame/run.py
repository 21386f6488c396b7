"""Picks the frames that represent each video's scenes, in one decode of it."""

from __future__ import annotations

from components.base.profiling import profile
from components.frame.contract import COMPONENT, FrameInputs, FrameOutputs
from components.frame.detectors import require_detector
from components.frame.extract import Extracted, extract
from components.frames_tar.read import check_tar
from components.records.videos import CroppedVideo, FramedVideo
from components.running.decoders import Access, unbelievable
from components.running.job import Job
from components.running.services import Services
from components.running.shard import run_each


@profile
def run(inputs: FrameInputs, services: Services) -> FrameOutputs:
    """Pick the frames of every video of the shard.

    Raises:
        ConfigurationError: the detector needs a package that is not installed.
    """
    require_detector(services.settings.frame)
    return run_each(COMPONENT, inputs.manifest, services, _frame, files=lambda framed: [framed.tar])


def _frame(job: Job[CroppedVideo]) -> FramedVideo:
    cropped, settings = job.input, job.services.settings
    limits = settings.limits
    with (
        job.downloaded(cropped.reencoded or cropped.source.video.source, "source") as path,
        job.services.scratch.folder() as folder,
    ):
        tar = folder / "frames.tar"
        access = Access(path, (tar,), gpu=settings.frame.hwaccel == "cuda")
        extracted = job.services.decoders.call(
            access, extract, path, tar, cropped, settings.frame, limits, settings.crop.limit
        )
        _check(job, extracted)
        try:
            check_tar(tar, extracted.frames)
        except ValueError as error:
            raise unbelievable(str(error)) from error
        tar_bytes = tar.stat().st_size
        uri = job.upload("tar", tar, content_type="application/x-tar")
    return FramedVideo(
        cropped=cropped,
        rectangle=extracted.rectangle,
        frames=extracted.frames,
        tar=uri,
        tar_bytes=tar_bytes,
        lost_packets=extracted.lost_packets,
    )


def _check(job: Job[CroppedVideo], extracted: Extracted) -> None:
    """Refuse frames that no video has, and a crop that nobody asked for.

    Raises:
        VideoRejectedError: the worker says such.
    """
    limits = job.services.settings.limits
    numbers = [frame.number for frame in extracted.frames]
    if not numbers or numbers != sorted(set(numbers)) or numbers[0] < 0:
        raise unbelievable(f"{len(numbers)} frames that are not in order")
    for frame in extracted.frames:
        if not 0 <= frame.second <= limits.max_duration_s or frame.scene_start > frame.second:
            raise unbelievable(f"a frame at {frame.second} s")
        if min(frame.width, frame.height) < 1 or frame.width * frame.height > limits.max_pixels:
            raise unbelievable(f"a frame of {frame.width}x{frame.height}")
    if extracted.rectangle not in (None, job.input.rectangle):
        raise unbelievable("another rectangle")
