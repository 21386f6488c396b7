"""The tables of docs/scenes.md."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarks.report import table

_ORDER = (
    "adaptive",
    "content",
    "hash",
    "histogram",
    "threshold",
    "transnetv2",
    "reference",
    "keyframes",
)
_SCANS = {
    "reference": "`adaptive`, scan of reference frames",
    "keyframes": "`adaptive`, scan of keyframes",
}
Rows = Sequence[dict[str, Any]]


def starts_table(document: dict[str, Any]) -> str:
    """Return recall by kind of transition, precision over all, and cost, a row a detector."""
    rows: Rows = [row for row in document["rows"] if not row["change"]]
    videos = _distinct(rows, "video")
    lines = []
    for detector in _detectors(rows):
        own = [row for row in rows if row["detector"] == detector]
        recalls = [
            _rate(row, "matched", "transitions") for name in videos for row in _of(own, name)
        ]
        steady = [row for row in own if "flashes" not in row["video"]]
        flashes = [row for row in own if "flashes" in row["video"]]
        lines.append(
            [
                _SCANS.get(detector, f"`{detector}`"),
                *recalls,
                _rate(_summed(steady), "matched", "starts"),
                _rate(_summed(flashes), "matched", "starts"),
                _cost(own),
            ]
        )
    columns = ["detector", *(f"recall: {name}" for name in videos)]
    columns += ["precision", "precision, flashes", "ms a frame"]
    return "\n".join([f"Measured {document['measured']}.", "", *table(columns, lines)])


def frames_table(document: dict[str, Any]) -> str:
    """Return which shots got a frame of their own, and how many frames that took."""
    rows: Rows = [row for row in document["rows"] if row["detector"] in _changing(document)]
    lines = []
    for detector in _detectors(rows):
        its = [row for row in rows if row["detector"] == detector]
        for change in sorted(_distinct(its, "change")):
            own = [row for row in its if row["change"] == change]
            whole = _summed(own)
            lines.append(
                [
                    _SCANS.get(detector, f"`{detector}`"),
                    f"{change:g}",
                    *(_rate(_summed(part), "alone", "shots") for part in _kinds(own)),
                    f"{whole['kept'] / whole['shots']:.2f}",
                    f"{100 * whole['mixed'] / max(1, whole['kept']):.0f} %",
                ]
            )
    columns = ["detector", "`VP_SCENE_CHANGE`", "cuts", "dissolves", "fades", "slides"]
    return "\n".join(table([*columns, "frames a shot", "of them mixed"], lines))


def _changing(document: dict[str, Any]) -> set[str]:
    return {row["detector"] for row in document["rows"] if row["change"]}


def _kinds(rows: Rows) -> list[Rows]:
    starts = ("cuts", "dissolves", "fades", "slides")
    return [[row for row in rows if row["video"].startswith(start)] for start in starts]


def _of(rows: Rows, video: str) -> Rows:
    return [row for row in rows if row["video"] == video]


def _distinct(rows: Rows, key: str) -> list[Any]:
    return list(dict.fromkeys(row[key] for row in rows))


def _detectors(rows: Rows) -> list[str]:
    known = _distinct(rows, "detector")
    return sorted(known, key=_ORDER.index)


def _summed(rows: Rows) -> dict[str, float]:
    keys = ("transitions", "starts", "matched", "shots", "alone", "mixed", "kept")
    return {key: sum(row[key] for row in rows) for key in keys}


def _rate(row: dict[str, Any], part: str, whole: str) -> str:
    return f"{row[part] / row[whole]:.2f}" if row[whole] else "–"


def _cost(rows: Rows) -> str:
    return f"{sum(row['ms_a_frame'] for row in rows) / len(rows):.2f}"
