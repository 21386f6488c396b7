"""Checks Argo manifests without a cluster: python -m workflows.check FILE-OR-FOLDER…"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from workflows.check import ManifestError, problems, read


def main(arguments: list[str] | None = None) -> int:
    """Write a line for each problem; return 1 if there are any."""
    parser = argparse.ArgumentParser(
        prog="python -m workflows.check",
        description="Check that every {{…}}, every templateRef and every required argument in Argo "
        "manifests resolves. Manifests that refer to each other have to be given together.",
        epilog="example: python -m workflows.check k8s/",
    )
    parser.add_argument(
        "paths",
        type=Path,
        nargs="+",
        metavar="FILE-OR-FOLDER",
        help="YAML file, or folder whose .yaml and .yml files are read, also in folders below",
    )
    try:
        documents = read(parser.parse_args(arguments).paths)
        found = problems(documents)
    except ManifestError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    for problem in found:
        sys.stdout.write(f"{problem}\n")
    checked = sum(document.runs for document in documents)
    sys.stderr.write(f"{checked} manifests checked, {len(found)} problems\n")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
