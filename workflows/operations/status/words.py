"""What is booked of a video, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.records.booking import Booking
from workflows.operations.status.report import VideoStatus
from workflows.terminal.output import output, print_table, time


def print_video(found: VideoStatus) -> None:
    """Print a video's booking, then its events."""
    console = output()
    console.print(found.video, style="bold", highlight=False, markup=False)
    for name, value in _facts(found.booking):
        if value:
            console.print(f"  {name}: {value}", highlight=False, markup=False, soft_wrap=True)
    print_table(
        ("at", "event", "run", ""),
        (),
        [(time(one.at), one.event, one.run or "", _details(one.details)) for one in found.events],
        most=len(found.events),
    )


def _facts(booking: Booking | None) -> list[tuple[str, str]]:
    """Return what is worth knowing of a booking; fingerprints are for --json."""
    if booking is None:
        return [("state", "forgotten")]
    leased = f"by {booking.leased_by}, until {time(booking.leased_until)} at most"
    why = f"{booking.reason} in {booking.phase}" if booking.reason else ""
    return [
        ("state", (booking.state or "not booked yet") + (f", {why}" if why else "")),
        ("message", booking.message or ""),
        ("booked", time(booking.updated_at) + (f" by run {booking.run}" if booking.run else "")),
        ("leased", leased if booking.leased_by else ""),
        ("frames", str(booking.frames) if booking.frames is not None else ""),
        ("worked on", _seconds(booking.seconds)),
        ("failures in a row", str(booking.attempts or "")),
        ("source", booking.source or ""),
        ("size", f"{booking.bytes / 1e6:.1f} MB" if booking.bytes else ""),
    ]


def _details(details: Mapping[str, Any]) -> str:
    """Return the details of an event; what is not known is left out."""
    plain = {name: value for name, value in details.items() if value not in (None, "", {}, [])}
    seconds = _seconds(plain.pop("seconds", {}))
    words = [f"{name} {_plain(value)}" for name, value in plain.items() if name != "etag"]
    return ", ".join([*words, *([seconds] if seconds else [])])


def _plain(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _seconds(seconds: Mapping[str, float]) -> str:
    """Return where the time went, the shortest phases left out."""
    total = sum(seconds.values())
    longest = sorted(seconds.items(), key=lambda item: -item[1])[:3]
    parts = ", ".join(f"{phase} {spent:.1f} s" for phase, spent in longest if spent >= 0.05)
    return f"{total:.1f} s{f' ({parts})' if parts else ''}" if total else ""
