"""One video that a phase has to work on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic

from components.records.manifest import Entry, Result
from components.records.videos import Video
from components.running.services import Services


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
    def downloaded(self, uri: str, name: str) -> Iterator[Path]:
        """Give a local copy of the video's source or of a phase's file."""
        with self.services.copies.of(uri, self.entry.etag, name) as path:
            yield path

    def upload(self, suffix: str, path: Path, content_type: str) -> str:
        """Send a file of this phase's result, and return its address; `path` may be gone then."""
        uri = self.artifact(suffix)
        self.services.store.upload(uri, path, content_type=content_type)
        self.services.results.wrote(self.video, uri)
        self.services.copies.keep(uri, self.entry.etag, path)
        return uri
