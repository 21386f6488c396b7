"""The frames that a scan leaves out, decoded after all where a cut may lie."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterator, Sequence
from typing import Any

from av.packet import Packet
from av.video.frame import VideoFrame

from components.frame.framing import Framing
from components.frame.gaps import Run
from components.frame.scenes import Difference
from components.frame.skipping import CannotSkipError
from components.media.packets import PacketIndex
from components.media.video import VideoFile

# Of all frames, so many may be decoded twice before decoding each once is quicker.
_WORTHWHILE = 0.4


class LeftOut:
    """Decodes stretches of a video, each after the one before, with a decoder of its own.

    On the way from a keyframe, frames that no other refers to are left out here as well. `decoded`
    counts the others.

    Args:
        hinted: The frames that the scan decodes whether others refer to them or not.
    """

    def __init__(
        self, video: VideoFile, index: PacketIndex, framing: Framing, hinted: Collection[int]
    ) -> None:
        self._video, self._index, self._framing = video, index, framing
        self._hinted = hinted
        # Threads decode ahead, which is work lost where the next stretch lies elsewhere.
        video.stream.codec_context.thread_count = 1
        self._frames: Iterator[VideoFrame] = iter(())
        self._wanted = range(0)
        # The last frame, in order of presentation, whose packet the decoder was given, those that
        # it was to leave out if no other refers to them, and the last that it gave.
        self._given = -1
        self._unwanted: set[int] = set()
        self._last: tuple[int, VideoFrame] | None = None
        self.decoded = 0

    def scores(self, runs: Sequence[Run]) -> list[float]:
        """Return the scores of the frames after the first up to the last of the runs.

        Raises:
            CannotSkipError: the frames are others than those that the scan saw, or there are so
                many of them that decoding the video in order is as quick.
        """
        first, last = runs[0].first, runs[-1].last
        seen = {run.last: run.score for run in runs}
        scores: list[float] = []
        each, across = Difference(), Difference()
        known = {first, *seen}
        for expected, (number, frame) in enumerate(self._between(first, last, known), first):
            if number != expected:
                raise CannotSkipError(
                    "order", f"frame {expected} does not come where its time says"
                )
            thumbnail = self._framing.thumbnail(frame)
            scores.append(each.score(thumbnail))
            if (number == first or number in seen) and across.score(thumbnail) != seen.get(
                number, 0
            ):
                raise CannotSkipError("order", f"frame {number} looks another way after a keyframe")
        if len(scores) != last - first + 1:
            raise CannotSkipError("order", f"frame {last} does not come")
        return scores[1:]

    def _between(
        self, first: int, last: int, seen: Container[int]
    ) -> Iterator[tuple[int, VideoFrame]]:
        """Yield the frames from one to another, with their numbers."""
        self._wanted = range(first, last + 1)
        keyframe = self._index.keyframe_before(first)
        if self._given < keyframe or not self._can_go_on(first, seen):
            self._video.seek(self._index.seek_time(keyframe))
            self._given, self._last = -1, None
            self._unwanted.clear()
            self._frames = self._video.frames(self._packets())
        elif self._last and self._last[0] == first:
            yield self._last
        for frame in self._frames:
            self.decoded += 1
            if self.decoded > _WORTHWHILE * len(self._index.pts):
                raise CannotSkipError("doubts", "cuts may lie nearly everywhere")
            if frame.pts is None or not self._index.has(frame.pts):
                raise CannotSkipError("order", "a frame comes at a time that no packet has")
            number = self._index.number(frame.pts)
            self._last = number, frame
            if number >= first:
                yield self._last
            if number >= last:
                return

    def _can_go_on(self, first: int, seen: Container[int]) -> bool:
        """Return whether no wanted frame has gone by, or been left out.

        Of those that the scan saw, the ones that it did not see by a hint are in any case decoded.
        """
        if self._last and self._last[0] > first:
            return False
        return not any(
            number in self._unwanted and (number not in seen or number in self._hinted)
            for number in self._wanted
        )

    def _packets(self) -> Iterator[Packet[Any]]:
        for packet in self._video.packets():
            if packet.pts is not None and self._index.has(packet.pts):
                number = self._index.number(packet.pts)
                self._given = max(self._given, number)
                if number not in self._wanted:
                    self._unwanted.add(number)
                self._video.skip_unreferenced(number not in self._wanted)
            yield packet
