"""Picks the frames that represent each video's scenes, in one decode of it."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager
from pathlib import Path

from components.base.profiling import profile
from components.frame.contract import COMPONENT, FrameInputs, FrameOutputs
from components.frame.detectors import require_detector
from components.frame.extract import Extracted, ScaledTo, extract
from components.frames_tar.encoding import fitting
from components.frames_tar.read import check_tar
from components.records.sketch import is_sketch
from components.records.videos import CroppedVideo, FramedVideo
from components.running import budget, handed_on
from components.running.decoders import Access
from components.running.disbelief import unbelievable
from components.running.job import Job
from components.running.services import Services
from components.running.shard import run_each
from components.running.stored_frames import all_stored

# No video has as many frames, and every store takes such a number.
_MOST = 2**31 - 1
_MD5 = re.compile("[0-9a-f]{32}")


@profile
def run(inputs: FrameInputs, services: Services) -> FrameOutputs:
    """Pick the frames of every video of the shard.

    Raises:
        ConfigurationError: the detector needs a package that is not installed.
    """
    require_detector(services.settings.frame)
    return run_each(COMPONENT, inputs.manifest, services, _frame, verified=_pictures_are_there)


def _pictures_are_there(job: Job[CroppedVideo], framed: FramedVideo) -> bool:
    return all_stored(job.services, framed)


def _frame(job: Job[CroppedVideo]) -> FramedVideo:
    cropped, settings = job.input, job.services.settings
    limits = settings.limits
    with (
        _video(job) as path,
        job.services.scratch.folder() as folder,
    ):
        tar, scaled = folder / "frames.tar", folder / "scaled"
        scaling = handed_on.scaling(job.services)
        access = Access(
            path,
            (tar, scaled) if scaling else (tar,),
            cpu_s=budget.to_decode(limits, cropped.source),
            gpu=settings.frame.hwaccel == "cuda",
        )
        extracted = job.services.decoders.call(
            access,
            extract,
            path,
            tar,
            cropped,
            settings.frame,
            limits,
            settings.crop.limit,
            scaled=ScaledTo(scaled, scaling) if scaling else None,
        )
        _check(job, extracted)
        try:
            check_tar(tar, extracted.frames)
            if scaling:
                handed_on.check(scaled, scaling, extracted.frames)
        except ValueError as error:
            raise unbelievable(str(error)) from error
        tar_bytes = tar.stat().st_size
        uri, sha256 = job.keep("tar", tar, content_type="application/x-tar")
        framed = FramedVideo(
            cropped=cropped,
            rectangle=extracted.rectangle,
            frames=extracted.frames,
            tar=uri,
            tar_bytes=tar_bytes,
            tar_sha256=sha256,
            lost_packets=extracted.lost_packets,
            decoded_all=extracted.decoded_all,
        )
        if scaling:
            handed_on.hand_on(job.services, framed, scaled)
    return framed


def _video(job: Job[CroppedVideo]) -> AbstractContextManager[Path]:
    """Return what gives the file to decode: the source, or what crop made of it."""
    cropped = job.input
    if cropped.reencoded:
        return job.downloaded(cropped.reencoded, "source", cropped.reencoded_sha256)
    return job.source(cropped.source.bytes)


def _check(job: Job[CroppedVideo], extracted: Extracted) -> None:
    """Refuse frames that no video has, and a crop that nobody asked for.

    Raises:
        VideoRejectedError: the worker says such.
    """
    limits = job.services.settings.limits
    numbers = [frame.number for frame in extracted.frames]
    if not numbers or numbers != sorted(set(numbers)) or numbers[0] < 0:
        raise unbelievable(f"{len(numbers)} frames that are not in order")
    if len(numbers) > limits.max_frames or max(numbers[-1], extracted.lost_packets) > _MOST:
        raise unbelievable(f"{len(numbers)} frames up to number {numbers[-1]}")
    for frame in extracted.frames:
        if not 0 <= frame.second <= limits.max_duration_s or frame.scene_start > frame.second:
            raise unbelievable(f"a frame at {frame.second} s")
        if min(frame.width, frame.height) < 1 or frame.width * frame.height > limits.max_pixels:
            raise unbelievable(f"a frame of {frame.width}x{frame.height}")
        if not is_sketch(frame.sketch):
            raise unbelievable("a sketch that is none")
        # Whether it is that of the file, S3 sees when that is sent.
        if not _MD5.fullmatch(frame.md5):
            raise unbelievable("an MD5 that is none")
        wanted = job.services.settings.frame.picture_format
        if frame.format != fitting(wanted, frame.width, frame.height):
            raise unbelievable(f"a frame as {frame.format}")
    if extracted.rectangle not in (None, job.input.rectangle):
        raise unbelievable("another rectangle")
