"""What this project wants to be, as ratios within one run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from benchmarks.results import Row

FLOOR = "floor"
FILM = "film"


@dataclass(frozen=True)
class Target:
    """`numerator` / `denominator` is to be at least, or at most, `bound`; over the film, `on_film`.

    Seconds are compared, or, where `of_cores`, the CPU seconds of those runs, which differ less
    from repetition to repetition.
    """

    text: str
    numerator: str
    denominator: str
    at_least: bool
    bound: float
    of_cores: bool = False
    on_film: float | None = None

    @property
    def wanted(self) -> str:
        """The bounds, for a table."""
        film = "" if self.on_film is None else f"; film {self.on_film:g}"
        return f"{'≥' if self.at_least else '≤'} {self.bound:g}{film}"

    def met(self, ratio: float, videos: str) -> bool:
        """Return whether the ratio over this set of videos is as wanted."""
        bound = self.bound if self.on_film is None or videos != FILM else self.on_film
        return ratio >= bound if self.at_least else ratio <= bound


TARGETS = (
    Target("exact, times the floor", "ours-exact", FLOOR, False, 1.25, on_film=1.1),
    Target(
        "exact, faster than PySceneDetect's command line",
        "scenedetect", "ours-exact", True, 1.9,
    ),
    Target("exact, faster than step by step", "step-by-step", "ours-exact", True, 9),
    Target("reference frames, times the floor", "ours-reference", FLOOR, False, 1.0, on_film=0.9),
    Target(
        "reference frames, faster than PySceneDetect's command line",
        "scenedetect", "ours-reference", True, 2.2, on_film=2.7,
    ),
    Target(
        "reference frames, faster than step by step",
        "step-by-step", "ours-reference", True, 14,
    ),
    Target("keyframes, times the floor", "ours-keyframes", FLOOR, False, 0.65, on_film=0.4),
    Target(
        "keyframes, faster than PySceneDetect's command line",
        "scenedetect", "ours-keyframes", True, 5,
    ),
    Target("keyframes, faster than step by step", "step-by-step", "ours-keyframes", True, 25),
    Target("keyframes, faster than pixeltable", "pixeltable", "ours-keyframes", True, 2.5),
    Target("exact, all reused, of a cold run", "ours-exact-reused", "ours-exact", False, 0.02),
    Target(
        "keyframes, all reused, of a cold run",
        "ours-keyframes-reused", "ours-keyframes", False, 0.02,
    ),
    Target(
        "CPU seconds with decoders confined, of those without",
        "ours-reference", "ours-unconfined", False, 1.03, of_cores=True,
    ),
)  # fmt: skip


def floor_seconds(rows: Mapping[str, Row]) -> float | None:
    """Return the seconds of one full decode and the forward passes over the pictures kept."""
    if not {"floor-decode", "floor-forward"} <= rows.keys():
        return None
    forward = rows["floor-forward"]
    exact = rows.get("ours-exact")
    kept = (exact.pictures if exact else None) or forward.pictures or 0
    return rows["floor-decode"].fastest + forward.fastest * kept / (forward.pictures or 1)


def ratios(rows: Mapping[str, Row]) -> Iterator[tuple[Target, float]]:
    """Yield each target whose two sides were measured, with the ratio of their quickest runs."""
    fastest = {name: row.fastest for name, row in rows.items()}
    cores = {name: row.best["cpu_s"] for name, row in rows.items()}
    floor = floor_seconds(rows)
    if floor is not None:
        fastest[FLOOR] = floor
    for target in TARGETS:
        spent = cores if target.of_cores else fastest
        if {target.numerator, target.denominator} <= spent.keys():
            yield target, spent[target.numerator] / spent[target.denominator]
