"""What operators read at a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from workflows.tables import output

_MOST_ROWS = 20


def show_plan(report: dict[str, Any]) -> None:
    """Print what a run would take."""
    console = output()
    if "messages" in report:
        console.print(f"about {report['messages']} messages in the queue")
        return
    why = _counts(report["why"])
    console.print(f"{report['videos']} videos are due{why and ': '}{why}", highlight=False)
    for label, counts in (("stale from", report["stale_from"]), ("left", report["left"])):
        if counts:
            console.print(f"{label}: {_counts(counts)}", highlight=False)
    if report["skipped"]:
        console.print(f"{report['skipped']} objects are no <platform>/<code>/video.mp4")
    _show_forecast(report["forecast"], report["videos"])
    if report["due"]:
        _table(
            ("video", "why", "MB"),
            [
                (
                    one["video"],
                    one["why"] + (f" from {one['stale_from']}" if one["stale_from"] else ""),
                    f"{one['bytes'] / 1e6:.1f}",
                )
                for one in report["due"]
            ],
        )


def show_overview(report: dict[str, Any]) -> None:
    """Print the counts and the runs at work."""
    if not report["states"]:
        output().print("nothing is booked yet")
    else:
        _table(
            ("state", "phase", "reason", "videos", "e.g."),
            [
                (
                    one["state"], one["phase"] or "", one["reason"] or "", str(one["videos"]),
                    ", ".join(one["examples"]),
                )
                for one in report["states"]
            ],
        )  # fmt: skip
    for lease in report["leases"]:
        output().print(
            f"run {lease['run']} works on {lease['videos']} videos, until {lease['until']:%F %R} "
            "at most",
            highlight=False,
        )


def show_video(report: dict[str, Any]) -> None:
    """Print a video's booking, then its events."""
    console = output()
    console.print(report["video"], style="bold", highlight=False)
    for name, value in (report["booking"] or {"state": "forgotten"}).items():
        if value not in (None, {}, ""):
            console.print(f"  {name}: {value}", highlight=False, markup=False)
    _table(
        ("at", "event", "run", ""),
        [
            (f"{one['at']:%F %T}", one["event"], one["run"] or "", _counts(one["details"]))
            for one in report["events"]
        ],
    )


def show_retried(videos: Sequence[str]) -> None:
    """Print which videos are due again."""
    names = ", ".join(videos[:_MOST_ROWS]) + (" …" if len(videos) > _MOST_ROWS else "")
    output().print(
        f"{len(videos)} videos are due at the next catch-up{(videos and ': ') or ''}{names}",
        highlight=False,
        markup=False,
    )


def show_runs(digests: Sequence[dict[str, Any]]) -> None:
    """Print a line a run."""
    if not digests:
        output().print("no run has ended yet")
    _table(
        ("run", "ended", "videos", "done", "reused", "rejected", "failed", "first reason"),
        [
            (
                one["run"], one["written_at"],
                *(str(one[name]) for name in ("videos", "done", "reused", "rejected", "failed")),
                one["reasons"][0]["reason"] if one["reasons"] else "",
            )
            for one in digests
        ],
        most=len(digests),
    )  # fmt: skip


def show_digest(digest: dict[str, Any]) -> None:
    """Print a run in full."""
    show_runs([digest])
    _table(
        ("stopped", "phase", "reason", "videos", "e.g."),
        [
            (
                one["kind"], one["phase"], one["reason"], str(one["count"]),
                ", ".join(example["video"] for example in one["examples"]),
            )
            for one in digest["reasons"]
        ],
    )  # fmt: skip
    _table(
        ("phase", "videos", "seconds", "most"),
        [
            (phase, str(spent["videos"]), f"{spent['total']:.1f}", f"{spent['most']:.1f}")
            for phase, spent in digest["seconds"].items()
        ],
    )


def _show_forecast(expected: dict[str, Any] | None, videos: int) -> None:
    if not videos:
        return
    if expected is None:
        output().print("no forecast: no past run of this deployment has left a digest to go by")
        return
    output().print(
        f"likely, as the {expected['from_videos']} videos so far: {expected['gpu_minutes']} GPU "
        f"minutes, {expected['cpu_minutes']} CPU minutes, {expected['s3_requests']} S3 requests, "
        f"{expected['s3_bytes_read'] / 1e6:.0f} MB read, "
        f"{expected['s3_bytes_written'] / 1e6:.0f} MB written",
        highlight=False,
    )


def _table(names: Sequence[str], rows: Sequence[Sequence[str]], most: int = _MOST_ROWS) -> None:
    if not rows:
        return
    table = Table()
    for name in names:
        right = name in ("MB", "videos", "done", "reused", "rejected", "failed", "seconds", "most")
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    for row in rows[:most]:
        table.add_row(*map(Text, row))
    output().print(table)
    if len(rows) > most:
        output().print(f"… and {len(rows) - most} more; --json has all", highlight=False)


def _counts(counts: dict[str, Any]) -> str:
    return ", ".join(f"{value} {name}" for name, value in counts.items())
