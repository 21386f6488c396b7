"""Moments out of frames: those of one scene belong together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter

from components.stores.vectors.store import Neighbour, StoredFrame


@dataclass(frozen=True)
class Candidate:
    """A part of a video with the frames found in it, best first; `folded` are like it."""

    start: float
    end: float
    frames: tuple[Neighbour, ...]
    folded: tuple[Neighbour, ...] = ()

    @property
    def best(self) -> Neighbour:
        return self.frames[0]

    @property
    def video(self) -> tuple[str, str]:
        return self.best.frame.platform, self.best.frame.code


def grouped(neighbours: Iterable[Neighbour]) -> list[Candidate]:
    """Return the moments of the frames, best first.

    Frames of one scene are one moment, and so are those of scenes that overlap in time, so moments
    of a video never do.
    """
    videos: defaultdict[tuple[str, str], list[Neighbour]] = defaultdict(list)
    for near in neighbours:
        videos[near.frame.platform, near.frame.code].append(near)
    found = [moment for frames in videos.values() for moment in _of_video(frames)]
    return sorted(found, key=lambda moment: -moment.best.score)


def _of_video(frames: Sequence[Neighbour]) -> Iterator[Candidate]:
    own: list[Neighbour] = []
    start, end = 0.0, 0.0
    spans = [(*_span(near.frame), near) for near in frames]
    for first, last, near in sorted(spans, key=itemgetter(0, 1)):
        # Of a scene without length, as of one picture, the next frame may have the same.
        if own and (first < end or (first, last) == (start, end)):
            own.append(near)
            end = max(end, last)
            continue
        if own:
            yield _candidate(start, end, own)
        own, start, end = [near], first, last
    if own:
        yield _candidate(start, end, own)


def _candidate(start: float, end: float, frames: Iterable[Neighbour]) -> Candidate:
    return Candidate(start, end, tuple(sorted(frames, key=lambda near: -near.score)))


def _span(frame: StoredFrame) -> tuple[float, float]:
    return min(frame.scene_start, frame.second), max(frame.scene_end, frame.second)


def bounded(moments: Iterable[Candidate], per_video: int) -> list[Candidate]:
    """Return the first `per_video` moments of each video, in the same order; 0 returns all."""
    counts: defaultdict[tuple[str, str], int] = defaultdict(int)
    kept: list[Candidate] = []
    for moment in moments:
        counts[moment.video] += 1
        if not per_video or counts[moment.video] <= per_video:
            kept.append(moment)
    return kept
