"""Picks the frames that represent each video's scenes, in one decode of it."""

from __future__ import annotations

from components.base.profiling import profile
from components.frame.contract import COMPONENT, FrameInputs, FrameOutputs
from components.frame.detectors import require_detector
from components.frame.extract import extract
from components.records.videos import CroppedVideo, FramedVideo
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
    with job.downloaded(cropped.reencoded or cropped.source.video.source, "source") as path:
        tar = path.with_name("frames.tar")
        extracted = job.services.decoders.call(
            extract, path, tar, cropped, settings.frame, settings.limits, settings.crop.limit
        )
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
