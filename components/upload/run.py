"""Publishes the kept frames: sends what differs, removes what is no longer wanted."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from itertools import islice

from components.base.profiling import profile
from components.records.frame_names import CONTENT_TYPES
from components.records.videos import Frame, FramedVideo, PublishedVideo
from components.running.job import Job
from components.running.services import Services
from components.running.shard import run_each
from components.running.stored_frames import keep_unpublished, md5, pictures, published_etags
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
    framed, services = job.input, job.services
    bucket = services.settings.storage.frames_bucket
    published = published_etags(services, job.video)
    is_first = not published

    def send(frame: Frame, file: bytes) -> None:
        key, etag = framed.path(frame), md5(file)
        if published.get(key) != etag:
            services.store.put(
                f"s3://{bucket}/{key}", file, content_type=CONTENT_TYPES[frame.format]
            )
            published[key] = etag

    with closing(pictures(services, framed, framed.frames)) as files:
        # A few at a time, so that the frames of a long video are not all in memory.
        while window := list(islice(files, 2 * services.settings.upload.concurrency)):
            list(senders.map(lambda pair: send(*pair), window))
    wanted = {*map(framed.path, framed.frames)}
    if not is_first or services.every_phase:
        keep_unpublished(services, framed, published, wanted)
    services.store.delete_all(bucket, sorted(published.keys() - wanted))
    return PublishedVideo(framed=framed, bucket=bucket)


def _verified(job: Job[FramedVideo], published: PublishedVideo) -> bool:
    """Return whether exactly the wanted frames lie in the frames bucket.

    And, where this process has made the pictures anew, whether they are these.
    """
    framed = published.framed
    wanted = {framed.path(frame) for frame in framed.frames}
    found = published_etags(job.services, job.video)
    return found.keys() == wanted and framed.tar not in job.services.copies.unsent
