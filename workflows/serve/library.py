"""The library: which videos there are, all about one, and the runs. Reads only."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from http import HTTPStatus
from itertools import islice, takewhile
from typing import Any, TypeVar
from urllib.parse import quote

from pydantic import TypeAdapter, ValidationError

from components.errors import ConfigurationError, Failure, Reason
from components.pipeline import VIDEO_PHASES
from components.records.booking import Booking, Event, Place, Wanted
from components.records.done_marker import DoneMarker
from components.records.record import Name, Record, RunName
from components.records.videos import (
    CroppedVideo,
    Duplicate,
    Frame,
    FramedVideo,
    SourceVideo,
    Video,
)
from components.running.results import Results
from components.running.services import Services
from workflows.operations.runs.history import Runs, run
from workflows.operations.runs.report import PastRun
from workflows.operations.status.report import Overview
from workflows.operations.status.status import leases, of_video, overview
from workflows.serve.counted import CountedVideos
from workflows.serve.dropped import DroppedFrames, Held
from workflows.serve.refusals import RefusedError, busy
from workflows.serve.report import (
    LibraryFrame,
    LibraryVideo,
    ListedVideo,
    Order,
    PhaseTime,
    RunPage,
    VideoPage,
)

Kind = TypeVar("Kind", bound=Record)

# Events by which a run has booked how it left a video.
_ENDS = ("done", "rejected", "failed")
# A page does not wait longer for the counts, which it can do without.
_COUNT_S = 1.0
_NAME: TypeAdapter[str] = TypeAdapter(Name)
_RUN: TypeAdapter[str] = TypeAdapter(RunName)


class Library:
    """Answers questions about videos and runs; safe to share between threads.

    Every method raises what the stores raise: TransientError where one does not answer.
    """

    def __init__(self, services: Services, dropped: DroppedFrames) -> None:
        self._services, self._dropped = services, dropped
        self._runs = Runs(services)
        self._counted = CountedVideos(services)
        # Less than a request may take, and the thread is free again before it is refused.
        self._most_s = 0.8 * services.settings.serve.timeout_s
        bucket = services.settings.storage.artifacts_bucket
        # Not by the listing that a run keeps: other processes write what is read here.
        self._results = Results(services.store, bucket, listing=False)

    def overview(self, platform: str = "") -> Overview:
        """Return how many videos are booked as what, and which runs are at work.

        Raises:
            RefusedError: 503, counting them takes longer than a request may.
        """
        if platform:
            return overview(self._services, platform)
        states = self._counted.states(self._most_s)
        if states is None:
            raise busy("the videos are still being counted")
        return Overview(states=states, leases=leases(self._services))

    def counts(self) -> dict[str, int] | None:
        """Return how many videos are in each state; None while that is still being counted."""
        states = self._counted.states(_COUNT_S)
        if states is None:
            return None
        counts: Counter[str] = Counter()
        for one in states:
            counts[one.state or "not booked"] += one.videos
        return dict(counts)

    def videos(
        self,
        *,
        platform: str = "",
        state: str = "",
        reason: str = "",
        contains: str = "",
        run: str = "",
        after: str = "",
        limit: int = 50,
    ) -> VideoPage:
        """Return the videos after `after` (platform/code) in the order of their names.

        Args:
            contains: Only videos whose platform/code has this in it, whatever the case.
            run: Only videos that this run booked, and none since.
        """
        wanted = Wanted(platform, state, reason, contains, run)
        page = self._services.bookings.page(wanted, after, limit + 1)
        return _page(page, limit, lambda booking: booking.video, "name")

    def newest(
        self,
        *,
        platform: str = "",
        state: str = "",
        reason: str = "",
        contains: str = "",
        run: str = "",
        after: str = "",
        limit: int = 50,
        wait_s: float | None = None,
    ) -> VideoPage:
        """Return the videos after `after`, a page's `next`, the latest booking first.

        Args:
            wait_s: How long at most to wait for markers to be read, where there is no ledger.

        Raises:
            RefusedError: 422, `after` is something else; 503, the markers are still being read.
        """
        wanted = Wanted(platform, state, reason, contains, run)
        try:
            place = Place.read(after) if after else None
        except ValueError as error:
            raise RefusedError(
                422, f"after: {error}", "give the `next` of the page before"
            ) from error
        page = self._services.bookings.newest(wanted, place, limit + 1)
        if page is None:
            found = self._counted.newest(self._most_s if wait_s is None else wait_s)
            if found is None:
                raise busy("the videos are still being read")
            order = place.order if place else None
            start = bisect_right(found, order, key=_order) if order else 0
            page = list(islice(filter(wanted.fits, islice(found, start, None)), limit + 1))
        return _page(page, limit, lambda booking: str(Place.of(booking)), "newest")

    def newest_or_by_name(self, **asked: Any) -> VideoPage:
        """Return the newest first; where markers are still being read, from the first name on."""
        try:
            return self.newest(**asked, wait_s=_COUNT_S)
        except RefusedError as error:
            if error.refusal.status != HTTPStatus.SERVICE_UNAVAILABLE:
                raise
            return self.videos(**{**asked, "after": ""})

    def video(self, platform: str, code: str) -> LibraryVideo:
        """Return all that is known of one video.

        Raises:
            RefusedError: 404, nothing is.
        """
        _check_names(platform, code)
        try:
            known = of_video(self._services, platform, code)
        except ConfigurationError as error:
            told, _, remedy = str(error).partition("; ")
            raise RefusedError(404, told, remedy) from error
        booking = known.booking or Booking(platform=platform, code=code, state=None)
        marker = self.marker(platform, code)
        framed = self._result(marker, "dedup", FramedVideo) if marker else None
        source = framed.cropped.source if framed else self._source(booking)
        held = self._dropped.held(marker) if marker else None
        return LibraryVideo(
            listed=listed(booking),
            booking=known.booking,
            events=known.events,
            duration=marker.duration if marker else source.duration if source else None,
            width=source.width if source else None,
            height=source.height if source else None,
            codec=source.codec if source else None,
            crop=marker.crop if marker else None,
            model=marker.model if marker else None,
            duplicates_removed=marker.duplicates_removed if marker else None,
            phases=self._phases(booking, known.events, marker),
            frames=_frames(marker, framed, held) if marker else (),
            url=f"/api/media/{quote(platform, safe='')}/{quote(code, safe='')}",
        )

    def marker(self, platform: str, code: str) -> DoneMarker | None:
        """Return the done marker of a video, None where there is none that is its own.

        Raises:
            RefusedError: 404, no video can have these names.
        """
        _check_names(platform, code)
        marker = self._services.markers.done(platform, code)
        return marker if marker and (marker.platform, marker.code) == (platform, code) else None

    def runs(self, *, after: str = "", limit: int = 20) -> RunPage:
        """Return the runs that follow the run `after`, the newest first."""
        page, more = self._runs.page(after, limit)
        return RunPage(runs=tuple(page), next=page[-1].run if more else None)

    def last_run(self) -> PastRun | None:
        """Return the run that began last."""
        return next(iter(self.runs(limit=1).runs), None)

    def run(self, name: str) -> PastRun:
        """Return one run.

        Raises:
            RefusedError: 404, there is none of this name.
        """
        try:
            return run(self._services, _RUN.validate_python(name))
        except (ConfigurationError, ValidationError) as error:
            raise RefusedError(
                404, f"run {name} is not known", "GET /api/runs lists them"
            ) from error

    def _result(self, marker: DoneMarker, phase: str, kind: type[Kind]) -> Kind | None:
        fingerprint = marker.fingerprints.get(phase, "")
        return self._outcome(marker.video, phase, fingerprint, kind)

    def _source(self, booking: Booking) -> SourceVideo | None:
        """Return what fetch or crop found, of a video that stopped later."""
        if not booking.source:
            return None
        video = Video(platform=booking.platform, code=booking.code, source=booking.source)
        for phase, kind in (("crop", CroppedVideo), ("fetch", SourceVideo)):
            fingerprint = booking.fingerprints.get(phase, "")
            found: Record | None = self._outcome(video, phase, fingerprint, kind)
            if isinstance(found, CroppedVideo):
                return found.source
            if isinstance(found, SourceVideo):
                return found
        return None

    def _outcome(self, video: Video, phase: str, fingerprint: str, kind: type[Kind]) -> Kind | None:
        if not fingerprint:
            return None
        uri = self._results.uri(video, phase, fingerprint, "json")
        outcome = self._results.read(video, uri, kind)
        found = outcome.result if outcome else None
        return kind.model_validate(found) if found is not None else None

    def _phases(
        self, booking: Booking, events: Sequence[Event], marker: DoneMarker | None
    ) -> tuple[PhaseTime, ...]:
        """Return the phases that the video passed in its last run, as far as that is booked."""
        seconds = _of_ledger(booking, events)
        if not self._services.ledger:
            rejected = self._services.markers.rejected(booking.platform, booking.code)
            seconds = rejected.seconds if rejected else marker.seconds if marker else {}
        return tuple(
            PhaseTime(phase=phase, seconds=spent, reused=spent is None)
            for phase, spent in seconds.items()
        )


def _of_ledger(booking: Booking, events: Sequence[Event]) -> dict[str, float | None]:
    """Return the seconds of the phases passed in the last run, by what the ledger noted of it."""
    ends = [one for one in events if one.run == booking.run and one.event in _ENDS]
    if not ends:
        return {}
    worked, stopped = ends[-1].details.get("seconds", {}), ends[-1].details.get("phase")
    passed = takewhile(lambda phase: phase != stopped, VIDEO_PHASES)
    return {phase: worked.get(phase) for phase in passed}


def _check_names(*names: str) -> None:
    """Refuse what cannot name a video before it becomes a part of a key in a store."""
    try:
        for name in names:
            _NAME.validate_python(name)
    except ValidationError as error:
        raise RefusedError(
            404, f"{'/'.join(names)!r} is not booked", "GET /api/videos lists videos"
        ) from error


def is_place(after: str) -> bool:
    """Return whether this is where a page of the newest begins; else it is a name."""
    try:
        Place.read(after)
    except ValueError:
        return False
    return True


def _page(
    found: Sequence[Booking], limit: int, place: Callable[[Booking], str], order: Order
) -> VideoPage:
    """Return the first `limit` as a page, which knows where the next one begins."""
    follows = place(found[limit - 1]) if len(found) > limit else None
    return VideoPage(videos=tuple(map(listed, found[:limit])), next=follows, order=order)


def _order(booking: Booking) -> tuple[bool, timedelta, str]:
    return Place.of(booking).order


def listed(booking: Booking) -> ListedVideo:
    """Return a booking as the list shows it."""
    return ListedVideo(
        video=booking.video,
        platform=booking.platform,
        code=booking.code,
        state=booking.state,
        phase=booking.phase,
        reason=booking.reason,
        message=booking.message,
        remedy=_remedy(booking.reason),
        frames=booking.frames,
        attempts=booking.attempts,
        run=booking.run,
        booked_at=booking.updated_at,
    )


def frame_url(platform: str, code: str, number: int) -> str:
    """Return where the API gives the original of a published frame."""
    return f"/api/frames/{quote(platform, safe='')}/{quote(code, safe='')}/{number}"


def _remedy(reason: str | None) -> str | None:
    for kind in (Reason, Failure):
        if reason in set(kind):
            return kind(reason).remedy
    return None


def _frames(
    marker: DoneMarker, framed: FramedVideo | None, held: Held | None
) -> tuple[LibraryFrame, ...]:
    there = dict(held.frames) if held else {}
    sizes = there | ({frame.number: frame for frame in framed.frames} if framed else {})

    def shown(frame: Frame | Duplicate, *, of: int | None, has_picture: bool) -> LibraryFrame:
        known = sizes.get(frame.number)
        number = frame.number
        return LibraryFrame(
            number=number,
            second=frame.second,
            scene_start=frame.scene_start if isinstance(frame, Frame) else None,
            scene_end=frame.scene_end if isinstance(frame, Frame) else None,
            kept=of is None,
            duplicate_of=of,
            width=known.width if known else 0,
            height=known.height if known else 0,
            url=frame_url(marker.platform, marker.code, number) if has_picture else None,
        )

    kept = [shown(frame, of=None, has_picture=True) for frame in marker.frames]
    dropped = [
        shown(one, of=one.of, has_picture=one.number in there)
        for one in (framed.duplicates if framed else ())
    ]
    return tuple(sorted([*kept, *dropped], key=lambda one: one.number))
