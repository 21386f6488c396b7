"""Where the pictures of a video's frames lie, and how to read them: each is stored once.

frame writes them into one tar. Phases in pods of their own hand that on in the artifacts bucket. A
process that publishes them itself keeps the tar on its disk; once published, a picture lies in the
frames bucket alone, and those that dedup dropped in a tar beside frame's result. That tar's name
says which they are, so that a listing tells whether all pictures are still there.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import closing
from dataclasses import dataclass

from components.errors import DamagedObjectError, NotFoundError
from components.frames_tar.digest import md5
from components.frames_tar.read import read_files
from components.frames_tar.write import FramesTar
from components.records.frame_names import is_frame_file
from components.records.videos import Frame, FramedVideo, Video
from components.running.job import downloaded
from components.running.services import Services
from components.stores.checksums import Expected
from components.stores.markers import MARKERS
from components.stores.objects import split

Picture = tuple[Frame, bytes]


@dataclass(frozen=True)
class Folder:
    """What lies in a video's folder of the frames bucket: ETags by key, and names of markers."""

    frames: dict[str, str]
    markers: frozenset[str]


def published(services: Services, video: Video) -> Folder:
    """Return what is published of the video."""
    bucket = services.settings.storage.frames_bucket
    prefix = f"s3://{bucket}/{video}/"
    found = {
        stored.uri.removeprefix(prefix): stored.etag for stored in services.store.objects(prefix)
    }
    frames = {f"{video}/{name}": etag for name, etag in found.items() if is_frame_file(name)}
    return Folder(frames, MARKERS & found.keys())


def all_stored(services: Services, framed: FramedVideo) -> bool:
    """Return whether every picture of frame's result lies somewhere."""
    if services.results.hold(framed.video, [framed.tar]):
        return True
    if not _is_known(framed.frames):
        return False
    unpublished = _unpublished(framed, published(services, framed.video).frames)
    return not unpublished or services.results.hold(framed.video, [_rest(framed, unpublished)])


def pictures(
    services: Services, framed: FramedVideo, frames: Sequence[Frame]
) -> Generator[Picture]:
    """Yield some frames of a video with their files, in order, one in memory at a time.

    Raises:
        NotFoundError: one of them lies nowhere.
        TransientError: S3 does not answer, or has other bytes than were written.
    """
    if services.every_phase and not services.results.hold(framed.video, [framed.tar]):
        yield from _scattered(services, framed, frames)
        return
    try:
        with downloaded(services, framed, framed.tar, "frames.tar", framed.tar_sha256) as tar:
            yield from read_files(tar, frames)
            return
    except NotFoundError:
        if not _is_known(frames):
            raise
    yield from _scattered(services, framed, frames)


def keep_unpublished(
    services: Services, framed: FramedVideo, there: Mapping[str, str], wanted: Set[str]
) -> None:
    """Store the pictures that lie in the frames bucket under none of the `wanted` keys.

    To be called between publishing the wanted ones and removing the others, so that whatever
    breaks this off, each is somewhere.

    Args:
        there: ETags of what lies in the frames bucket, by key.
    """
    is_unsent = framed.tar in services.copies.unsent
    if not is_unsent and services.results.hold(framed.video, [framed.tar]):
        return
    if is_unsent and not framed.duplicates:
        services.results.drop_siblings(framed.video, framed.tar, set())
    elif whole := _whole(services, framed):
        kept = {key: etag for key, etag in there.items() if key in wanted}
        _keep_rest(services, whole, _unpublished(whole, kept))
    services.copies.is_stored(framed.tar)


def _keep_rest(services: Services, whole: FramedVideo, unpublished: Sequence[Frame]) -> None:
    uri, results = _rest(whole, unpublished), services.results
    if unpublished and not results.hold(whole.video, [uri]):
        with (
            services.scratch.folder() as folder,
            closing(pictures(services, whole, unpublished)) as found,
        ):
            with FramesTar(folder / "rest.tar") as tar:
                for frame, content in found:
                    tar.add(frame.file, content)
            services.store.upload(uri, folder / "rest.tar", content_type="application/x-tar")
        results.wrote(whole.video, uri)
    results.drop_siblings(whole.video, whole.tar, {uri})


def _scattered(
    services: Services, framed: FramedVideo, frames: Sequence[Frame]
) -> Iterator[Picture]:
    """Yield frames from where they lie one by one, and those that do not from the tar of these."""
    bucket = services.settings.storage.frames_bucket
    whole = _whole(services, framed) or framed
    unpublished = _unpublished(whole, published(services, framed.video).frames)
    apart = {frame.number for frame in unpublished}
    rest: dict[int, bytes] = {}
    if wanted := [frame for frame in frames if frame.number in apart]:
        uri = _rest(whole, unpublished)
        with downloaded(services, framed, uri, "rest.tar") as tar:
            rest = {frame.number: content for frame, content in read_files(tar, wanted)}
        if any(md5(rest[frame.number]) != frame.md5 for frame in unpublished if frame in wanted):
            services.store.delete(*_place(uri))
            raise DamagedObjectError(
                f"{uri}: other pictures than were written; made anew next time"
            )
    for frame in frames:
        if frame.number in rest:
            yield frame, rest.pop(frame.number)
        else:
            uri = f"s3://{bucket}/{framed.path(frame)}"
            yield frame, services.store.get(uri, Expected(etag=frame.md5))


def _whole(services: Services, framed: FramedVideo) -> FramedVideo | None:
    """Return frame's own result, which lists the frames that dedup dropped, too."""
    uri = f"{framed.tar.removesuffix('.tar')}.json"
    outcome = services.results.read(framed.video, uri, FramedVideo)
    if outcome is None or outcome.result is None:
        return None
    whole = FramedVideo.model_validate(outcome.result)
    return whole if _is_known(whole.frames) else None


def _unpublished(framed: FramedVideo, there: Mapping[str, str]) -> list[Frame]:
    return [frame for frame in framed.frames if there.get(framed.path(frame)) != frame.md5]


def _is_known(frames: Iterable[Frame]) -> bool:
    """Return whether the frames say which pictures they are, as those of version 0.1.0 do not."""
    return all(frame.md5 for frame in frames)


def _place(uri: str) -> tuple[str, list[str]]:
    bucket, key = split(uri)
    return bucket, [key]


def _rest(framed: FramedVideo, unpublished: Iterable[Frame]) -> str:
    """Return the address of the tar that holds these frames of the video and no others."""
    files = "\n".join(sorted(frame.file for frame in unpublished))
    return f"{framed.tar.removesuffix('.tar')}.{md5(files.encode())}.tar"
