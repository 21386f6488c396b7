"""Where the seconds of a finished run in the cluster went: python benchmarks/pod_times.py WORKFLOW

Prints a Markdown table: pods of each component, the median seconds of one (as Argo booked it, image
on the node), and the seconds that the videos themselves took in the phase, from the run's digest.
What is left is the pod: scheduling, Argo's executor, Python's start, the manifest, the model.
With --into, the seconds of every pod are added to a JSON file, which shard_costs.py reads.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import defaultdict
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from components.pipeline import COMPONENTS
from components.pipeline import component as declared


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workflow")
    parser.add_argument("--namespace", default="oriane")
    parser.add_argument(
        "--digest", type=Path, required=True, help="file with the run's digest.json"
    )
    parser.add_argument(
        "--into", type=Path, metavar="FILE", help="JSON list to add this run's pods to"
    )
    options = parser.parse_args()
    command = [
        "kubectl",
        "get",
        "workflow",
        options.workflow,
        "-n",
        options.namespace,
        "-o",
        "json",
    ]
    status: dict[str, Any] = json.loads(subprocess.check_output(command))["status"]
    digest: dict[str, Any] = json.loads(options.digest.read_text())
    worked: dict[str, Any] = digest["seconds"]
    seconds: dict[str, list[float]] = defaultdict(list)
    for node in status["nodes"].values():
        if node["type"] == "Pod" and node.get("templateRef"):
            seconds[node["templateRef"]["template"]].append(_seconds(node))
    lines = [
        "| component | pods | seconds a pod | seconds in the phase, all videos |",
        "|---|---|---|---|",
    ]
    for component in COMPONENTS:
        if component in seconds:
            phases = worked.keys() & set(declared(component).runs or (component,))
            shown = f"{sum(worked[phase]['total'] for phase in phases):.1f}" if phases else ""
            pods = seconds[component]
            lines.append(f"| {component} | {len(pods)} | {median(pods):.0f} | {shown} |")
    total = sum(sum(pods) for pods in seconds.values())
    lines.append(f"| whole run | {sum(map(len, seconds.values()))} | {total:.0f} in all | |")
    lines.append("")
    lines.append(f"From start to end: {_seconds(status):.0f} s")
    sys.stdout.write("\n".join(lines) + "\n")
    if options.into:
        _add(options.into, digest, seconds, _seconds(status))
    return 0


def _add(path: Path, digest: dict[str, Any], pods: dict[str, list[float]], seconds: float) -> None:
    """Add a run to the file: its size, its seconds from start to end, and those of every pod."""
    runs = json.loads(path.read_text()) if path.exists() else []
    run = {"videos": digest["videos"], "shards": digest["shards"], "seconds": seconds}
    ordered = {component: pods[component] for component in COMPONENTS if component in pods}
    lines = (f"  {json.dumps(run)}" for run in [*runs, {**run, "pods": ordered}])
    path.write_text("[\n" + ",\n".join(lines) + "\n]\n")


def _seconds(node: dict[str, Any]) -> float:
    started, finished = (
        datetime.fromisoformat(node[key].replace("Z", "+00:00"))
        for key in ("startedAt", "finishedAt")
    )
    return (finished - started).total_seconds()


if __name__ == "__main__":
    sys.exit(main())
