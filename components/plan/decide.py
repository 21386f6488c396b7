"""What a run takes: candidates from a listing, the ledger, a queue or a list, judged one by one."""

from __future__ import annotations

import heapq
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from components.base.logs import log
from components.errors import ConfigurationError
from components.plan.contract import PlanInputs
from components.plan.due import Candidate, Due, Judge, Left, Why, joined
from components.plan.job_input import given_videos, source_of
from components.plan.layout import Layout, UnsafeNameError
from components.plan.rows import Rows
from components.records.booking import Booking
from components.records.videos import Video
from components.running.services import Services
from components.settings import PlanSettings

if TYPE_CHECKING:
    from components.plan.queue import EventQueue

_EPOCH = datetime.fromtimestamp(0, UTC)
# Without a limit; a queue is emptied batch by batch.
_MOST_OF_A_QUEUE = 100_000
# The ledger knows these, so that a message which announces them again is not needed.
_SETTLED = {Left.BOOKED, Left.WAITING, Left.GIVEN_UP}
_PRIORITY = {why: -number for number, why in enumerate(Why)}


@dataclass
class Decision:
    """Which videos a run takes, in key order, and what it leaves.

    `skipped` objects are not videos; `example` is one of them.
    `oldest` is when the oldest source of all due videos was written. `messages` are the videos of
    each message of the `queue`, `settled` those that need no run.
    """

    due: Rows
    left: Counter[Left] = field(default_factory=Counter)
    skipped: int = 0
    example: str = ""
    oldest: datetime | None = None
    queue: EventQueue | None = None
    messages: dict[str, set[str]] = field(default_factory=dict)
    settled: set[str] = field(default_factory=set)

    def acknowledge(self) -> None:
        """Delete the messages whose videos need no run, or are in `due` once that is planned."""
        if self.queue and self.messages:
            over = self.settled | {f"{platform}/{code}" for platform, code in self.due.names()}
            self.queue.delete([one for one, videos in self.messages.items() if videos <= over])

    @property
    def backlog(self) -> int:
        """How many videos are due and not taken."""
        return self.left[Left.OVER_LIMIT]


def decide(inputs: PlanInputs, services: Services, now: datetime) -> Decision:
    """Return what a run with these inputs takes as of `now`; changes nothing but a queue.

    Raises:
        ConfigurationError: no input, an unreadable one, or a name that is not safe.
        TransientError: S3, Postgres or the queue does not answer.
    """
    check_inputs(inputs, services.settings.plan)
    decision = Decision(Rows(services.settings.storage.videos_bucket))
    if inputs.catch_up:
        pairs = _candidates(inputs, services, decision)
        due = _judged(pairs, Judge(services.settings, inputs.run, now), inputs, now, decision)
    elif inputs.source:
        due = (
            Due(candidate, Why.GIVEN)
            for candidate in _listing(inputs.source, services, decision, given=True)
        )
    else:
        due = (Due(Candidate(video), Why.GIVEN) for video in _given(inputs, services))
    for one in _newest(due, inputs.limit, decision) if inputs.limit else due:
        decision.due.append(one)
    return decision


def check_inputs(inputs: PlanInputs, settings: PlanSettings) -> None:
    """Refuse inputs that contradict each other, before anything is asked.

    Raises:
        ConfigurationError: they do, or name nothing.
    """
    if inputs.source and inputs.job_input:
        raise ConfigurationError("give source or job_input, not both")
    if inputs.source and not inputs.source.startswith("s3://"):
        raise ConfigurationError(f"source: expected s3://bucket/prefix, found {inputs.source!r}")
    narrowed = inputs.origin != "listing" or inputs.platform or inputs.older_than_h
    if narrowed and not inputs.catch_up:
        raise ConfigurationError("origin, platform and older_than_h narrow catch_up; set it")
    if inputs.catch_up and inputs.origin != "listing" and inputs.source:
        raise ConfigurationError(f"source is to be listed; leave it out with {inputs.origin}")
    if inputs.catch_up and inputs.job_input:
        raise ConfigurationError("catch_up finds videos by itself; leave out job_input")
    if inputs.limit and not (inputs.catch_up or inputs.source):
        raise ConfigurationError("limit needs catch_up, or source, the s3:// prefix to list")
    if not (inputs.catch_up or inputs.source or inputs.job_input or settings.job_input):
        raise ConfigurationError(
            "nothing to plan; give source (an s3:// prefix), job_input, or the variable JOB_INPUT"
        )


def _given(inputs: PlanInputs, services: Services) -> Iterator[Video]:
    text = inputs.job_input or services.settings.plan.job_input
    assert text, "check_inputs sees to that"
    if text.startswith("s3://"):
        text = _utf8(services.store.get(text), text)
    return given_videos(text, services.settings.storage.videos_bucket)


def _utf8(content: bytes, uri: str) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"JOB_INPUT: {uri} is not UTF-8 (byte {content[error.start]:#04x} at {error.start}); "
            "save it as UTF-8"
        ) from error


Pairs = Iterable[tuple[Candidate, Booking | None]]


def _candidates(inputs: PlanInputs, services: Services, decision: Decision) -> Pairs:
    """Return what may be due, with its booking, from where the inputs say."""
    if inputs.origin == "queue":
        from components.plan.queue import EventQueue

        decision.queue = EventQueue(services.settings)
        announced = decision.queue.receive(inputs.limit or _MOST_OF_A_QUEUE)
        decision.messages, decision.skipped = announced.messages, announced.foreign
        found = sorted(announced.candidates.values(), key=lambda candidate: candidate.folder)
        booked = services.bookings
        return ((one, booked.of(one.video.platform, one.video.code)) for one in found)
    if inputs.origin == "ledger":
        bookings = services.bookings.all(inputs.platform)
        return ((_known(booking, services), booking) for booking in bookings if booking.state)
    source = inputs.source or f"s3://{services.settings.storage.videos_bucket}/"
    own = Layout(services.settings.plan).own
    if own and inputs.platform and not inputs.source:
        source += f"{inputs.platform}/"
    # A deeper prefix could name the source file itself, which no marker lies below.
    folder = "/".join(source.removeprefix("s3://").split("/")[1:3]) if own else ""
    listing = _listing(source, services, decision, given=bool(inputs.source))
    return joined(listing, services.bookings.all(inputs.platform, folder))


def _listing(
    source: str, services: Services, decision: Decision, *, given: bool
) -> Iterator[Candidate]:
    """Yield the videos below a prefix, in the order of their names.

    Raises:
        ConfigurationError: there is none among other objects, nor anything below a prefix that was
            `given`; or several objects are one video.
    """
    layout = Layout(services.settings.plan)
    found = _videos(source, services, decision, layout)
    taken = 0
    bucket = services.settings.storage.videos_bucket
    for candidate in found if layout.own else _sorted(found, layout, bucket):
        taken += 1
        yield candidate
    if not taken and decision.skipped:
        raise ConfigurationError(
            f"{source} holds no video: none of the {decision.skipped} objects below it, such as "
            f"{decision.example}, is {layout}; give another prefix, or set VP_SOURCE_PATTERN to a "
            "regular expression for whole keys, with the groups platform and code"
        )
    if not taken and given:
        raise ConfigurationError(f"{source}: nothing lies below this prefix; check it")


def _videos(
    source: str, services: Services, decision: Decision, layout: Layout
) -> Iterator[Candidate]:
    for stored in services.store.objects(source):
        try:
            if video := layout.video(stored.uri):
                yield Candidate(video, stored.etag, stored.size, stored.modified)
                continue
            log.info("plan: %s is not %s, skipped", stored.uri, layout)
        except UnsafeNameError as error:
            log.warning("plan: bad_name: %s; rename it", error)
        decision.skipped += 1
        decision.example = decision.example or stored.uri


def _sorted(found: Iterable[Candidate], layout: Layout, bucket: str) -> Iterator[Candidate]:
    """Yield the videos in the order of their names, in which another layout need not list them."""
    rows = Rows.of((Due(candidate, Why.GIVEN) for candidate in found), bucket)
    order = array("I", sorted(range(len(rows)), key=rows.folder))
    twice = [
        f"{rows.video(one).source} and {rows.video(other).source}: {rows.video(one)}"
        for one, other in pairwise(order)
        if rows.folder(one) == rows.folder(other)
    ]
    if twice:
        more = f", and {len(twice) - 3} more" if len(twice) > 3 else ""
        raise ConfigurationError(
            f"{layout} makes one video of several objects: {'; '.join(twice[:3])}{more}; have it "
            "match one of them, or tell them apart by platform or code"
        )
    return (rows[index].candidate for index in order)


def _known(booking: Booking, services: Services) -> Candidate:
    bucket = services.settings.storage.videos_bucket
    source = booking.source or source_of(booking.platform, booking.code, bucket)
    video = Video(platform=booking.platform, code=booking.code, source=source)
    return Candidate(video, None, booking.bytes or 0, booking.updated_at)


def _judged(
    pairs: Pairs, judge: Judge, inputs: PlanInputs, now: datetime, decision: Decision
) -> Iterator[Due]:
    """Yield what is due; count the rest."""
    youngest = now - timedelta(hours=inputs.older_than_h)
    for candidate, booking in pairs:
        if inputs.platform and candidate.video.platform != inputs.platform:
            continue
        verdict = judge.judge(candidate, booking)
        written = candidate.modified
        if isinstance(verdict, Due) and inputs.older_than_h and written and written > youngest:
            verdict = Left.TOO_YOUNG
        if isinstance(verdict, Due):
            if written:
                decision.oldest = min(written, decision.oldest or written)
            yield verdict
            continue
        decision.left[verdict] += 1
        if decision.messages and verdict in _SETTLED:
            decision.settled.add(str(candidate.video))


def _newest(due: Iterable[Due], limit: int, decision: Decision) -> list[Due]:
    """Return up to `limit` in key order: new ones before old ones that fail every night."""
    seen = 0

    def counted() -> Iterator[Due]:
        nonlocal seen
        for item in due:
            seen += 1
            yield item

    taken = heapq.nlargest(limit, counted(), key=_rank)
    decision.left[Left.OVER_LIMIT] = seen - len(taken)
    return sorted(taken, key=lambda item: item.candidate.folder)


def _rank(due: Due) -> tuple[int, datetime, str]:
    candidate = due.candidate
    return _PRIORITY[due.why], candidate.modified or _EPOCH, candidate.folder
