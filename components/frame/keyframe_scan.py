"""Frames by decoding little more than the keyframes of a video.

A cut is taken from a keyframe that the encoder put there and that shows something new. Where
the sizes of packets hint at a cut between two keyframes, that stretch is decoded for the detector
that looks at all frames otherwise. What this misses, and what it saves, is measured in
docs/performance.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from av.video.frame import VideoFrame

from components.frame.framing import Framing, is_blank
from components.frame.hints import keyframes_at_cuts, places_keyframes_at_cuts, spikes, tell_cuts
from components.frame.pick import Candidate, Picker
from components.frame.scenes import MIN_SCENE_S, SceneCuts, changes
from components.manifest import Frame
from components.media.decoding import VideoFile, opened
from components.media.packets import PacketIndex
from components.profiling import profile
from components.settings import FrameSettings

# Detectors look at so many frames after a cut before they report it.
_LOOK_AHEAD = 4
# Encoders keep keyframes this far apart (x264: 25 frames), whatever happens between.
_NO_KEYFRAME_S = 1.5
# The first frames of a scene may still be blended with the one before.
_SETTLED_S = 0.4
# Above this share of the frames, decoding all of them in order is as fast.
_WORTHWHILE = 0.5


@profile
def keyframe_scan(
    path: Path,
    framing: Framing,
    settings: FrameSettings,
    keep: Callable[[Candidate[VideoFrame]], None],
) -> list[Frame] | None:
    """Return the frames that represent the video; None where decoding all of it is the better way.

    That is a video of few keyframes, of many cuts between them or of noise, or one whose container
    does not say when each frame is shown. Frames have the numbers, times and pixels that a full
    scan would give them.

    Args:
        keep: Called with each frame that is picked.

    Raises:
        BorderGoneError: there is picture in the border of a frame that was decoded.
    """
    with opened(path) as video:
        scan = _Scan(video, framing, settings)
        scan.look_at_keyframes()
        if not scan.feasible:
            return None
        cuts = scan.cuts()
        if cuts is None:
            return None
        return scan.pick(cuts, keep)


@dataclass(frozen=True)
class _Keyframe:
    pts: int
    new: bool
    blank: bool


class _Scan:
    """One pass over the packets and keyframes of a video, and seeks to what they do not show."""

    def __init__(self, video: VideoFile, framing: Framing, settings: FrameSettings) -> None:
        self._video, self._framing, self._settings = video, framing, settings
        self._index = PacketIndex()
        self._keyframes: dict[int, _Keyframe] = {}
        self._decoded = 0

    def look_at_keyframes(self) -> None:
        """Decode the keyframes and read all packets."""
        is_new = changes(self._settings)
        found = []
        packets = (
            packet
            for packet in self._index.recorded(self._video)
            if packet.is_keyframe or not packet.size
        )
        for frame in self._video.frames(packets):
            if frame.pts is None:
                self._index.exact = False
                continue
            thumbnail = self._framing.thumbnail(frame)
            second = self._video.second(frame.pts, self._framing.source.start)
            blank = is_blank(thumbnail, self._settings.solid_std)
            found.append(_Keyframe(frame.pts, is_new(second, thumbnail), blank))
        if self._index.exact:
            known = set(self._index.pts)
            self._keyframes = {
                self._index.number(keyframe.pts): keyframe
                for keyframe in found
                if keyframe.pts in known
            }

    @property
    def feasible(self) -> bool:
        """Whether frames can be found again by their times, and keyframes are decodable."""
        index = self._index
        return (
            index.exact
            and bool(index.keyframes)
            and index.keyframes == sorted(self._keyframes)
            and len(index.keyframes) < _WORTHWHILE * len(index.pts)
            and tell_cuts(index)
        )

    def cuts(self) -> list[float] | None:
        """Return the seconds at which scenes begin, None if too much would have to be decoded."""
        index = self._index
        runs: dict[int, int] = {}
        for spike in spikes(index):
            start = index.keyframe_before(spike)
            runs[start] = min(spike + _LOOK_AHEAD, len(index.pts) - 1)
        if places_keyframes_at_cuts(index):
            # What the encoder did not take for a cut is none, except where it may not place one.
            runs = {
                start: last
                for start, last in runs.items()
                if self._second(last) - self._second(start) < _NO_KEYFRAME_S
            }
        self._decoded = sum(last - start + 1 for start, last in runs.items())
        if self._decoded > _WORTHWHILE * len(index.pts):
            return None
        cuts = [self._second(number) for number in keyframes_at_cuts(index) if self._is_new(number)]
        for start, last in runs.items():
            cuts += self._cuts_between(start, last)
        return _apart(sorted(cuts), self._second(0))

    def _is_new(self, number: int) -> bool:
        return self._keyframes[number].new

    def pick(
        self, cuts: list[float], keep: Callable[[Candidate[VideoFrame]], None]
    ) -> list[Frame] | None:
        """Decode the frames that represent the scenes; None if that is too much or fails."""
        picked: list[Candidate[None]] = []
        picker = Picker[None](
            1 / self._settings.sample_fps, self._settings.min_frames, picked.append
        )
        pending = list(cuts)
        cheap, unwanted = self._cheap(cuts)
        for number in cheap:
            second = self._second(number)
            while pending and pending[0] <= second:
                picker.cut(pending.pop(0))
            picker.offer(Candidate(number, second, None), blank=number in unwanted)
        for cut in pending:
            picker.cut(cut)
        end = max(self._framing.source.duration, self._second(len(self._index.pts) - 1))
        frames = picker.finish(end)
        if len(frames) < min(self._settings.min_frames, len(self._index.pts)):
            return None
        return self._kept(frames, keep)

    def _kept(
        self, frames: list[Frame], keep: Callable[[Candidate[VideoFrame]], None]
    ) -> list[Frame] | None:
        wanted = {frame.number for frame in frames}
        runs: dict[int, int] = {}
        for number in sorted(wanted):
            runs[self._index.keyframe_before(number)] = number
        self._decoded += sum(last - first + 1 for first, last in runs.items())
        if self._decoded > _WORTHWHILE * len(self._index.pts):
            return None
        found, blank = set(), set()
        for first, last in runs.items():
            for number, frame in self._frames(first, last):
                if number not in wanted:
                    continue
                found.add(number)
                if is_blank(self._framing.thumbnail(frame), self._settings.solid_std):
                    blank.add(number)
                else:
                    keep(Candidate(number, self._second(number), frame))
        if found != wanted:
            return None
        return [frame for frame in frames if frame.number not in blank]

    def _cheap(self, cuts: list[float]) -> tuple[list[int], set[int]]:
        """Return frames that cost little to decode, and those of them that are no good.

        That is keyframes and a settled frame of each scene; those blank or not settled are no good.
        """
        index = self._index
        cheap = {0, *index.keyframes}
        unwanted = {number for number, keyframe in self._keyframes.items() if keyframe.blank}
        for start, end in pairwise([self._second(0), *cuts, self._second(len(index.pts) - 1)]):
            settled = self._at(min(start + _SETTLED_S, (start + end) / 2))
            cheap.add(settled)
            unwanted |= {self._at(start)} - {settled}
        return sorted(cheap), unwanted

    def _cuts_between(self, start: int, last: int) -> list[float]:
        """Decode from a keyframe on and return the cuts after it, to the second."""
        detector = SceneCuts(self._settings)
        cuts, second = [], 0.0
        for number, frame in self._frames(start, last):
            second = self._second(number)
            cuts += detector.feed(second, self._framing.thumbnail(frame))
        cuts += detector.finish(second)
        return [cut for cut in cuts if cut > self._second(start)]

    def _frames(self, first: int, last: int) -> Iterator[tuple[int, VideoFrame]]:
        """Yield the frames from a keyframe to a later frame, with their numbers."""
        index = self._index
        self._video.seek(index.pts[first])
        for frame in self._video.frames(self._video.packets(self._video.stream)):
            if frame.pts is None or frame.pts < index.pts[first]:
                continue
            if frame.pts > index.pts[last]:
                return
            yield index.number(frame.pts), frame
            if frame.pts == index.pts[last]:
                return

    def _second(self, number: int) -> float:
        return self._video.second(self._index.pts[number], self._framing.source.start)

    def _at(self, second: float) -> int:
        """Return the first frame at or after a second."""
        return self._index.first_at(second, self._second)


def _apart(cuts: list[float], start: float) -> list[float]:
    """Return the cuts without those that follow another, or the start, too soon."""
    kept: list[float] = []
    for cut in cuts:
        if cut - (kept[-1] if kept else start) >= MIN_SCENE_S:
            kept.append(cut)
    return kept
