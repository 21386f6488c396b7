"""What a video file says of its frames without decoding them: times, sizes, keyframes."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection
from dataclasses import dataclass
from typing import Self

from components.media.entries import begins_anew
from components.media.video import VideoFile

# Frames past a keyframe that a seek to it aims at, and how many there have to be to the next one:
# no codec shows a frame later than sixteen after its packet.
_PAST, _NEAR = 4, 24


@dataclass(frozen=True)
class PacketIndex:
    """The frames of a video in order of presentation: times of the stream's clock, and bytes.

    A frame's place in `pts` is the number that decoding everything would give it. `keyframes` are
    such numbers; `entries` those of keyframes from which on no frame refers to one before. `exact`
    is False where packets have no times of their own (AVI), or share them.
    """

    pts: list[int]
    sizes: list[int]
    keyframes: list[int]
    exact: bool
    entries: frozenset[int] = frozenset()

    @classmethod
    def of(cls, file: VideoFile) -> Self:
        """Read all packets of the file's video stream."""
        exact = not file.guessed
        found: list[tuple[int, int, bool]] = []
        begins = begins_anew(file.stream.codec_context)
        # Times of the packets that begin anew, of which none before is shown later.
        entries: list[int] = []
        latest: int | None = None
        for packet in file.packets():
            if packet.size and not packet.is_discard:
                shown = packet.pts or 0
                exact = exact and packet.pts is not None
                found.append((shown, packet.size, packet.is_keyframe))
                # What is shown before a keyframe and comes after it may refer to both sides.
                while entries and shown < entries[-1]:
                    entries.pop()
                if packet.is_keyframe and begins(packet) and (latest is None or latest < shown):
                    entries.append(shown)
                latest = shown if latest is None else max(latest, shown)
        begin = set(entries)
        found.sort()
        pts = [time for time, _, _ in found]
        return cls(
            pts=pts,
            sizes=[size for _, size, _ in found],
            keyframes=[number for number, (_, _, key) in enumerate(found) if key],
            exact=exact and len(set(pts)) == len(pts),
            entries=frozenset(
                number for number, (time, _, key) in enumerate(found) if key and time in begin
            ),
        )

    @property
    def leading(self) -> list[int]:
        """The frames shown before the first keyframe, which refer to what may have been cut away.

        Decoders drop those of an open group of pictures that a cut has left at the beginning.
        """
        return self.pts[: self.keyframes[0]] if self.keyframes else []

    def without(self, pts: Collection[int]) -> Self:
        """Return the index without the frames shown at these times."""
        stays = [number for number, time in enumerate(self.pts) if time not in pts]
        keyframes = set(self.keyframes)
        return type(self)(
            pts=[self.pts[number] for number in stays],
            sizes=[self.sizes[number] for number in stays],
            keyframes=[place for place, number in enumerate(stays) if number in keyframes],
            exact=self.exact,
            entries=frozenset(
                place for place, number in enumerate(stays) if number in self.entries
            ),
        )

    def has(self, pts: int) -> bool:
        """Return whether a frame is shown at `pts`."""
        number = bisect_left(self.pts, pts)
        return number < len(self.pts) and self.pts[number] == pts

    def number(self, pts: int) -> int:
        """Return the number of the frame shown at `pts`."""
        return bisect_left(self.pts, pts)

    def seek_time(self, keyframe: int) -> int:
        """Return the time from which a seek goes back to a keyframe.

        In an MP4 that was cut a few frames after a keyframe, without being encoded again, the time
        of a keyframe leads to the one before it. A later one does not, unless the next keyframe is
        near: that counts by when its packet is due, some frames before it is shown.
        """
        after = bisect_right(self.keyframes, keyframe)
        following = self.keyframes[after] if after < len(self.keyframes) else len(self.pts)
        return self.pts[keyframe + _PAST if following - keyframe > _NEAR else keyframe]

    def keyframe_before(self, number: int) -> int:
        """Return the last keyframe at or before a frame; the first frame if there is none.

        Then it is one that is not shown, where an MP4 was cut without being encoded again.
        """
        before = bisect_right(self.keyframes, number)
        return self.keyframes[before - 1] if before else 0
