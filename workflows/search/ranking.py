"""In which order moments are given out, whatever page of them is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from workflows.search.diversity import diverse_order
from workflows.search.moments import Candidate

# Moments of the first step. What is asked of the store depends on the step alone, never on the
# page, so that pages neither overlap nor skip anything.
_FIRST = 25


class Ranking:
    """An order of moments that grows in steps, each with twice as many as the one before.

    Of those to choose from, a step takes by maximal marginal relevance. What is in the order stays
    where it is.

    Attributes:
        order: The moments up to now.
        fits: Whether they fit; if none of the first step does, the order is of the nearest.
        ended: Whether there are no others.
        room: How many moments the order may have after the next step.
    """

    def __init__(self) -> None:
        self.order: list[Candidate] = []
        self.fits = False
        self.ended = False
        self.room = _FIRST
        self._known: set[tuple[str, str, int]] = set()

    def add(
        self, found: Sequence[Candidate], fits: Callable[[Candidate], bool], complete: bool
    ) -> None:
        """Take from the moments that were found for this step.

        Args:
            found: Best first, with those of earlier steps.
            complete: There are no others.
        """
        fitting = [moment for moment in found if fits(moment)]
        if self.room == _FIRST:
            self.fits = bool(fitting)
        eligible = fitting if self.fits else found
        # Below one that does not fit, no other does.
        complete = complete or (self.fits and len(fitting) < len(found))
        left = [moment for moment in eligible if self._known.isdisjoint(_frames_of(moment))]
        wanted = len(left) if complete else self.room - len(self.order)
        vectors = np.asarray([moment.best.vector for moment in left], np.float32)
        scores = [moment.best.score for moment in left]
        for place in diverse_order(scores, vectors, wanted):
            self.order.append(left[place])
            self._known.update(_frames_of(left[place]))
        self.ended = complete or not left
        self.room *= 2


def _frames_of(moment: Candidate) -> set[tuple[str, str, int]]:
    frames = [near.frame for near in (*moment.frames, *moment.folded)]
    return {(one.platform, one.code, one.frame_number) for one in frames}
