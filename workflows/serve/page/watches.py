"""The standing questions: what each asks, and the new moments that it found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import Request
from fastapi.responses import Response

from components.base.side_by_side import side_by_side
from components.records.watch import WatchedMoment, WatchNotice
from workflows.serve.page.address import LONGEST_TEXT, Search
from workflows.serve.page.material import Moment, likeness
from workflows.serve.page.rendering import page
from workflows.serve.report import ListedWatch
from workflows.serve.served import Served

_LATEST_RUNS = 7
_SHOWN_OF_A_WATCH = 6
# On the first page of all.
_MOST_WATCHES = 8
_AT_ONCE = 8


@dataclass(frozen=True)
class Found:
    """What one run brought: the best moments of `total`."""

    notice: WatchNotice
    moments: Sequence[Moment]


@dataclass(frozen=True)
class Shown:
    """A standing question with what its latest runs brought, those without moments left out."""

    watch: ListedWatch
    found: Sequence[Found]

    @property
    def search(self) -> Search | None:
        """The search that asks the same of all there is; None for a text that is too long."""
        return search_of(self.watch)

    @property
    def new(self) -> int:
        """How many moments these runs brought."""
        return sum(one.notice.total for one in self.found)

    @property
    def latest(self) -> Found | None:
        """What the latest of these runs brought."""
        return self.found[0] if self.found else None


def watch_list(served: Served, request: Request) -> Response:
    """Show all, each with its latest moments."""
    watches = served.watches.all().watches
    shown = side_by_side(lambda one: _shown(served, one, _LATEST_RUNS), watches, _AT_ONCE, _AT_ONCE)
    most = _SHOWN_OF_A_WATCH
    return page(request, "watches.html", shown=list(shown), runs=_LATEST_RUNS, most=most)


def watch_view(served: Served, request: Request) -> Response:
    """Show one with all that it found, some runs at a time."""
    after = request.query_params.get("after", "")[:500]
    found = served.watches.one(request.path_params["name"], after=after, limit=10)
    return page(
        request,
        "watch.html",
        watch=found.watch,
        search=search_of(found.watch),
        found=[_found(notice) for notice in found.notices],
        after=after,
        next=found.next,
    )


def new_moments(served: Served) -> list[Shown]:
    """Return those to which the latest run brought something."""
    watches = served.watches.all().watches[:_MOST_WATCHES]
    shown = side_by_side(lambda one: _shown(served, one, 1), watches, _AT_ONCE, _AT_ONCE)
    return [one for one in shown if one.new]


def search_of(watch: ListedWatch) -> Search | None:
    """Return the search that asks the same; None for a text longer than the page takes."""
    if len(watch.text) > LONGEST_TEXT:
        return None
    confidence = round(100 * watch.confidence, 9)
    return Search(texts=(watch.text,), platform=watch.platform or "", confidence=confidence)


def _shown(served: Served, watch: ListedWatch, runs: int) -> Shown:
    notices = served.watches.one(watch.name, empty=True, limit=runs).notices
    return Shown(watch, [_found(notice) for notice in notices if notice.moments])


def _found(notice: WatchNotice) -> Found:
    return Found(notice, [_moment(one) for one in notice.moments])


def _moment(found: WatchedMoment) -> Moment:
    return Moment(
        platform=found.platform,
        code=found.code,
        start=found.start,
        end=found.end,
        second=found.second,
        number=found.frame_number,
        score=found.score,
        confidence=found.confidence,
        frames=found.frames,
        alike=tuple(map(likeness, found.folded)),
    )
