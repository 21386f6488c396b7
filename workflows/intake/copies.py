"""Copies local videos to the source bucket, unless they are there."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from components.base.redaction import safe
from components.errors import ConfigurationError, NotFoundError
from components.plan.job_input import SOURCE_FILE
from components.records.run_report import LeftOut
from components.stores.objects import PART_BYTES
from workflows.intake.files import LocalFiles, LocalVideo, unreadable

if TYPE_CHECKING:
    from components.stores.s3 import Store


class Standing(StrEnum):
    """How a local video stands to the source bucket."""

    NEW = "new"
    SAME = "given"
    CHANGED = "changed"


def address(video: LocalVideo, bucket: str) -> str:
    """Return where the video lies in the source bucket."""
    return f"s3://{bucket}/{video}/{SOURCE_FILE}"


def copied(
    files: LocalFiles,
    store: Store,
    bucket: str,
    uploaded: Callable[[str], None],
    *,
    replace: bool = False,
) -> list[dict[str, str]]:
    """Copy what is not in the bucket yet and return all of it, as JOB_INPUT names videos.

    A file that cannot be read, or is gone by now, is added to what the files say was left out.

    Args:
        uploaded: Called with each video's name once it is in the bucket.
        replace: A file may take the place of another one's under a code made of its path.

    Raises:
        ConfigurationError: it would; names all such files. Nothing is copied then.
        PipelineError: S3 does not answer, or refuses.
    """
    standings = dict(judged(files, store, bucket))
    if not replace and (refused := refusal(standings, bucket)):
        raise ConfigurationError(refused)
    items = []
    for video, standing in standings.items():
        if standing is not Standing.SAME:
            try:
                with video.file.open("rb"):
                    store.upload(address(video, bucket), video.file, content_type="video/mp4")
            except OSError as error:
                files.faults.append(unreadable(video.file, error))
                continue
        uploaded(str(video))
        items.append({"platform": video.platform, "code": video.code})
    return items


def judged(files: LocalFiles, store: Store, bucket: str) -> Iterator[tuple[LocalVideo, Standing]]:
    """Yield how each file stands to the bucket; those that cannot be read are left out."""
    for video in files.videos:
        try:
            yield video, _standing(video.file, address(video, bucket), store)
        except OSError as error:
            files.faults.append(unreadable(video.file, error))


def _standing(file: Path, uri: str, store: Store) -> Standing:
    size = file.stat().st_size
    try:
        stored = store.head(uri)
    except NotFoundError:
        return Standing.NEW
    if stored.size == size and stored.etag in (_md5(file), _multipart_etag(file)):
        return Standing.SAME
    return Standing.CHANGED


def refusal(standings: Mapping[LocalVideo, Standing], bucket: str) -> str:
    """Return why files are not copied unless they may replace others, all at once; else nothing.

    Their code, made of their path, belongs to another file already.
    """
    others = [
        f"{video.file} as {video}"
        for video, standing in standings.items()
        if standing is Standing.CHANGED and not video.laid_out
    ]
    if not others:
        return ""
    return (
        f"{'; '.join(others)}: s3://{bucket} holds another file under this name; rename it or "
        "give the folder above it, or replace what is there with --replace"
    )


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _multipart_etag(path: Path) -> str:
    """Return the ETag that S3 gives the file if `Store.upload` sends it in parts."""
    digests, size = [], path.stat().st_size
    if size < PART_BYTES:
        return ""
    with path.open("rb") as file:
        while part := file.read(PART_BYTES):
            digests.append(hashlib.md5(part, usedforsecurity=False).digest())
    whole = hashlib.md5(b"".join(digests), usedforsecurity=False)
    return f"{whole.hexdigest()}-{len(digests)}"


def faults_told(faults: Iterable[LeftOut]) -> Iterator[str]:
    """Yield a line for each file that was left out for a fault of its own."""
    for fault in faults:
        yield safe(f"left out: {fault.file}: {fault.reason}: {fault.message}")
