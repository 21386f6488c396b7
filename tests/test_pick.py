"""Which frames represent a video: properties over any frame times and cuts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.frame.pick import Pickable, Picker, Spread
from components.records.videos import Frame


def picks(
    seconds: list[float],
    cuts: list[float],
    *,
    every: float = 10.0,
    fewest: int = 1,
    blank: frozenset[int] = frozenset(),
    end: float | None = None,
    lag: int = 2,
) -> tuple[list[Frame], list[int], int]:
    """Feed a picker; return its frames, the numbers kept as it went, and the most it held."""
    kept: list[int] = []
    picker = Picker[int](every, fewest, lambda candidate: kept.append(candidate.number))
    most = 0
    for number, second in enumerate(seconds):
        # Detectors tell of a cut some frames late.
        for cut in cuts:
            if number >= lag and seconds[number - lag] == cut:
                picker.cut(cut)
        picker.offer(Pickable(number, second, number), blank=number in blank)
        most = max(most, picker.held)
    return picker.finish(end if end is not None else seconds[-1] + 0.04), kept, most


def regular(duration: float, rate: int = 25) -> list[float]:
    return [number / rate for number in range(round(duration * rate))]


def test_a_scene_gives_its_middle() -> None:
    frames, _, _ = picks(regular(8), [2.0, 5.0], end=8.0)
    assert [frame.second for frame in frames] == pytest.approx([1.0, 3.5, 6.5], abs=0.12)
    assert [(f.scene_start, f.scene_end) for f in frames] == [(0, 2.0), (2.0, 5.0), (5.0, 8.0)]


def test_a_long_scene_gives_one_more_each_period() -> None:
    frames, _, _ = picks(regular(35), [], end=35.0)
    assert [frame.second for frame in frames] == pytest.approx([5, 15, 25, 32.5], abs=0.4)


def test_few_scenes_are_filled_up_evenly() -> None:
    frames, _, _ = picks(regular(6), [], fewest=3, end=6.0)
    assert [frame.second for frame in frames] == pytest.approx([1, 3, 5], abs=0.4)


def test_blank_frames_are_passed_over() -> None:
    """The middle is blank, so the nearest frame that is not takes its place."""
    frames, _, _ = picks(regular(4), [], blank=frozenset(range(40, 60)), end=4.0)
    assert len(frames) == 1
    assert frames[0].number in (*range(36, 40), *range(60, 64))
    none, kept, _ = picks(regular(4), [], fewest=3, blank=frozenset(range(100)))
    assert none == []
    assert kept == []


def test_one_frame() -> None:
    frames, kept, _ = picks([0.0], [], fewest=3)
    assert [frame.number for frame in frames] == kept == [0]


@given(
    gaps=st.lists(st.floats(0.001, 3.0), min_size=1, max_size=300),
    cut_at=st.sets(st.integers(1, 299), max_size=12),
    every=st.floats(0.5, 20),
    fewest=st.integers(1, 8),
    blank=st.sets(st.integers(0, 299)),
)
def test_properties(
    gaps: list[float], cut_at: set[int], every: float, fewest: int, blank: set[int]
) -> None:
    seconds = [0.0]
    for gap in gaps:
        seconds.append(round(seconds[-1] + gap, 6))
    cuts = sorted(seconds[index] for index in cut_at if index < len(seconds) - 2)
    frames, kept, most = picks(
        seconds, cuts, every=every, fewest=fewest, blank=frozenset(blank), end=seconds[-1] + 0.1
    )
    numbers = [frame.number for frame in frames]
    assert numbers == sorted(set(numbers)), "in order, each once"
    assert sorted(kept) == numbers, "what was kept is what is named"
    assert not set(numbers) & blank
    assert all(frame.second == seconds[frame.number] for frame in frames)
    assert all(frame.scene_start <= frame.second <= frame.scene_end for frame in frames)
    visible = len(seconds) - len(blank & set(range(len(seconds))))
    assert len(frames) >= min(fewest, visible, 8)
    assert most <= 33 + max(8, 2 * fewest) + 1, "memory does not grow with the video"


@given(gaps=st.lists(st.floats(0.01, 1.0), min_size=1, max_size=500), capacity=st.integers(2, 40))
def test_spread_is_bounded_and_reaches_the_end(gaps: list[float], capacity: int) -> None:
    spread, second = Spread[None](capacity), 0.0
    for number, gap in enumerate(gaps):
        second += gap
        spread.offer(Pickable(number, second, None))
        assert len(spread.held) <= capacity
    assert spread.held[0].number == 0
    assert second - spread.held[-1].second <= 4 * (second - gaps[0]) / capacity + max(gaps)
