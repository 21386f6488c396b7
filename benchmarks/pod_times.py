"""Where the seconds of a finished run in the cluster went: python benchmarks/pod_times.py WORKFLOW

Prints a Markdown table: pods of each component, the median seconds of one (as Argo booked it, image
on the node), and the seconds that the videos themselves took in the phase, from the run's digest.
What is left is the pod: scheduling, Argo's executor, Python's start, the manifest, the model.
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

from components.contract import COMPONENTS


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("workflow")
    parser.add_argument("--namespace", default="oriane")
    parser.add_argument(
        "--digest", type=Path, required=True, help="file with the run's digest.json"
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
    worked: dict[str, Any] = json.loads(options.digest.read_text())["seconds"]
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
            in_phase = worked.get(component, {}).get("total")
            shown = f"{in_phase:.1f}" if in_phase is not None else ""
            pods = seconds[component]
            lines.append(f"| {component} | {len(pods)} | {median(pods):.0f} | {shown} |")
    total = sum(sum(pods) for pods in seconds.values())
    lines.append(f"| whole run | {sum(map(len, seconds.values()))} | {total:.0f} in all | |")
    lines.append("")
    lines.append(f"From start to end: {_seconds(status):.0f} s")
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def _seconds(node: dict[str, Any]) -> float:
    started, finished = (
        datetime.fromisoformat(node[key].replace("Z", "+00:00"))
        for key in ("startedAt", "finishedAt")
    )
    return (finished - started).total_seconds()


if __name__ == "__main__":
    sys.exit(main())
