"""What lies between keyframes, decoded ahead of its turn by several decoders side by side.

One thread decodes from a keyframe to the next, and that takes longer than all keyframes and
pictures. So stretches that will probably be asked for are begun ahead, one a decoder.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from threading import Condition
from typing import Any, Self

from av.packet import Packet

from components.base.prefetch import Prefetched
from components.frame.framing import Framing
from components.frame.segments import Looked
from components.frame.skipping import LEAVING_OUT
from components.media.packets import PacketIndex
from components.media.video import VideoFile


@dataclass(frozen=True)
class Stretch:
    """The frames after keyframe `first`, up to `until`, that are `every_s` seconds apart or wanted.

    The first of them is as far from frame `offered`. Those that no other refers to are left out
    where the codec has such, but for the wanted ones: what comes to be shown slowly is seen in the
    others.
    """

    first: int
    offered: int
    until: int
    wanted: frozenset[int]
    every_s: float

    def begins(self, other: Stretch) -> bool:
        """Return whether this one's frames are the first of the other's."""
        return self.until <= other.until and replace(self, until=other.until) == other


class Between:
    """Decodes stretches; use as a context.

    Args:
        seeker: Decodes those that nobody began.
        ahead: The same file, opened for each decoder that begins stretches ahead.
        waiting: Most frames of a stretch that wait for their turn.
    """

    def __init__(
        self,
        seeker: VideoFile,
        ahead: Sequence[VideoFile],
        index: PacketIndex,
        framing: Framing,
        waiting: int,
    ) -> None:
        self._seeker, self._index, self._framing = seeker, index, framing
        self._waiting = waiting
        for video in (seeker, *ahead):
            # Threads decode ahead, which is work lost where the next stretch lies elsewhere.
            video.stream.codec_context.thread_count = 1
        self._leaves_out = seeker.stream.codec_context.codec.canonical_name in LEAVING_OUT
        self._ahead, self._free = len(ahead), list(ahead)
        self._begun: dict[int, tuple[Stretch, VideoFile, Prefetched[Looked]]] = {}
        self._closed = False
        self._changed = Condition()

    def begin(self, stretch: Stretch) -> None:
        """Have the stretch decoded, as soon as a decoder is free; not where there is none."""
        with self._changed:
            self._changed.wait_for(lambda: self._free or self._closed or not self._ahead)
            if self._closed or not self._free:
                return
            video = self._free.pop()
            looked = Prefetched(self._decoded(video, stretch), self._waiting)
            self._begun[stretch.first] = stretch, video, looked

    def looked(self, stretch: Stretch) -> Iterator[Looked]:
        """Yield the frames of a stretch, in order.

        Raises:
            BorderGoneError: there is picture in the border of a frame.
        """
        with self._changed:
            begun = self._begun.get(stretch.first)
        if begun and stretch.begins(begun[0]):
            for looked in begun[2]:
                if looked.number > stretch.until:
                    return
                yield looked
        else:
            yield from self._decoded(self._seeker, stretch)

    def passed(self, keyframe: int) -> None:
        """Let go of the stretch after a keyframe, asked for or not."""
        with self._changed:
            _, video, looked = self._begun.pop(keyframe, (None, None, None))
        if video and looked:
            looked.close()
            with self._changed:
                self._free.append(video)
                self._changed.notify()

    def second(self, number: int) -> float:
        """Return the second at which a frame is shown."""
        return self._seeker.second(self._index.pts[number], self._framing.source.start)

    def close(self) -> None:
        """Decode nothing more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
            begun = list(self._begun)
        for keyframe in begun:
            self.passed(keyframe)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _decoded(self, video: VideoFile, stretch: Stretch) -> Iterator[Looked]:
        video.seek(self._index.seek_time(stretch.first))
        last = stretch.offered
        for frame in video.frames(self._packets(video, stretch.wanted)):
            if frame.pts is None or not self._index.has(frame.pts):
                continue
            number = self._index.number(frame.pts)
            if number > stretch.until:
                return
            due = self.second(number) - self.second(last) >= stretch.every_s
            if number > last and (due or number in stretch.wanted):
                last = number
                yield Looked(number, frame, self._framing.thumbnail(frame))

    def _packets(self, video: VideoFile, wanted: frozenset[int]) -> Iterator[Packet[Any]]:
        for packet in video.packets():
            if self._leaves_out and packet.pts is not None and self._index.has(packet.pts):
                video.skip_unreferenced(self._index.number(packet.pts) not in wanted)
            yield packet
