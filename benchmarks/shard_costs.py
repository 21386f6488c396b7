"""What a video costs in pods, by videos a shard: python benchmarks/shard_costs.py [--check]

Renders the tables of docs/pods.md from benchmarks/pod_overhead.json, which pod_times.py wrote.

The seconds of a pod grow with its videos about in a line: seconds = start + videos x more. Two
points, the runs with the fewest and with the most videos a shard, give both for each component.
What runs both split and fused, from upload on, is the same pod, so all runs count for it.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from components.pipeline import COMPONENTS, component
from workflows.reference.files import refresh

MEASURED = Path(__file__).with_name("pod_overhead.json")
PAGE = Path(__file__).parents[1] / "docs" / "pods.md"
VIDEOS_A_SHARD = (1, 8, 32, 128)
# Once a run, not once a shard.
_ONCE = {"plan", "digest"}
_RENDERED = re.compile(
    r"(?<=<!-- rendered by benchmarks/shard_costs.py -->\n).*?(?=<!-- end -->)", re.DOTALL
)


@dataclass(frozen=True)
class Line:
    """Seconds that a component's pod takes: `start`, and `more` for each video."""

    start: float
    more: float


def lines(runs: Iterable[Mapping[str, Any]]) -> dict[str, Line]:
    """Return each component's line.

    Args:
        runs: Of at least two sizes of shards; each with `videos`, `shards`, and `pods`, the seconds
            of every pod by component.

    Raises:
        ValueError: the shards are all of one size.
    """
    seconds: dict[str, dict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
    for run in runs:
        for name, pods in run["pods"].items():
            if name not in _ONCE:
                seconds[name][run["videos"] / run["shards"]] += pods
    found = {}
    for name in (name for name in COMPONENTS if name in seconds):
        few, many = min(seconds[name]), max(seconds[name])
        if few == many:
            raise ValueError(f"{name}: expected two sizes of shards, found {few:g} videos in each")
        at_few, at_many = median(seconds[name][few]), median(seconds[name][many])
        # Argo counts whole seconds; more videos do not make a pod faster.
        more = max(0.0, (at_many - at_few) / (many - few))
        found[name] = Line(at_few - few * more, more)
    return found


def cost(measured: Mapping[str, Line], videos: int, *, cores: bool = False) -> float:
    """Return the seconds of pods, or of the cores that they reserve, that a video costs."""
    return sum(
        (line.start / videos + line.more) * (component(name).resources.cpu if cores else 1)
        for name, line in measured.items()
    )


def tables(runs: Sequence[Mapping[str, Any]]) -> str:
    """Return the page's tables."""
    measured = lines(runs)
    (joined,) = [name for name in measured if component(name).runs]
    split = {name: line for name, line in measured.items() if name != joined}
    parts = component(joined).runs
    fused = {name: line for name, line in measured.items() if name not in parts}
    text = ["| component | seconds to start | seconds a video |", "|---|---|---|"]
    text += [_row(name, line) for name, line in measured.items()]
    text += [_row("all, split", _sum(split)), _row("all, fused", _sum(fused)), ""]
    text += [
        "| videos a shard | pod seconds a video: split | fused | saved "
        "| core seconds reserved a video: split | fused | saved |",
        "|---|---|---|---|---|---|---|",
    ]
    for videos in VIDEOS_A_SHARD:
        cells = [str(videos)]
        for cores in (False, True):
            apart, together = (cost(kind, videos, cores=cores) for kind in (split, fused))
            cells += [f"{apart:.1f}", f"{together:.1f}", f"{1 - together / apart:.0%}"]
        text.append(f"| {' | '.join(cells)} |")
    return "\n".join(text) + "\n"


def _row(name: str, line: Line) -> str:
    return f"| {name} | {line.start:.1f} | {line.more:.1f} |"


def _sum(measured: Mapping[str, Line]) -> Line:
    return Line(
        sum(line.start for line in measured.values()), sum(line.more for line in measured.values())
    )


def rendered() -> dict[Path, str]:
    """Return the text of the page with its tables."""
    text = tables(json.loads(MEASURED.read_text()))
    return {PAGE: _RENDERED.sub(lambda _: text, PAGE.read_text())}


def main() -> int:
    """Render the page, or with --check tell whether it is stale."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail if stale")
    return 0 if refresh(rendered(), check=parser.parse_args().check) else 1


if __name__ == "__main__":
    sys.exit(main())
