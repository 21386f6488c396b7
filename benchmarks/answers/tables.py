"""The generated part of docs/search.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.answers.judging import Row, TradeOff
from workflows.search.calibration import THRESHOLD


def quality(rows: Mapping[tuple[str, str], Row]) -> str:
    """Return a row for each kind of question and way to answer."""
    lines = [
        "| questions | | right first | in ten | videos | pictures |",
        "|---|---|---|---|---|---|",
    ]
    for (asked, way), row in rows.items():
        lines.append(
            f"| {asked} | {way} | {row.first} | {row.in_ten} | {row.videos:.1f} | "
            f"{row.pictures:.1f} |"
        )
    return "\n".join(lines)


def trade_offs(by_calibration: Mapping[str, Sequence[TradeOff]]) -> str:
    """Return a row for each calibration and threshold."""
    lines = [
        "| scores | confidence | right first | right, and withheld | absent, and answered | "
        "foreign or mistyped, and answered |",
        "|---|---|---|---|---|---|",
    ]
    for name, rows in by_calibration.items():
        for row in rows:
            mark = "**" if row.threshold == THRESHOLD else ""
            lines.append(
                f"| {name} | {mark}{row.threshold:g}{mark} | {row.right} | {row.withheld} | "
                f"{row.false} | {row.garbled} |"
            )
    return "\n".join(lines)
