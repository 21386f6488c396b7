"""What is booked: all videos by state and reason, or one video with its events."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable

from components.errors import ConfigurationError
from components.records.booking import Booking
from components.running.services import Services
from workflows.operations.status.report import (
    Lease,
    Overview,
    StateCount,
    StoppedVideo,
    VideoStatus,
)

_EXAMPLES = 3
_Key = tuple[str | None, str | None, str | None]


def overview(services: Services, platform: str) -> Overview:
    """Return the counts by state, phase and reason, and the leases of runs that are under way."""
    return Overview(states=states(services, platform), leases=leases(services))


def states(services: Services, platform: str = "") -> tuple[StateCount, ...]:
    """Return how many videos are in which state, phase and for which reason."""
    if services.ledger is None:
        return counted(services.bookings.all(platform))
    return tuple(StateCount(**row) for row in services.ledger.counts(platform))


def leases(services: Services) -> tuple[Lease, ...]:
    """Return the leases of runs that are under way."""
    return tuple(Lease(**row) for row in services.ledger.leases()) if services.ledger else ()


def stopped(
    services: Services, platform: str, states: Collection[str], reason: str
) -> list[StoppedVideo]:
    """Return the videos in these states, and for this reason if given, the latest first."""
    found = [
        booking
        for booking in services.bookings.all(platform)
        if booking.state in states and (not reason or booking.reason == reason)
    ]
    return [
        StoppedVideo(
            video=booking.video,
            state=str(booking.state),
            phase=booking.phase,
            reason=booking.reason,
            message=booking.message,
            run=booking.run,
            attempts=booking.attempts,
            booked_at=booking.updated_at,
        )
        for booking in sorted(found, key=_newest_first)
    ]


def of_video(services: Services, platform: str, code: str) -> VideoStatus:
    """Return all that is known of a video.

    Raises:
        ConfigurationError: nothing is.
    """
    booking = services.bookings.of(platform, code)
    events = services.ledger.events(platform, code) if services.ledger else []
    if booking is None and not events:
        raise ConfigurationError(
            f"{platform}/{code} is not booked; check the name, or run `oriane plan` to see "
            "whether it is to come"
        )
    return VideoStatus(video=f"{platform}/{code}", booking=booking, events=tuple(events))


def counted(bookings: Iterable[Booking]) -> tuple[StateCount, ...]:
    """Return how many of the bookings are in which state, phase and for which reason."""
    latest: dict[_Key, list[Booking]] = defaultdict(list)
    counts: dict[_Key, int] = defaultdict(int)
    for booking in bookings:
        key = (booking.state, booking.phase, booking.reason)
        counts[key] += 1
        latest[key] = sorted([*latest[key], booking], key=_newest_first)[:_EXAMPLES]
    return tuple(
        StateCount(
            state=key[0],
            phase=key[1],
            reason=key[2],
            videos=counts[key],
            latest=latest[key][0].updated_at,
            examples=tuple(booking.video for booking in latest[key]),
        )
        for key in sorted(latest, key=lambda key: (str(key[0]), -counts[key], str(key)))
    )


def _newest_first(booking: Booking) -> float:
    return -booking.updated_at.timestamp() if booking.updated_at else 0.0
