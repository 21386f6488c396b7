"""What the sizes and places of a video's packets say about cuts, without decoding any.

A new scene cannot be predicted from the frames before it, so it costs an encoder as many bytes as
a keyframe. Most encoders then make it one (x264's scenecut); those told to place keyframes at
fixed distances do not.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from components.media.packets import PacketIndex


@dataclass(frozen=True)
class _Spike:
    """How a frame stands out: its bytes, as multiples of a keyframe's and of its neighbours'."""

    of_a_keyframe: float
    of_median: float
    of_largest: float

    def fits(self, size: int, keyframe: float, around: list[int]) -> bool:
        return (
            size > self.of_a_keyframe * keyframe
            and size > self.of_median * median(around)
            and size > self.of_largest * max(around)
        )


# Chosen by what they find and miss on the corpus of docs/performance.md.
_SPIKE = _Spike(0.3, 2.2, 1.2)
_CLEAR_SPIKE = _Spike(0.5, 8.0, 2.5)
_NEIGHBOURS = 12
# So many frames before and after one that may begin a scene matter to whether it does.
_BEFORE, _AFTER = 4, 2
# Between keyframes frames take less than this part of one, or sizes say nothing: noise, grain.
_TELLING = 0.1
# Encoders keep keyframes so far apart (x264: 25 frames, or a tenth of the longest distance).
_LEAST_DISTANCE = 30


def tell_cuts(index: PacketIndex) -> bool:
    """Return whether most frames are so much smaller than keyframes that a new scene stands out."""
    keyframes = set(index.keyframes)
    others = [size for number, size in enumerate(index.sizes) if number not in keyframes]
    usual = median(index.sizes[number] for number in keyframes)
    return bool(others) and median(others) < _TELLING * usual


def spikes(index: PacketIndex) -> list[int]:
    """Return the frames between keyframes that begin a scene, by their size.

    What an encoder that places keyframes at cuts did not take for one is none, unless it stands out
    even more: soon after a keyframe it may not place another, and hesitates for a while.
    """
    usual = median(index.sizes[number] for number in index.keyframes)
    hesitates = bool(keyframes_at_cuts(index))
    keyframes = set(index.keyframes)
    found = []
    for number, size in enumerate(index.sizes):
        if number in keyframes or size < _SPIKE.of_a_keyframe * usual:
            continue
        late = number - index.keyframe_before(number) > _LEAST_DISTANCE
        wanted = _CLEAR_SPIKE if hesitates and late else _SPIKE
        if _stands_out(index, number, size, usual, keyframes, wanted):
            found.append(number)
    return found


def about_cuts(index: PacketIndex) -> set[int]:
    """Return the frames about those that may begin a scene by their size, so many on either side.

    Four before and two after are all that a detector compares such a frame with, and what a gap
    beside these may take. This costs little where it is wrong, so it asks for less than `spikes`.
    """
    found: set[int] = set()
    if not index.keyframes:
        return found
    usual = median(index.sizes[number] for number in index.keyframes)
    keyframes = set(index.keyframes)
    for number, size in enumerate(index.sizes):
        if number not in keyframes and _stands_out(index, number, size, usual, keyframes, _SPIKE):
            found.update(range(max(0, number - _BEFORE), number + _AFTER + 1))
    return found


def _stands_out(
    index: PacketIndex, number: int, size: int, usual: float, keyframes: set[int], wanted: _Spike
) -> bool:
    if size <= wanted.of_a_keyframe * usual:
        return False
    near = range(max(0, number - _NEIGHBOURS), number + _NEIGHBOURS + 1)
    around = [
        index.sizes[other]
        for other in near
        if other < len(index.sizes) and other != number and other not in keyframes
    ]
    return bool(around) and wanted.fits(size, usual, around)


def keyframes_at_cuts(index: PacketIndex) -> set[int]:
    """Return the keyframes that may begin a scene: those sooner than the encoder's usual distance.

    A cut where a keyframe was due anyway is not among them, and looks like any motion.
    """
    intervals = {number: number - before for before, number in pairwise(index.keyframes)}
    counts = Counter(intervals.values())
    longest = max(counts, default=0)
    usual = {longest - 1, longest, longest + 1}
    if sum(counts[interval] for interval in usual) < 2:
        # The longest distance of a short video may be a scene's length as well.
        usual = set()
    return {number for number, interval in intervals.items() if interval not in usual}
