"""What a run takes: candidates from a listing, the ledger, a queue or a list, judged one by one."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from components.base.logs import log
from components.errors import ConfigurationError
from components.plan.contract import PlanInputs
from components.plan.due import Candidate, Due, Judge, Left, Why, joined
from components.plan.job_input import laid_out_video, listed_video, parse_job_input
from components.plan.queue import EventQueue
from components.records.booking import Booking
from components.records.videos import Video
from components.running.services import Services

_EPOCH = datetime.fromtimestamp(0, UTC)
# Without a limit; a queue is emptied batch by batch.
_MOST_OF_A_QUEUE = 100_000
# The ledger knows these, so that a message which announces them again is not needed.
_SETTLED = {Left.BOOKED, Left.WAITING, Left.GIVEN_UP}
_PRIORITY = {why: -number for number, why in enumerate(Why)}


@dataclass
class Decision:
    """Which videos a run takes, in key order, and what it leaves.

    `oldest` is when the oldest source of all due videos was written. `messages` are the videos of
    each message of the `queue`, `settled` those that need no run.
    """

    due: list[Due] = field(default_factory=list)
    left: Counter[Left] = field(default_factory=Counter)
    skipped: int = 0
    oldest: datetime | None = None
    queue: EventQueue | None = None
    messages: dict[str, set[str]] = field(default_factory=dict)
    settled: set[str] = field(default_factory=set)

    def acknowledge(self) -> None:
        """Delete the messages whose videos need no run, or are in `due` once that is planned."""
        if self.queue and self.messages:
            over = self.settled | {str(due.candidate.video) for due in self.due}
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
    _check(inputs)
    decision = Decision()
    if inputs.catch_up:
        pairs = _candidates(inputs, services, decision)
        due = _judged(pairs, Judge(services.settings, inputs.run, now), inputs, now, decision)
    elif inputs.source:
        due = (
            Due(candidate, Why.GIVEN)
            for candidate in _listing(inputs.source, services, decision, laid_out=False)
        )
    else:
        due = (Due(Candidate(video), Why.GIVEN) for video in _given(inputs, services))
    decision.due = _newest(due, inputs.limit, decision)
    return decision


def _check(inputs: PlanInputs) -> None:
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


def _given(inputs: PlanInputs, services: Services) -> list[Video]:
    text = inputs.job_input or services.settings.plan.job_input
    if not text:
        raise ConfigurationError(
            "nothing to plan; give source (an s3:// prefix), job_input, or the variable JOB_INPUT"
        )
    if text.startswith("s3://"):
        text = _utf8(services.store.get(text), text)
    return parse_job_input(text, services.settings.storage.videos_bucket)


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
    if inputs.platform and not inputs.source:
        source += f"{inputs.platform}/"
    # A deeper prefix could name the source file itself, which no marker lies below.
    folder = "/".join(source.removeprefix("s3://").split("/")[1:3])
    listing = _listing(source, services, decision, laid_out=True)
    return joined(listing, services.bookings.all(inputs.platform, folder))


def _listing(
    source: str, services: Services, decision: Decision, *, laid_out: bool
) -> Iterator[Candidate]:
    bucket = source.removeprefix("s3://").partition("/")[0]
    for stored in services.store.objects(source):
        uri = stored.uri
        video = laid_out_video(uri, bucket) if laid_out else listed_video(uri)
        if video:
            yield Candidate(video, stored.etag, stored.size, stored.modified)
        else:
            decision.skipped += 1
            log.info("plan: %s is no <platform>/<code>/video.mp4, skipped", uri)


def _known(booking: Booking, services: Services) -> Candidate:
    source = booking.source or (
        f"s3://{services.settings.storage.videos_bucket}/{booking.video}/video.mp4"
    )
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
    if not limit:
        return list(due)
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
