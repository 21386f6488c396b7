"""Manifests: what one phase hands the next, a JSON Lines file in S3 with an entry a video.

An entry carries either the result of the last phase that the video passed, or the `Problem` that
stopped it; later phases pass a stopped video on untouched, so that whoever reads the last manifest
knows about all of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, Generic, Literal, Protocol, Self, TypeVar

from pydantic import ConfigDict, Field, RootModel, ValidationError

from components.base.version import version
from components.base.wrong_values import wrong_value
from components.errors import Failure, ManifestError, NotFoundError
from components.records.record import Record, S3Uri
from components.records.videos import Video


class Objects(Protocol):
    """Where manifests lie: what they need of S3."""

    def get(self, uri: str) -> bytes: ...
    def put(self, uri: str, content: bytes, content_type: str) -> object: ...


class GpuTime(Record):
    """Seconds in which a GPU computed, of those in which a phase could have had it do so."""

    model_config = ConfigDict(extra="ignore")

    busy_s: float
    held_s: float

    def __add__(self, other: GpuTime) -> GpuTime:
        return GpuTime(busy_s=self.busy_s + other.busy_s, held_s=self.held_s + other.held_s)

    @property
    def share(self) -> float:
        """The busy part, 0 to 1."""
        return min(1.0, self.busy_s / self.held_s) if self.held_s else 0.0


class PhaseStep(Record):
    """One phase that the video passed. `seconds` is 0 where an earlier result was reused.

    `cpu_s` are its CPU seconds, of the processes that decoded, too; None where that is not known,
    or where it is not the CPU that works. `gpu` is None where no GPU was used. What a newer
    version notes beside these is passed over: no phase goes by it.
    """

    model_config = ConfigDict(extra="ignore")

    phase: str
    fingerprint: str
    seconds: float
    reused: bool
    cpu_s: float | None = None
    gpu: GpuTime | None = None


class Problem(Record):
    """Why a video stopped: rejected (the video is bad) or failed (the world was)."""

    kind: Literal["rejected", "failed"]
    phase: str
    reason: str
    message: str

    @property
    def fault(self) -> tuple[str, str] | None:
        """The phase and the kind of error, by which two internal errors are the same one."""
        if self.reason != Failure.INTERNAL_ERROR:
            return None
        return self.phase, self.message.partition(":")[0]


Result = TypeVar("Result", bound=Record)


class Entry(Record, Generic[Result]):
    """One video on its way: its result so far, or the problem that stopped it.

    `etag` is the source's, once it is known; `version` is that of the program whose phase it left.
    """

    version: str = Field(default_factory=version)
    video: Video
    etag: str = ""
    steps: tuple[PhaseStep, ...] = ()
    result: Result | None = None
    problem: Problem | None = None

    @property
    def fingerprint(self) -> str:
        """Return the fingerprint of the last phase passed, or the empty string before the first."""
        return self.steps[-1].fingerprint if self.steps else ""

    @property
    def fingerprints(self) -> dict[str, str]:
        """The fingerprints of the phases passed, by phase."""
        return {step.phase: step.fingerprint for step in self.steps}

    @property
    def seconds_worked(self) -> dict[str, float]:
        """The seconds spent in each phase that did not reuse an earlier result."""
        return {step.phase: step.seconds for step in self.steps if not step.reused}

    @property
    def seconds_passed(self) -> dict[str, float | None]:
        """The seconds spent in each phase passed; None in one that reused an earlier result."""
        return {step.phase: None if step.reused else step.seconds for step in self.steps}

    @property
    def cpu_worked(self) -> dict[str, float]:
        """The CPU seconds of these phases, as far as they are known."""
        return {
            step.phase: step.cpu_s
            for step in self.steps
            if not step.reused and step.cpu_s is not None
        }

    def advanced(self, result: Record, step: PhaseStep) -> Entry[Any]:
        """Return the entry after it passed a phase."""
        return Entry[Any](
            video=self.video, etag=self.etag, steps=(*self.steps, step), result=result
        )

    def stopped(self, problem: Problem) -> Entry[Any]:
        """Return the entry after a problem stopped it."""
        return Entry[Any](video=self.video, etag=self.etag, steps=self.steps, problem=problem)


class Manifest(RootModel[S3Uri], Generic[Result]):
    """The address of a manifest, typed by the result its entries carry.

    The type is checked where the DAG is wired and where the manifest is read.
    """

    model_config = ConfigDict(frozen=True)
    _known: tuple[Entry[Result], ...] | None = None

    @property
    def uri(self) -> str:
        return self.root

    @classmethod
    def of(cls) -> type[Record]:
        """Return the record that the entries carry."""
        (record,) = cls.__pydantic_generic_metadata__["args"]
        return record  # type: ignore[no-any-return]

    def sibling(self, phase: str) -> str:
        """Return the address of the manifest that `phase` writes for the same shard."""
        return f"{self.uri.rpartition('/')[0]}/{phase}.jsonl"

    def read(self, store: Objects) -> list[Entry[Result]]:
        """Return the entries, in order.

        Raises:
            ManifestError: the object is missing, or a line is not an entry of this type.
        """
        if self._known is not None:
            return list(self._known)
        try:
            content = store.get(self.uri)
        except NotFoundError as error:
            raise ManifestError(
                f"{self.uri}: no such manifest; check that the phase before it ran"
            ) from error
        return list(parsed(self.uri, content, self.of()))

    @classmethod
    def write(cls, store: Objects, uri: str, entries: Iterable[Entry[Result]]) -> Self:
        """Write the entries to `uri`, whole or not at all, and return the manifest."""
        lines = "".join(entry.model_dump_json() + "\n" for entry in entries)
        store.put(uri, lines.encode(), content_type="application/jsonl")
        return cls(uri)

    def holding(self, entries: Iterable[Entry[Result]]) -> Self:
        """Return the manifest with the entries that were written, for readers in this process."""
        manifest = self.model_copy()
        manifest._known = tuple(entries)
        return manifest


def parsed(
    uri: str, content: bytes, record: Any, *, passing_over: bool = False
) -> Iterator[Entry[Any]]:
    """Yield the entries of a manifest, each as it is asked for.

    Args:
        record: What the entries carry.
        passing_over: Leave out what is unknown instead of refusing it: right for who only counts.

    Raises:
        ManifestError: a line is not an entry that carries such a record.
    """
    entry: Any = Entry.__class_getitem__(record)
    extra: Any = "ignore" if passing_over else None
    for number, line in enumerate(content.splitlines(), start=1):
        try:
            yield entry.model_validate_json(line, extra=extra)
        except ValidationError as error:
            wrong = wrong_value(error)
            raise ManifestError(
                f"{uri} line {number}: expected an entry of {record.__name__}, found "
                f"{str(wrong.found)[:80]!r} ({wrong}); {_remedy(line)}"
            ) from error


def _remedy(line: bytes) -> str:
    """Return what to do about a line that cannot be read, by who wrote it.

    A result holds what later phases go by, so what is unknown in it is never passed over.
    """
    written: Any = None
    with suppress(ValueError):
        written = json.loads(line)
    if not isinstance(written, dict) or written.get("version") == version():
        return "run the phase before it again, with an image of this build"
    by = f"version {written['version']}" if "version" in written else "an earlier version"
    return (
        f"it was written by {by}, and this is version {version()}: the images of one run have to "
        "be of one version; deploy one, and start the run again, which takes over what is done"
    )
