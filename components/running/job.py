"""One video that a phase has to work on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic

from components.base.logs import log
from components.errors import DamagedObjectError
from components.records.manifest import Entry, Result
from components.records.videos import FramedVideo, Video
from components.running.services import Services
from components.stores.checksums import Expected
from components.stores.objects import split


@dataclass(frozen=True)
class Job(Generic[Result]):
    """One video that the phase has to work on; `input` is the result of the phase before."""

    index: int
    entry: Entry[Result]
    fingerprint: str
    phase: str
    services: Services

    @property
    def video(self) -> Video:
        return self.entry.video

    @property
    def input(self) -> Result:
        assert self.entry.result is not None
        return self.entry.result

    def artifact(self, suffix: str) -> str:
        """Return the address of a file of this phase's result."""
        return self.services.results.uri(self.video, self.phase, self.fingerprint, suffix)

    @contextmanager
    def source(self, size: int) -> Iterator[Path]:
        """Give a local copy of the video's source, of so many bytes.

        Raises:
            TransientError: what arrives is not the source that the run knows.
        """
        known = Expected(size=size, etag=self.entry.etag)
        with self.services.copies.of(self.video.source, self.entry.etag, "source", known) as path:
            yield path

    @contextmanager
    def downloaded(self, uri: str, name: str, sha256: str = "") -> Iterator[Path]:
        """Give a local copy of a phase's file.

        Raises:
            TransientError: what arrives is not what was written. Where that is what S3 has, it is
                removed, and the next run makes it anew.
        """
        with _downloaded(self.services, uri, self.entry.etag, name, sha256) as path:
            yield path

    def upload(self, suffix: str, path: Path, content_type: str) -> tuple[str, str]:
        """Send a file of this phase's result; return its address and SHA-256.

        `path` may be gone then.
        """
        uri = self.artifact(suffix)
        sent = self.services.store.upload(uri, path, content_type=content_type)
        self.services.results.wrote(self.video, uri)
        self.services.copies.keep(uri, self.entry.etag, path)
        return uri, sent.sha256

    def keep(self, suffix: str, path: Path, content_type: str) -> tuple[str, str]:
        """Keep a file for later phases of this process, or send it; as `upload` else.

        What is kept and not sent has no SHA-256: nobody fetches it, and it ends with the process.
        """
        uri, services = self.artifact(suffix), self.services
        publishes = services.every_phase and services.settings.storage.etags_are_md5
        if publishes and services.copies.keep(uri, self.entry.etag, path, unsent=True):
            services.results.wrote(self.video, uri)
            return uri, ""
        return self.upload(suffix, path, content_type)


@contextmanager
def downloaded(
    services: Services, framed: FramedVideo, uri: str, name: str, sha256: str = ""
) -> Iterator[Path]:
    """Give a local copy of a file of a video's frames; see `Job.downloaded`."""
    with _downloaded(services, uri, framed.cropped.source.etag, name, sha256) as path:
        yield path


@contextmanager
def _downloaded(
    services: Services, uri: str, version: str, name: str, sha256: str
) -> Iterator[Path]:
    try:
        with services.copies.of(uri, version, name, Expected(sha256=sha256)) as path:
            yield path
    except DamagedObjectError:
        bucket, key = split(uri)
        services.store.delete(bucket, [key])
        log.warning("%s: removed, for it is not what was written; made anew next time", uri)
        raise
