"""The videos that a run takes, in rows of some 80 bytes, of which a million do no harm."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import compress
from math import isnan
from typing import Self, overload

from components.plan.due import Candidate, Due, Why
from components.plan.job_input import source_of
from components.records.videos import Video

# Between the parts of a row; no platform, code or ETag holds one, and a source comes last.
_BETWEEN = b"\0"
_UNKNOWN = float("nan")


class Rows(Sequence[Due]):
    """What is due, in columns; each is made anew, equal to what was added, when it is asked for.

    Only what was checked before gets here, so that nothing is checked again.
    """

    def __init__(self, videos_bucket: str) -> None:
        """
        Args:
            videos_bucket: A source that lies where this bucket's would is not stored.
        """
        self._bucket = videos_bucket
        self._text = bytearray()
        self._ends = array("Q")
        self._sizes = array("q")
        self._modified = array("d")
        self._kinds = array("B")
        self._known_kinds: list[tuple[Why, str | None]] = []

    @classmethod
    def of(cls, due: Iterable[Due], videos_bucket: str) -> Self:
        """Return rows that hold all of `due`, in order."""
        rows = cls(videos_bucket)
        for one in due:
            rows.append(one)
        return rows

    def append(self, due: Due) -> None:
        """Add one more."""
        candidate = due.candidate
        video, etag = candidate.video, candidate.etag
        source = video.source
        if source == source_of(video.platform, video.code, self._bucket):
            source = ""
        parts = (video.platform, video.code, etag or "", source)
        self._text += _BETWEEN.join(part.encode() for part in parts)
        self._ends.append(len(self._text))
        self._sizes.append(candidate.size)
        self._modified.append(candidate.modified.timestamp() if candidate.modified else _UNKNOWN)
        self._kinds.append(self._kind(due.why, due.stale_from))

    @property
    def sizes(self) -> Sequence[int]:
        """The bytes of each source, 0 where they are not known."""
        return self._sizes

    def work(self) -> Sequence[tuple[str | None, int]]:
        """Return of each the first phase that has work to do, None for all, and its bytes."""
        return _Work(self._known_kinds, self._kinds, self._sizes)

    def kinds(self) -> Counter[tuple[Why, str | None]]:
        """Return how many are due why, and from which phase on."""
        return Counter({self._known_kinds[kind]: n for kind, n in Counter(self._kinds).items()})

    def video(self, index: int) -> Video:
        """Return the video of one row."""
        platform, code, _, source = self._parts(index)
        return self._video(platform, code, source)

    def videos(self, indices: Iterable[int]) -> list[Video]:
        """Return the videos of some rows."""
        return list(map(self.video, indices))

    def folder(self, index: int) -> str:
        """Return `Candidate.folder` of one row."""
        platform, code, *_ = self._parts(index)
        return f"{platform}/{code}/"

    def names(self) -> Iterator[tuple[str, str]]:
        """Yield platform and code of each."""
        for index in range(len(self)):
            platform, code, *_ = self._parts(index)
            yield platform, code

    def keep(self, wanted: Sequence[int]) -> None:
        """Drop the rows for which `wanted` holds 0."""
        if all(wanted):
            return
        text, ends = bytearray(), array("Q")
        for index in compress(range(len(self)), wanted):
            text += self._text[self._begin(index) : self._ends[index]]
            ends.append(len(text))
        self._text, self._ends = text, ends
        self._sizes = array("q", compress(self._sizes, wanted))
        self._modified = array("d", compress(self._modified, wanted))
        self._kinds = array("B", compress(self._kinds, wanted))

    def __len__(self) -> int:
        return len(self._ends)

    @overload
    def __getitem__(self, index: int) -> Due: ...
    @overload
    def __getitem__(self, index: slice) -> list[Due]: ...
    def __getitem__(self, index: int | slice) -> Due | list[Due]:
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(len(self)))]
        index = range(len(self))[index]
        platform, code, etag, source = self._parts(index)
        modified = self._modified[index]
        why, stale_from = self._known_kinds[self._kinds[index]]
        candidate = Candidate(
            self._video(platform, code, source),
            etag or None,
            self._sizes[index],
            None if isnan(modified) else datetime.fromtimestamp(modified, UTC),
        )
        return Due(candidate, why, stale_from)

    def _kind(self, why: Why, stale_from: str | None) -> int:
        kind = why, stale_from
        if kind not in self._known_kinds:
            self._known_kinds.append(kind)
        return self._known_kinds.index(kind)

    def _begin(self, index: int) -> int:
        return self._ends[index - 1] if index else 0

    def _parts(self, index: int) -> list[str]:
        row = self._text[self._begin(index) : self._ends[index]]
        return [part.decode() for part in row.split(_BETWEEN, 3)]

    def _video(self, platform: str, code: str, source: str) -> Video:
        return Video.model_construct(
            platform=platform,
            code=code,
            source=source or source_of(platform, code, self._bucket),
        )


class _Work(Sequence[tuple[str | None, int]]):
    """What there is to do of each row, made when it is asked for."""

    def __init__(
        self,
        kinds: Sequence[tuple[Why, str | None]],
        kind_of: Sequence[int],
        sizes: Sequence[int],
    ) -> None:
        self._kinds, self._kind_of, self._sizes = kinds, kind_of, sizes

    def __len__(self) -> int:
        return len(self._sizes)

    def __iter__(self) -> Iterator[tuple[str | None, int]]:
        for kind, size in zip(self._kind_of, self._sizes, strict=True):
            yield self._kinds[kind][1], size

    @overload
    def __getitem__(self, index: int) -> tuple[str | None, int]: ...
    @overload
    def __getitem__(self, index: slice) -> list[tuple[str | None, int]]: ...
    def __getitem__(
        self, index: int | slice
    ) -> tuple[str | None, int] | list[tuple[str | None, int]]:
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(len(self)))]
        return self._kinds[self._kind_of[index]][1], self._sizes[index]
