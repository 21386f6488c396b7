"""Whatever a clock does, what is mended rises, and what rises is left alone."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from components.media.timeline import Clock, mending, shifted

TS = Clock(1 / 90000, broadcast=True)
FILE = Clock(1 / 1000, broadcast=False)
STEP = 3600
WRAP = 2**33


def rising(packets: int, start: int = 0, step: int = STEP) -> NDArray[np.int64]:
    return np.arange(packets, dtype=np.int64) * step + start


@given(st.lists(st.integers(1, 20_000), min_size=1, max_size=200), st.integers(0, WRAP))
def test_times_that_rise_are_left_alone(steps: list[int], start: int) -> None:
    times = np.cumsum([start, *steps])
    assert mending(times, TS, of_decoding=True) == ()


@given(st.integers(-5, 200), st.integers(-5, 200), st.integers(2, 100))
def test_presentation_out_of_order_is_left_alone(a: int, b: int, packets: int) -> None:
    """Groups of I B B P: each B is stored after the P that it is shown before."""
    order = [group * 3 + place for group in range(packets) for place in (2, 0, 1)]
    times = np.array(order, np.int64) * 40
    assert mending(times, FILE, of_decoding=False) == ()


@given(st.lists(st.integers(2, 60), min_size=2, max_size=6), st.integers(0, WRAP - 10**8))
def test_segments_whose_clock_begins_anew_go_on(lengths: list[int], start: int) -> None:
    """A segment is told from the one before by its clock going back by more than jitter."""
    lengths = [length + 10 for length in lengths]
    times = np.concatenate([rising(length, start) for length in lengths])
    for clock in (TS, FILE):
        mended = shifted(times, mending(times, clock, of_decoding=True))
        assert (mended == rising(sum(lengths), start)).all()


@given(st.integers(5, 400), st.integers(0, 399))
def test_a_clock_of_33_bits_is_unrolled(packets: int, before: int) -> None:
    unrolled = rising(packets, WRAP - before * STEP)
    times = unrolled % WRAP
    assert (
        shifted(times, mending(times, TS, of_decoding=True)) - times[0] == rising(packets)
    ).all()


@given(
    st.integers(2, 40),
    st.integers(1, 20),
    st.integers(40, 100),
    st.sampled_from([-1, 1]),
    st.integers(10**6, WRAP),
)
def test_packets_thrown_far_away_come_back(
    before: int, thrown: int, after: int, sign: int, by: int
) -> None:
    whole = rising(before + thrown + after, start=10**6)
    times = whole.copy()
    times[before : before + thrown] += sign * by
    mended = shifted(times, mending(times, TS, of_decoding=True))
    assert (mended == whole).all()


@given(st.integers(11, 100_000))
def test_a_gap_is_a_break_in_a_broadcast_and_a_still_picture_in_a_file(seconds: int) -> None:
    times = np.concatenate([rising(50, step=40), rising(50, 50 * 40 + seconds * 1000, step=40)])
    assert mending(times, FILE, of_decoding=True) == ()
    broadcast = times * 90
    mended = shifted(broadcast, mending(broadcast, TS, of_decoding=True))
    assert (mended == rising(100)).all()
