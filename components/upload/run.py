"""Publishes the kept frames: sends what differs, removes what is no longer wanted.

What is published shows for itself, where ETags are MD5s: the folder then holds the very files that
the frames name, and no result says it again.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from itertools import islice

from components.base.picture_formats import FORMATS
from components.base.profiling import profile
from components.frames_tar.digest import md5
from components.records.videos import Frame, FramedVideo, PublishedVideo, Video
from components.running.job import Job
from components.running.services import Services
from components.running.shard import run_each
from components.running.stored_frames import Folder, keep_unpublished, pictures, published
from components.upload.contract import COMPONENT, UploadInputs, UploadOutputs


@profile
def run(inputs: UploadInputs, services: Services) -> UploadOutputs:
    """Publish the frames of every video of the shard."""
    folders: dict[Video, Folder] = {}
    shows = services.settings.storage.etags_are_md5
    with ThreadPoolExecutor(services.settings.upload.concurrency) as senders:
        return run_each(
            COMPONENT,
            inputs.manifest,
            services,
            partial(_upload, senders, folders),
            seen=partial(_seen, folders) if shows else None,
            verified=_verified,
            exclusive=not shows,
        )


def _upload(
    senders: ThreadPoolExecutor, folders: dict[Video, Folder], job: Job[FramedVideo]
) -> PublishedVideo:
    framed, services = job.input, job.services
    bucket = services.settings.storage.frames_bucket
    folder = folders.pop(job.video, None) or _folder(job)
    there = dict(folder.frames)

    def send(frame: Frame, file: bytes) -> None:
        key, digest = framed.path(frame), frame.md5 or md5(file)
        if there.get(key) != digest:
            there[key] = services.store.put(
                f"s3://{bucket}/{key}", file, FORMATS[frame.format].content_type, md5=digest
            )

    with closing(pictures(services, framed, framed.frames)) as files:
        # A few at a time, so that the frames of a long video are not all in memory.
        while window := list(islice(files, 2 * services.settings.upload.concurrency)):
            list(senders.map(lambda pair: send(*pair), window))
    wanted = {*map(framed.path, framed.frames)}
    if folder.frames or services.every_phase:
        keep_unpublished(services, framed, there, wanted)
    services.store.delete_all(bucket, sorted(there.keys() - wanted))
    return PublishedVideo(framed=framed, bucket=bucket)


def _seen(folders: dict[Video, Folder], job: Job[FramedVideo]) -> PublishedVideo | None:
    """Return the result if the frames' very files are published, and no others.

    Pictures that this process has made and not sent yet may have to be stored elsewhere.
    """
    folder, framed = _folder(job), job.input
    wanted = {framed.path(frame): frame.md5 for frame in framed.frames}
    if folder.frames != wanted or framed.tar in job.services.copies.unsent:
        folders[job.video] = folder
        return None
    return PublishedVideo(framed=framed, bucket=job.services.settings.storage.frames_bucket)


def _verified(job: Job[FramedVideo], result: PublishedVideo) -> bool:
    """Return whether frames of the wanted names, and no others, lie in the frames bucket.

    And, where this process has made the pictures anew, whether they are these.
    """
    framed = result.framed
    found = _folder(job).frames
    wanted = {framed.path(frame) for frame in framed.frames}
    return found.keys() == wanted and framed.tar not in job.services.copies.unsent


def _folder(job: Job[FramedVideo]) -> Folder:
    folder = published(job.services, job.video)
    if job.services.every_phase:
        job.services.seen_markers.saw(job.video, folder.markers)
    return folder
