"""What the sizes and places of a video's packets say about cuts, without decoding any.

A new scene cannot be predicted from the frames before it, so it costs an encoder as many bytes as
a keyframe. Most encoders then make it one (x264's scenecut); those told to place keyframes at
fixed distances do not.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from statistics import median

from components.media.packets import PacketIndex

# A frame is a spike if it takes this part of a keyframe's bytes, …
_OF_A_KEYFRAME = 0.3
# … so many times its neighbours' median, and more than their largest by so much.
_OF_NEIGHBOURS, _OF_LARGEST = 4.0, 1.2
_NEIGHBOURS = 12
# Between keyframes frames take less than this part of one, or sizes say nothing: noise, grain.
_TELLING = 0.25
# Where a frame takes less than this part of a keyframe, hardly anything moves.
_QUIET = 0.05


def tell_cuts(index: PacketIndex) -> bool:
    """Tell whether most frames are so much smaller than keyframes that a new scene stands out."""
    keyframes = set(index.keyframes)
    others = [size for number, size in enumerate(index.sizes) if number not in keyframes]
    usual = median(index.sizes[number] for number in keyframes)
    return bool(others) and median(others) < _TELLING * usual


def spikes(index: PacketIndex) -> list[int]:
    """Return the frames between keyframes that may begin a scene."""
    sizes, keyframes = index.sizes, set(index.keyframes)
    least = _OF_A_KEYFRAME * median(sizes[number] for number in keyframes)
    found = []
    for number, size in enumerate(sizes):
        if size < least or number in keyframes:
            continue
        near = range(max(0, number - _NEIGHBOURS), min(len(sizes), number + _NEIGHBOURS + 1))
        around = [sizes[other] for other in near if other != number and other not in keyframes]
        if around and size > _OF_NEIGHBOURS * median(around) and size > _OF_LARGEST * max(around):
            found.append(number)
    return found


def places_keyframes_at_cuts(index: PacketIndex) -> bool:
    """Tell whether some keyframe comes sooner than the encoder's usual distance."""
    return len(_early(index)) > 0


def keyframes_at_cuts(index: PacketIndex) -> list[int]:
    """Return the keyframes that may begin a scene: early ones, and those after a quiet stretch.

    After a quiet stretch a keyframe that shows something new can only be a cut, also where it is
    one by the encoder's clock.
    """
    early = _early(index)
    return [
        number
        for before, number in pairwise(index.keyframes)
        if number in early or _is_quiet(index, before, number)
    ]


def _early(index: PacketIndex) -> set[int]:
    intervals = {number: number - before for before, number in pairwise(index.keyframes)}
    counts = Counter(intervals.values())
    longest = max(counts, default=0)
    usual = {longest - 1, longest, longest + 1}
    if sum(counts[interval] for interval in usual) < 2:
        # The longest distance of a short video may be a scene's length as well.
        usual = set()
    return {number for number, interval in intervals.items() if interval not in usual}


def _is_quiet(index: PacketIndex, before: int, number: int) -> bool:
    between = index.sizes[before + 1 : number]
    return not between or median(between) < _QUIET * index.sizes[number]
