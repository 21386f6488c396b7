"""Frames by decoding little more than the keyframes of a video.

A scene begins at a keyframe that the encoder put there and that shows something new, or where the
sizes of packets tell of one between two keyframes. What this misses, and what it saves, is measured
in docs/performance.md.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from av.video.frame import VideoFrame

from components.base.profiling import profile
from components.base.relay import relayed
from components.frame.between import Between, Stretch
from components.frame.choice import Choice
from components.frame.framing import Framing
from components.frame.hints import keyframes_at_cuts, spikes, tell_cuts
from components.frame.pick import Pickable
from components.frame.scanned import Scanned
from components.frame.scenes import MIN_SCENE_S, changes
from components.frame.segments import Looked, most_waiting
from components.frame.skipping import (
    CannotSkipError,
    check_frames,
    numbered,
    several_decoders,
)
from components.media.packets import PacketIndex
from components.media.pictures import Picture
from components.media.video import cores_for
from components.records.videos import Frame
from components.settings import FrameSettings, LimitSettings

# Of a scene without a keyframe, so many frames after its first: that one may be blended still.
_SETTLED = 3
# A scene that begins with a blank keyframe shows something after so many frames, or fades slowly.
_FADED_IN = 15
# Where something else comes to be shown between two keyframes, frames are looked at so far apart.
_EVERY_S = 0.2
# Nearer keyframes show by themselves what stays for twice as long; many encoders place them so.
_NEAR_S = 2.1
# So far apart, keyframes may have more between them than the cuts that sizes tell of.
_FAR_S = 4.0
# So many keyframes are decoded before they are looked at, and stretches between them begun.
_AHEAD, _MOST_BEGUN = 8, 3
# Above this share of the frames, decoding all of them in order is as fast.
_WORTHWHILE = 0.4


@profile
def keyframe_scan(
    path: Path,
    framing: Framing,
    settings: FrameSettings,
    limits: LimitSettings,
    keep: Callable[[Pickable[VideoFrame]], None],
) -> Scanned:
    """Return the frames that represent the video.

    Frames have the numbers, times and pixels that a full scan would give them.

    Args:
        keep: Called with each frame that is picked.

    Raises:
        BorderGoneError: there is picture in the border of a frame that was decoded.
        CannotSkipError: decoding all of it is the better way. That is a video of few keyframes, of
            many cuts between them or of noise, an interlaced one, or one whose container does not
            say when each frame is shown.
    """
    source = framing.source
    index = numbered(path, source, limits)
    if len(index.keyframes) < settings.min_frames:
        raise CannotSkipError("few", "it has too few keyframes")
    if not tell_cuts(index):
        raise CannotSkipError("doubts", "the sizes of its packets say nothing")
    starts = spikes(index)
    if _decoded(index, starts) > _WORTHWHILE * len(index.pts):
        raise CannotSkipError("doubts", "it has many cuts between keyframes")
    cores = cores_for(source.duration)
    # With one core, what is begun ahead would only be in the way.
    count = min(cores, _MOST_BEGUN) if cores > 1 else 0
    with several_decoders(path, source, limits, 2 + count) as (video, seeker, *others):
        waiting = max(2, most_waiting(source, limits) // max(1, count))
        between = Between(seeker, others, index, framing, waiting)
        scan = _Scan(index, starts, between, framing, settings, keep)

        def keyframes(_: None) -> Iterator[_Keyframe]:
            for frame in video.frames(video.keyframe_packets()):
                if frame.interlaced_frame:
                    raise CannotSkipError("interlaced", "it is interlaced")
                if frame.pts is not None and index.has(frame.pts):
                    number = index.number(frame.pts)
                    yield scan.foreseen(Looked(number, frame, framing.thumbnail(frame)))

        # The next ones are decoded while it is looked at what lies between the last ones.
        with closing(relayed([keyframes], [None], _AHEAD)) as found, between:
            for keyframe in found:
                scan.look_at(keyframe)
            frames = scan.finish()
    check_frames(len(frames), settings.min_frames, index)
    return Scanned(frames, 0)


def _decoded(index: PacketIndex, between: list[int]) -> int:
    """Return about how many frames are decoded, with those of scenes without a keyframe."""
    at_cuts = keyframes_at_cuts(index)
    marks = sorted([*between, *index.keyframes])
    short = [
        start
        for start, end in pairwise(marks)
        if start not in index.keyframes and (end in at_cuts or end not in index.keyframes)
    ]
    runs = sum(start + _SETTLED - index.keyframe_before(start) for start in short)
    return len(index.keyframes) + runs


@dataclass(frozen=True)
class _Keyframe:
    looked: Looked
    is_cut: bool


class _Scan:
    """Keyframes in order of presentation, and what lies between each and the one before."""

    def __init__(
        self,
        index: PacketIndex,
        starts: list[int],
        between: Between,
        framing: Framing,
        settings: FrameSettings,
        keep: Callable[[Pickable[VideoFrame]], None],
    ) -> None:
        self._index, self._starts, self._between = index, starts, between
        self._framing, self._settings = framing, settings
        self._choice = Choice(settings, keep)
        self._is_new = changes(settings)
        self._at_cuts = keyframes_at_cuts(index)
        self._last_cut = self._second(0)
        self._last = self._offered = 0
        self._before: Looked | None = None

    def foreseen(self, looked: Looked) -> _Keyframe:
        """Take the next keyframe, ahead of its turn; begin what will be asked for before it."""
        before, self._before = self._before, looked
        number, frame = looked.number, looked.frame
        new = self._is_new(self._second(number), looked.thumbnail)
        if before is None:
            return _Keyframe(looked, new and number in self._at_cuts)
        resized = (before.frame.width, before.frame.height) != (frame.width, frame.height)
        is_cut = resized or (new and number in self._at_cuts)
        changed = not is_cut and self._choice.differ(before.thumbnail, looked.thumbnail)
        stretch = self._stretch(before.number, number, before.number, is_cut, changed)
        if stretch:
            self._between.begin(stretch)
        return _Keyframe(looked, is_cut)

    def look_at(self, keyframe: _Keyframe) -> None:
        """Take the next keyframe."""
        looked, is_cut = keyframe.looked, keyframe.is_cut
        number, frame, thumbnail = looked.number, looked.frame, looked.thumbnail
        changed = not is_cut and self._choice.has_changed(thumbnail)
        self._look_between(self._last, number, is_cut, changed)
        begins = not number or (is_cut and self._cut(number))
        blank = self._offer(number, frame, thumbnail)
        if begins and blank:
            self._offer_after(number, min(number + _FADED_IN, self._next_keyframe(number) - 1))
        self._last = number

    def finish(self) -> list[Frame]:
        """Return the frames that were picked, in order of time."""
        end = len(self._index.pts)
        sizes = self._index.sizes
        # No keyframe tells what comes after the last one; another picture costs as much as one.
        changed = sum(sizes[self._last + 1 :]) > sizes[self._last]
        self._look_between(self._last, end, is_cut=True, changed=changed)
        return self._choice.finish(max(self._framing.source.duration, self._second(end - 1)))

    def _look_between(self, first: int, last: int, is_cut: bool, changed: bool) -> None:
        """Begin the scenes between two keyframes, and offer frames of what no keyframe shows.

        That is the scenes that end before the second one, and what comes to be shown slowly.
        Decoded is as far as that takes; on the way, frames are offered as well.
        """
        starts = self._starts_between(first, last)
        stretch = self._stretch(first, last, self._offered, is_cut, changed)
        for looked in self._between.looked(stretch) if stretch else ():
            while starts and starts[0] <= looked.number:
                self._cut(starts.pop(0))
            self._offer(looked.number, looked.frame, looked.thumbnail)
        for start in starts:
            self._cut(start)
        self._between.passed(first)

    def _stretch(
        self, first: int, last: int, offered: int, is_cut: bool, changed: bool
    ) -> Stretch | None:
        """Return which frames between two keyframes are to be offered, None for none."""
        starts = self._starts_between(first, last)
        settled = frozenset(
            min(start + _SETTLED, end - 1)
            for start, end in pairwise([*starts, last])
            if end < last or is_cut
        )
        if changed and self._is_long(first, last, starts):
            return Stretch(first, offered, last - 1, settled, _EVERY_S)
        return Stretch(first, offered, max(settled), settled, _EVERY_S) if settled else None

    def _starts_between(self, first: int, last: int) -> list[int]:
        low, high = (bisect_left(self._starts, number) for number in (first, last))
        return self._starts[low:high]

    def _is_long(self, first: int, last: int, starts: list[int]) -> bool:
        """Return whether a picture can stay between two keyframes that no cut in `starts` shows."""
        between = self._second(last - 1) - self._second(first)
        return between > (_FAR_S if starts else _NEAR_S)

    def _cut(self, number: int) -> bool:
        """Begin a scene, unless the last one has only just begun; tell whether it did."""
        second = self._second(number)
        if second - self._last_cut < MIN_SCENE_S:
            return False
        self._choice.cut(second)
        self._last_cut = second
        return True

    def _offer_after(self, keyframe: int, wanted: int) -> None:
        """Decode from a keyframe to the wanted frame and offer that."""
        stretch = Stretch(keyframe, keyframe, wanted, frozenset({wanted}), math.inf)
        for looked in self._between.looked(stretch):
            self._offer(looked.number, looked.frame, looked.thumbnail)

    def _offer(self, number: int, frame: VideoFrame, thumbnail: Picture) -> bool:
        """Offer a frame; return whether it is blank."""
        self._offered = number
        return self._choice.offer(Pickable(number, self._second(number), frame), thumbnail)

    def _next_keyframe(self, number: int) -> int:
        following = bisect_right(self._index.keyframes, number)
        ends = [*self._index.keyframes[following : following + 1], len(self._index.pts)]
        return ends[0]

    def _second(self, number: int) -> float:
        return self._between.second(number)
