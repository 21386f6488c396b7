"""`python -m benchmarks.scenes`: measure the scene detectors and render docs/scenes.md."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.contenders.contender import ROOT
from benchmarks.footage import unpacked
from benchmarks.report import with_sections
from benchmarks.scenes.score import (
    found_in,
    frames_by_scan,
    matched,
    represented,
    thumbnails,
)
from benchmarks.scenes.tables import frames_table, starts_table
from benchmarks.scenes.transitions import RECIPES, Recipe, make
from components.errors import PipelineError
from components.frame.detectors import require_detector
from components.settings import FrameSettings
from tests.conftest import source_of
from workflows.reference.files import refresh

PAGE = ROOT / "docs" / "scenes.md"
_DETECTORS = ("adaptive", "content", "hash", "histogram", "threshold", "transnetv2")
# By decoding less, with the first of the detectors.
_SCANS = ("reference", "keyframes")
_CHANGES = (0.0, 0.3, 0.4, 0.5)


def main() -> int:
    """Measure, write the numbers as JSON, and render the page from them."""
    options = _options()
    results = options.folder / "scenes.json"
    try:
        if not options.render:
            rows = [row for recipe in RECIPES for row in measured(recipe, options)]
            if options.only and results.exists():
                before = json.loads(results.read_text())["rows"]
                rows = [row for row in before if row["detector"] not in options.only] + rows
            document = {"measured": datetime.now(UTC).date().isoformat(), "rows": rows}
            results.write_text(json.dumps(document, indent=1) + "\n")
        document = json.loads(results.read_text())
        sections = {"starts": starts_table(document), "frames": frames_table(document)}
        sys.stdout.write("\n\n".join(sections.values()) + "\n")
        refresh({PAGE: with_sections(PAGE.read_text(), sections)}, check=False)
    except PipelineError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    return 0


def measured(recipe: Recipe, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield a row of figures for each way to find the scenes of a video."""
    footage = unpacked(options.packages, options.folder / "footage")
    path = options.folder / "scenes" / f"{recipe.name.replace(' ', '-')}.mp4"
    truth = make(recipe, footage, path)
    source = source_of(path)
    pictures = thumbnails(path, source)
    wanted = options.only or [*_DETECTORS, *_SCANS]
    for detector in (name for name in _DETECTORS if name in wanted):
        for change in _CHANGES if detector in ("adaptive", "content", "transnetv2") else (0.0,):
            settings = _settings(detector, change)
            require_detector(settings)
            found = found_in(pictures, settings, truth.length)
            yield _row(recipe, detector, change, found, truth, len(pictures))
    for scan in (scan for scan in _SCANS if scan in wanted):
        for change in _CHANGES:
            settings = _settings("adaptive", change).model_copy(update={"scan": scan})
            found = frames_by_scan(path, source, settings)
            yield _row(recipe, scan, change, found, truth, len(pictures))


def _settings(detector: str, change: float) -> FrameSettings:
    return FrameSettings(VP_SCENE_DETECTOR=detector, VP_SCENE_CHANGE=change, VP_MIN_FRAMES=1)


def _row(
    recipe: Recipe, detector: str, change: float, found: Any, truth: Any, frames: int
) -> dict[str, Any]:
    alone, mixed = represented(found.frames, truth)
    return {
        "video": recipe.name,
        "detector": detector,
        "change": change,
        "transitions": len(truth.transitions),
        "starts": len(found.starts),
        "matched": matched(found.starts, truth),
        "shots": len(truth.shots),
        "alone": alone,
        "mixed": mixed,
        "kept": len(found.frames),
        "ms_a_frame": 1000 * found.cpu_s / frames,
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scenes",
        description="Measure the scene detectors on shots joined by cuts, dissolves and fades.",
        epilog="examples: python -m benchmarks.scenes | python -m benchmarks.scenes --render",
    )
    parser.add_argument("--packages", type=Path, default=Path("data/packages"))
    parser.add_argument("--folder", type=Path, default=Path("data/bench"))
    parser.add_argument(
        "--only",
        type=lambda text: text.split(","),
        metavar="NAMES",
        help=f"of {', '.join([*_DETECTORS, *_SCANS])}, with commas; the others' rows stay",
    )
    parser.add_argument("--render", action="store_true", help="render again, measure nothing")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
