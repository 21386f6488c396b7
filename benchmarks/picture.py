"""The comparison as a picture: horizontal bars in SVG, a group a set."""

from __future__ import annotations

from html import escape

from benchmarks.report import LABELS
from benchmarks.results import Results
from benchmarks.targets import FLOOR, floor_seconds

# Okabe and Ito's palette, told apart by the colour-blind.
_OURS, _FLOOR, _OTHERS = "#0072B2", "#8C8C8C", "#E69F00"
_SHOWN = (
    FLOOR, "ours-keyframes", "ours-reference", "ours-exact", "scenedetect", "pixeltable",
    "step-by-step-veryfast", "step-by-step",
)  # fmt: skip
_WIDTH, _LEFT, _RIGHT, _BAR, _GAP, _HEAD = 880, 290, 70, 20, 8, 44


def picture(results: Results) -> str:
    """Return an SVG of how many seconds of video each row takes in a second."""
    parts: list[str] = []
    top = 0
    for name, facts in results.document["sets"].items():
        rows = results.rows(name)
        seconds = {row: rows[row].fastest for row in _SHOWN if row in rows}
        floor = floor_seconds(rows)
        if floor is not None:
            seconds = {FLOOR: floor, **seconds}
        speeds = {row: facts["seconds"] / taken for row, taken in seconds.items()}
        title = f"{name}: seconds of video per second (longer is faster)"
        parts.append(_text(8, top + 26, title, "font-weight='bold'"))
        top += _HEAD
        for row, speed in speeds.items():
            parts += _bar(row, speed, speed / max(speeds.values()), top)
            top += _BAR + _GAP
        top += _GAP
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{top}" '
        f'viewBox="0 0 {_WIDTH} {top}" font-family="sans-serif" font-size="14">\n'
        f'<rect width="100%" height="100%" fill="white"/>\n{body}\n</svg>\n'
    )


def _bar(row: str, speed: float, share: float, top: int) -> list[str]:
    colour = _FLOOR if row == FLOOR else _OURS if row.startswith("ours") else _OTHERS
    width = max(1.0, share * (_WIDTH - _LEFT - _RIGHT))
    middle = top + _BAR - 5
    return [
        _text(_LEFT - 8, middle, LABELS[row], "text-anchor='end'"),
        f'<rect x="{_LEFT}" y="{top}" width="{width:.1f}" height="{_BAR}" fill="{colour}"/>',
        _text(_LEFT + width + 6, middle, f"{speed:.1f}"),
    ]


def _text(x: float, y: float, text: str, attributes: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y}" {attributes}>{escape(text)}</text>'
