"""Publishes the kept frames: sends what differs, removes what is no longer wanted."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice

from components.base.profiling import profile
from components.frames_tar.read import read_pngs
from components.records.frame_names import is_frame_file
from components.records.videos import Frame, FramedVideo, PublishedVideo
from components.running.job import Job
from components.running.services import Services
from components.running.shard import run_each
from components.upload.contract import COMPONENT, UploadInputs, UploadOutputs


@profile
def run(inputs: UploadInputs, services: Services) -> UploadOutputs:
    """Publish the frames of every video of the shard."""
    with ThreadPoolExecutor(services.settings.upload.concurrency) as senders:
        upload = partial(_upload, senders)
        return run_each(
            COMPONENT, inputs.manifest, services, upload, verified=_verified, exclusive=True
        )


def _upload(senders: ThreadPoolExecutor, job: Job[FramedVideo]) -> PublishedVideo:
    framed = job.input
    bucket = job.services.settings.storage.frames_bucket
    published = _published(job)

    def send(frame: Frame, png: bytes) -> None:
        key = framed.path(frame)
        if published.get(key) != hashlib.md5(png, usedforsecurity=False).hexdigest():
            job.services.store.put(f"s3://{bucket}/{key}", png, content_type="image/png")

    with job.downloaded(framed.tar, "frames.tar", framed.tar_sha256) as tar:
        pngs = read_pngs(tar, framed.frames)
        # A few at a time, so that the frames of a long video are not all in memory.
        while window := list(islice(pngs, 2 * job.services.settings.upload.concurrency)):
            list(senders.map(lambda pair: send(*pair), window))
    unwanted = published.keys() - {*map(framed.path, framed.frames)}
    job.services.store.delete_all(bucket, sorted(unwanted))
    return PublishedVideo(framed=framed, bucket=bucket)


def _verified(job: Job[FramedVideo], published: PublishedVideo) -> bool:
    """Return whether exactly the wanted frames lie in the frames bucket."""
    wanted = {published.framed.path(frame) for frame in published.framed.frames}
    return _published(job).keys() == wanted


def _published(job: Job[FramedVideo]) -> dict[str, str]:
    """Return keys and ETags of this video's frames in the frames bucket."""
    video, store = job.video, job.services.store
    bucket = job.services.settings.storage.frames_bucket
    prefix = f"s3://{bucket}/{video.platform}/{video.code}/"
    return {
        stored.uri.removeprefix(f"s3://{bucket}/"): stored.etag
        for stored in store.objects(prefix)
        if is_frame_file(stored.uri.removeprefix(prefix))
    }
