"""What it takes to start each phase: python benchmarks/import_times.py [--runs 5] [PHASE…]

Prints a Markdown table: CPU seconds of `python -m components PHASE --help`, of importing the
phase's run.py (for prepare, those of the phases it runs), and of that with settings read and S3's
client made, where work begins; the least of some runs, whole processes. The last column names the
large libraries that are loaded by then.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys

from components.pipeline import COMPONENTS, component

LARGE = [
    *("numpy", "PIL", "cv2", "av", "torch", "transformers", "imagehash", "scenedetect"),
    *("boto3", "s3transfer", "botocore", "qdrant_client", "qdrant_edge", "grpc", "psycopg"),
]
READY = (
    "; from components.running.services import Services; from components.settings import Settings; "
    "Services(Settings.load()).close()"
)
SHOW = f"; import sys; print(*[name for name in {LARGE!r} if name in sys.modules])"


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("phases", nargs="*", metavar="PHASE", help="default: all")
    parser.add_argument("--runs", type=int, default=5, help="take the least of so many")
    options = parser.parse_args()
    sys.stdout.write("| component | --help | run.py | ready | loaded |\n|---|---|---|---|---|\n")
    for phase in options.phases or COMPONENTS:
        modules = [f"components.{one}.run" for one in component(phase).runs or (phase,)]
        imported = ", ".join(["import components.__main__", *modules])
        commands = [
            ["-m", "components", phase, "--help"],
            ["-c", imported],
            ["-c", imported + READY + SHOW],
        ]
        least, loaded = zip(*(_least(command, options.runs) for command in commands), strict=True)
        seconds = " | ".join(f"{value:.2f}" for value in least)
        sys.stdout.write(f"| {phase} | {seconds} | {loaded[-1].strip()} |\n")
        sys.stdout.flush()
    return 0


def _least(arguments: list[str], runs: int) -> tuple[float, str]:
    """Return the least CPU seconds of the runs, and what the last one printed."""
    seconds = []
    for _ in range(runs):
        before = _children()
        output = subprocess.check_output([sys.executable, *arguments], text=True)
        seconds.append(_children() - before)
    return min(seconds), output


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())
