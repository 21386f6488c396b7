"""Makes videos due again that failed or were rejected."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from pydantic import ValidationError

from components.errors import ConfigurationError
from components.records.booking import Booking
from components.records.rejected_marker import REJECTED_MARKER
from components.running.results import Outcome
from components.running.services import Services
from components.stores.objects import split


def retry(
    services: Services,
    videos: Sequence[str] = (),
    *,
    failed: bool = False,
    reason: str = "",
    platform: str = "",
    limit: int | None = None,
) -> list[str]:
    """Make the videos due at the next catch-up; return their names.

    What a phase kept of a rejection is dropped, so that the video is judged anew; other results
    stay and are reused.

    Raises:
        ConfigurationError: a named video is not booked; failed videos without a ledger.
    """
    if failed and services.ledger is None:
        raise ConfigurationError(
            "without Postgres no failed video is booked, and each is due at the next run anyway; "
            "leave out --failed"
        )
    chosen = _named(services, videos) if videos else _matching(services, failed, reason, platform)
    done = []
    for booking in islice(chosen, limit):
        _drop_rejection(services, booking)
        if services.ledger:
            was = {"was": booking.state, "reason": booking.reason}
            services.ledger.request(booking.platform, booking.code, was)
        done.append(booking.video)
    return done


def _named(services: Services, videos: Sequence[str]) -> Iterator[Booking]:
    for name in videos:
        platform, _, code = name.partition("/")
        booking = services.bookings.of(platform, code)
        if booking is None:
            raise ConfigurationError(f"{name} is not booked; give PLATFORM/CODE as status shows it")
        yield booking


def _matching(services: Services, failed: bool, reason: str, platform: str) -> Iterable[Booking]:
    bookings = services.bookings.all(platform)
    # All first: a listing under way need not show what is changed meanwhile.
    return [
        booking
        for booking in bookings
        if booking.leased_by is None
        and booking.state in ("failed", "rejected")
        and ((failed and booking.state == "failed") or (reason and booking.reason == reason))
    ]


def _drop_rejection(services: Services, booking: Booking) -> None:
    """Remove the rejections that phases keep with their results, then the marker."""
    if booking.state != "rejected":
        return
    bucket = services.settings.storage.artifacts_bucket
    folder = f"s3://{bucket}/results/{booking.folder}{booking.phase}/"
    kept = [
        split(stored.uri)[1]
        for stored in services.store.objects(folder)
        if stored.uri.endswith(".json") and _is_rejection(services.store.get(stored.uri))
    ]
    if kept:
        services.store.delete(bucket, kept)
    services.markers.remove(booking.platform, booking.code, REJECTED_MARKER)


def _is_rejection(content: bytes) -> bool:
    try:
        return Outcome.model_validate_json(content).problem is not None
    except ValidationError:
        return False
