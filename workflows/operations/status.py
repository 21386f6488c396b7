"""What is booked: all videos by state and reason, or one video with its events."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from components.errors import ConfigurationError
from components.ledger.booking import Booking
from components.services import Services

_EXAMPLES = 3


def overview(services: Services, platform: str) -> dict[str, Any]:
    """Return the counts by state, phase and reason, and the leases of runs that are under way."""
    ledger = services.ledger
    if ledger is None:
        prefix = f"{platform}/" if platform else ""
        return {"states": _counted(services.markers.bookings(prefix)), "leases": []}
    return {"states": ledger.counts(platform), "leases": ledger.leases()}


def of_video(services: Services, platform: str, code: str) -> dict[str, Any]:
    """Return all that is known of a video.

    Raises:
        ConfigurationError: nothing is.
    """
    ledger = services.ledger
    booking = (
        ledger.booking(platform, code)
        if ledger
        else next(services.markers.bookings(f"{platform}/{code}/"), None)
    )
    events = ledger.events(platform, code) if ledger else []
    if booking is None and not events:
        raise ConfigurationError(
            f"{platform}/{code} is not booked; check the name, or run `oriane plan` to see "
            "whether it is to come"
        )
    return {
        "video": f"{platform}/{code}",
        "booking": vars(booking) if booking else None,
        "events": [vars(event) for event in events],
    }


def _counted(bookings: Any) -> list[dict[str, Any]]:
    groups: dict[tuple[Any, ...], list[Booking]] = defaultdict(list)
    counts: dict[tuple[Any, ...], int] = defaultdict(int)
    for booking in bookings:
        key = (booking.state, booking.phase, booking.reason)
        counts[key] += 1
        groups[key] = sorted([*groups[key], booking], key=_newest_first)[:_EXAMPLES]
    return [
        {
            "state": state,
            "phase": phase,
            "reason": reason,
            "videos": counts[state, phase, reason],
            "latest": examples[0].updated_at,
            "examples": [example.video for example in examples],
        }
        for (state, phase, reason), examples in sorted(
            groups.items(), key=lambda item: (str(item[0][0]), -counts[item[0]], str(item[0]))
        )
    ]


def _newest_first(booking: Booking) -> float:
    return -booking.updated_at.timestamp() if booking.updated_at else 0.0
