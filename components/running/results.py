"""A phase's results in the artifacts bucket: where they lie, and whether they still hold.

A result for a video lies under `results/<platform>/<code>/<phase>/<fingerprint>.json` and is
written last, after the files it names. Rejections are kept the same way, with the limits they were
judged by.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from components.base.logs import log
from components.errors import NotFoundError, TransientError
from components.records.manifest import Problem
from components.records.record import Record
from components.records.videos import Video
from components.stores.objects import split

if TYPE_CHECKING:
    from components.records.done_marker import DoneMarker
    from components.stores.s3 import Store

R = TypeVar("R", bound=Record)

_VIDEOS = 4096


class Outcome(Record):
    """What lies at a phase's result key."""

    result: dict[str, Any] | None = None
    problem: Problem | None = None
    limits: str | None = None


class Results:
    """Reads and writes results.

    With `listing`, a video's objects are listed once, and no request is spent on one that is not
    there: right for who asks more than once about a video and sees its own objects being written.
    Without, every question is one request.
    """

    def __init__(self, store: Store, bucket: str, *, listing: bool) -> None:
        self._store, self._bucket = store, bucket
        self._listing = listing
        self._listed: OrderedDict[str, set[str]] = OrderedDict()
        self._lock = threading.Lock()

    def listing(self) -> Results:
        """Return the same results, by listing."""
        return self if self._listing else Results(self._store, self._bucket, listing=True)

    def uri(self, video: Video, phase: str, fingerprint: str, suffix: str) -> str:
        """Return the address of a file of a phase's result."""
        return f"{self.folder(video)}{phase}/{fingerprint}.{suffix}"

    def list_ahead(self, videos: Iterable[Video]) -> None:
        """List what is kept for these videos together, in fewer requests than one by one."""
        with self._lock:
            folders = set(map(self.folder, videos))
            unknown = folders - self._listed.keys()
        if not self._listing or len(unknown) < 2:
            return
        keys = sorted(split(folder)[1] for folder in unknown)
        # Who asks about a video meets the error again, and books it there.
        with suppress(TransientError):
            for key, objects in self._store.objects_by_folder(self._bucket, keys):
                self._remember(f"s3://{self._bucket}/{key}", {stored.uri for stored in objects})

    def read(self, video: Video, uri: str, record: type[Record]) -> Outcome | None:
        """Return the outcome at `uri`, None if there is none of this version of `record`."""
        if self._listing and uri not in self._objects(video):
            return None
        try:
            outcome = Outcome.model_validate_json(self._store.get(uri))
            if outcome.result is not None:
                record.model_validate(outcome.result)
        except NotFoundError:
            return None
        except ValidationError:
            # Half an object, or one of another version: worth no more than none.
            log.warning("%s: unreadable result, redone", uri)
            return None
        return outcome

    def behind(self, done: DoneMarker, phase: str, record: type[R]) -> R | None:
        """Return the phase's result that the marked frames come from; None if it is gone."""
        fingerprint = done.fingerprints.get(phase)
        return self.found(done.video, phase, fingerprint, record) if fingerprint else None

    def found(self, video: Video, phase: str, fingerprint: str, record: type[R]) -> R | None:
        """Return what the phase found of the video; None if it did not, or that is gone."""
        outcome = self.read(video, self.uri(video, phase, fingerprint, "json"), record)
        return record.model_validate(outcome.result) if outcome and outcome.result else None

    def write(self, video: Video, uri: str, outcome: Outcome) -> None:
        """Keep the outcome at `uri`, after the files that it names."""
        content = outcome.model_dump_json().encode()
        self._store.put(uri, content, content_type="application/json")
        self.wrote(video, uri)

    def wrote(self, video: Video, uri: str) -> None:
        """Take note of a file that now is there."""
        if self._listing:
            self._objects(video).add(uri)

    def hold(self, video: Video, uris: Sequence[str]) -> bool:
        """Return whether all these files of a result are there."""
        if self._listing:
            return self._objects(video).issuperset(uris)
        return all(self._store.exists(uri) for uri in uris)

    def forget(self, video: Video) -> None:
        """Drop the listing of a video that has left its last phase."""
        with self._lock:
            self._listed.pop(self.folder(video), None)

    def drop_others(self, video: Video, phase: str, fingerprint: str) -> None:
        """Remove the phase's results for the video under any other fingerprint."""
        folder = f"{self.folder(video)}{phase}/"
        known = self._objects(video)
        others = {
            uri
            for uri in known
            if uri.startswith(folder) and not uri.startswith(f"{folder}{fingerprint}.")
        }
        if others:
            self._store.delete(self._bucket, [split(uri)[1] for uri in sorted(others)])
            known -= others

    def drop_siblings(self, video: Video, uri: str, keep: set[str]) -> None:
        """Remove the files of the result that `uri` belongs to, of its kind, but it and `keep`."""
        stem, _, suffix = uri.rpartition(".")
        known = self.listing()._objects(video)
        others = {
            other
            for other in known
            if other.startswith(f"{stem}.") and other.endswith(f".{suffix}")
        } - {uri, *keep}
        if others:
            self._store.delete(self._bucket, [split(other)[1] for other in sorted(others)])
            known -= others

    def folder(self, video: Video) -> str:
        """Return where all that is kept of the video lies."""
        return f"s3://{self._bucket}/results/{video.platform}/{video.code}/"

    def _objects(self, video: Video) -> set[str]:
        """Return the addresses of all that is kept for the video, by the first listing."""
        folder = self.folder(video)
        with self._lock:
            known = self._listed.get(folder)
        if known is None:
            known = {stored.uri for stored in self._store.objects(folder)}
        return self._remember(folder, known)

    def _remember(self, folder: str, objects: set[str]) -> set[str]:
        with self._lock:
            known = self._listed.setdefault(folder, objects)
            self._listed.move_to_end(folder)
            if len(self._listed) > _VIDEOS:
                self._listed.popitem(last=False)
        return known
