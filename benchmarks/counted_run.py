"""`oriane`, its requests to S3 counted into the file that BENCH_REQUESTS names."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import boto3

_CALLS: Counter[str] = Counter()


class _CountingSession(boto3.session.Session):  # type: ignore[misc]
    """A session whose clients count what they send, tries again included."""

    def client(self, *args: Any, **options: Any) -> Any:
        client = super().client(*args, **options)
        client.meta.events.register("before-send.s3", _count)
        return client


def _count(event_name: str, **_: Any) -> None:
    _CALLS[event_name.rpartition(".")[2]] += 1


def main() -> None:
    """Run the command line with counting sessions."""
    from workflows.cli.app import main as oriane

    boto3.session.Session = _CountingSession
    try:
        oriane()
    finally:
        Path(os.environ["BENCH_REQUESTS"]).write_text(json.dumps(_CALLS))


if __name__ == "__main__":
    main()
