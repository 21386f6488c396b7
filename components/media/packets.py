"""What a video file says of its frames without decoding them: times, sizes, keyframes."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from av.packet import Packet

from components.media.decoding import VideoFile


@dataclass
class PacketIndex:
    """The frames of a video in order of presentation: times of the stream's clock, and bytes.

    A frame's place in `pts` is the number that decoding everything would give it. `keyframes` are
    such numbers. Complete once `recorded` has passed all packets on.
    """

    pts: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    keyframes: list[int] = field(default_factory=list)
    exact: bool = True

    def recorded(self, file: VideoFile) -> Iterator[Packet[Any]]:
        """Yield the packets of the file's stream and note what they say of themselves.

        `exact` is False afterwards where packets have no times of their own (AVI), or share them.
        """
        found: list[tuple[int, int, bool]] = []
        for packet in file.packets(file.stream):
            if packet.size and not packet.is_discard:
                if packet.pts is None:
                    self.exact = False
                else:
                    found.append((packet.pts, packet.size, packet.is_keyframe))
            yield packet
        found.sort()
        self.pts = [pts for pts, _, _ in found]
        self.sizes = [size for _, size, _ in found]
        self.keyframes = [number for number, (_, _, key) in enumerate(found) if key]
        self.exact = self.exact and len(set(self.pts)) == len(self.pts)

    def number(self, pts: int) -> int:
        """Return the number of the frame shown at `pts`.

        Raises:
            KeyError: no packet has this time.
        """
        number = bisect_left(self.pts, pts)
        if number == len(self.pts) or self.pts[number] != pts:
            raise KeyError(pts)
        return number

    def first_at(self, second: float, second_of: Callable[[int], float]) -> int:
        """Return the number of the first frame shown at or after a second, the last if none is."""
        numbers = range(len(self.pts))
        return min(bisect_left(numbers, second, key=second_of), len(self.pts) - 1)

    def keyframe_before(self, number: int) -> int:
        """Return the last keyframe at or before a frame; the first one if there is none."""
        return self.keyframes[max(0, bisect_right(self.keyframes, number) - 1)]
