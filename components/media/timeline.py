"""Mending a stream's clock: restarts, wraps and outliers, from the times of its packets alone.

A clock of 33 bits wraps after a day, joined segments each begin anew, damage throws single packets
hours away. What is found is a list of shifts, by which whoever reads the packets in order puts each
where a player that goes on would show it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from components.records.videos import Shift

Times = NDArray[np.int64]

# As many steps, or as many seconds, may a time lie before the one that came first: muxers round,
# and frames that are shown late are stored early.
_JITTER_STEPS, _JITTER_S = 3, 0.1
_REORDER_STEPS, _REORDER_S = 17, 0.5
# A time that lies so far ahead, and which none that follow go on from, is damage.
_AHEAD_S = 1.0
# In a broadcast's clock a gap as long as this is a break, as FFmpeg's own tools have it
# (dts_delta_threshold); in a file that says how long each frame lasts it is a picture that stays.
_BREAK_S = 10.0
# Damage throws so many packets in a row at most.
_OUTLIERS = 32
# The clock of MPEG's transport and program streams (ISO/IEC 13818-1).
_WRAPS_AT = 2**33
# A frame waits so long for those that are stored after it and shown before at most.
_LONGEST_REORDER_S = 5.0


@dataclass(frozen=True)
class Clock:
    """What the times count: `unit` seconds. With `broadcast`, gaps are breaks."""

    unit: float
    broadcast: bool

    @property
    def longest_reorder(self) -> int | None:
        """How far a time of presentation may be from that of decoding, None for any distance.

        Beside a broadcast's the two are stored one by one, so that damage may throw one alone.
        """
        return round(_LONGEST_REORDER_S / self.unit) if self.broadcast else None


def mending(times: Times, clock: Clock, *, of_decoding: bool) -> tuple[Shift, ...]:
    """Return the shifts that make the times of a stream's packets rise, none where they do.

    Args:
        times: One a packet, in the order in which the file holds them, (packets,).
        of_decoding: Whether these are times of decoding, which rise by themselves; times of
            presentation are out of order by some frames.
    """
    if len(times) < 2:
        return ()
    return tuple(_Mender(times, clock, of_decoding).shifts())


def shifted(times: Times, shifts: tuple[Shift, ...]) -> Times:
    """Return the times with the shifts applied."""
    result = times.copy()
    for number, shift in enumerate(shifts):
        end = shifts[number + 1].packet if number + 1 < len(shifts) else len(times)
        result[shift.packet : end] += shift.by
    return result


class _Mender:
    """Walks along the steps between packets that are too far back or ahead."""

    def __init__(self, times: Times, clock: Clock, of_decoding: bool) -> None:
        self._times, self._clock = times, clock
        self._steps = np.diff(times)
        rising = self._steps[self._steps > 0]
        self._step = max(1, int(np.median(rising))) if len(rising) else 1
        jitter = (_JITTER_STEPS, _JITTER_S) if of_decoding else (_REORDER_STEPS, _REORDER_S)
        self._back = max(jitter[0] * self._step, round(jitter[1] / clock.unit))
        self._ahead = max(self._back, round(_AHEAD_S / clock.unit))
        self._break = max(self._back, round(_BREAK_S / clock.unit))
        self._by = 0
        self._found: list[Shift] = []

    def shifts(self) -> list[Shift]:
        suspects = (self._steps < -self._back) | (self._steps > self._ahead)
        settled = 0
        for suspect in np.flatnonzero(suspects):
            at = int(suspect) + 1
            if at >= settled:
                settled = self._judge(at)
        return self._found

    def _judge(self, at: int) -> int:
        """Look at a packet that is far from the one before; return the first not yet looked at."""
        before, time = int(self._times[at - 1]), int(self._times[at])
        returned = self._return(at)
        if returned is not None:
            went_on = self._by
            for packet in range(at, returned):
                wanted = before + (packet - at + 1) * self._step
                self._shift(packet, wanted - int(self._times[packet]) + went_on)
            self._shift(returned, went_on)
            return returned + 1
        if self._clock.broadcast and 0 < time + _WRAPS_AT - before <= self._break:
            self._shift(at, self._by + _WRAPS_AT)
        elif time < before or (self._clock.broadcast and time - before > self._break):
            self._shift(at, before + self._by + self._step - time)
        return at + 1

    def _return(self, at: int) -> int | None:
        """Return the packet that goes on where the jump at `at` began, if one is near.

        It jumps the other way. A jump forward that nothing undoes, and one back that goes on from
        there, are no damage.
        """
        before = int(self._times[at - 1])
        forward = bool(self._times[at] > before)
        for packet in range(at + 1, min(at + 1 + _OUTLIERS, len(self._times))):
            step = int(self._steps[packet - 1])
            undoes = step < -self._back if forward else step > self._back
            passed = int(self._times[packet]) - before
            if undoes and 0 < passed <= (packet - at + 1) * self._step + self._break:
                return packet
        return None

    def _shift(self, packet: int, by: int) -> None:
        if by != self._by:
            self._found.append(Shift(packet=packet, by=by))
            self._by = by
