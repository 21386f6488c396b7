"""Picks the frames that represent each video's scenes, in one decode of it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from components.base.profiling import profile
from components.frame.contract import COMPONENT, FrameInputs, FrameOutputs
from components.frame.extract import extract
from components.frames_tar.read import check_tar
from components.records.videos import CroppedVideo, Frame, FramedVideo, Rectangle
from components.running import budget
from components.running.decoders import Access, unbelievable
from components.running.job import Job
from components.running.services import Services
from components.running.shard import run_each


@profile
def run(inputs: FrameInputs, services: Services) -> FrameOutputs:
    """Pick the frames of every video of the shard."""
    return run_each(COMPONENT, inputs.manifest, services, _frame, files=lambda framed: [framed.tar])


def _frame(job: Job[CroppedVideo]) -> FramedVideo:
    cropped, settings = job.input, job.services.settings
    with (
        _video(job) as path,
        job.services.scratch.folder() as folder,
    ):
        tar = folder / "frames.tar"
        access = Access(
            path,
            (tar,),
            cpu_s=budget.to_decode(settings.limits, cropped.source),
            gpu=settings.frame.hwaccel == "cuda",
        )
        rectangle, frames = job.services.decoders.call(
            access,
            extract,
            path,
            tar,
            cropped,
            settings.frame,
            settings.crop.limit,
            settings.limits.max_frames,
        )
        _check(job, rectangle, frames)
        size = rectangle or cropped.source
        try:
            check_tar(tar, frames, size.width, size.height)
        except ValueError as error:
            raise unbelievable(str(error)) from error
        tar_bytes = tar.stat().st_size
        uri, sha256 = job.upload("tar", tar, content_type="application/x-tar")
    return FramedVideo(
        cropped=cropped,
        rectangle=rectangle,
        frames=tuple(frames),
        tar=uri,
        tar_bytes=tar_bytes,
        tar_sha256=sha256,
    )


def _video(job: Job[CroppedVideo]) -> AbstractContextManager[Path]:
    """Return what gives the file to decode: the source, or what crop made of it."""
    cropped = job.input
    if cropped.reencoded:
        return job.downloaded(cropped.reencoded, "source", cropped.reencoded_sha256)
    return job.source(cropped.source.bytes)


def _check(job: Job[CroppedVideo], rectangle: Rectangle | None, frames: list[Frame]) -> None:
    """Refuse frames that no video has, and a crop that nobody asked for.

    Raises:
        VideoRejectedError: the worker says such.
    """
    most = job.services.settings.limits.max_duration_s
    numbers = [frame.number for frame in frames]
    if not numbers or numbers != sorted(set(numbers)) or numbers[0] < 0:
        raise unbelievable(f"{len(numbers)} frames that are not in order")
    for frame in frames:
        if not 0 <= frame.second <= most or not frame.scene_start <= frame.second:
            raise unbelievable(f"a frame at {frame.second} s")
    if rectangle not in (None, job.input.rectangle):
        raise unbelievable("another rectangle")
