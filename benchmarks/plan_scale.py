"""How much memory a plan over many videos takes.

The bucket is a server of the benchmark's own that makes its listing up as it is asked, so that a
hundred thousand videos need neither a disk nor an hour.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from benchmarks.contenders.contender import Task, clean_environment
from benchmarks.measure import measured
from components.base.logs import log

COUNTS = (1_000, 10_000, 100_000, 1_000_000)
LIMITS = (0, 1000)
_A_PAGE = 1000
_SOURCES = "sources"
_ITEM = (
    "<Contents><Key>tiktok/c{:08d}/video.mp4</Key><Size>{}</Size><ETag>&quot;{:032x}&quot;</ETag>"
    "<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
)


class _Bucket(BaseHTTPRequestHandler):
    """Answers ListObjectsV2 with the server's number of videos, and takes any PUT."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer a page of the listing; buckets other than that of the sources are empty."""
        address = urlsplit(self.path)
        total = self.server.videos if address.path.strip("/") == _SOURCES else 0  # type: ignore[attr-defined]
        first = int(parse_qs(address.query).get("continuation-token", ["0"])[0])
        last = min(total, first + _A_PAGE)
        items = "".join(_ITEM.format(n, 5_000_000 + n, n) for n in range(first, last))
        more = f"<NextContinuationToken>{last}</NextContinuationToken>" if last < total else ""
        truncated = str(last < total).lower()
        self._answer(
            f"<ListBucketResult><IsTruncated>{truncated}</IsTruncated>{more}{items}"
            "</ListBucketResult>".encode()
        )

    def do_PUT(self) -> None:
        """Take a manifest and forget it."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(b"")

    def _answer(self, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", '"0"')
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def bucket(videos: int) -> Iterator[str]:
    """Serve a bucket of so many videos; give its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Bucket)
    server.videos = videos  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def measure(folder: Path, counts: Sequence[int] = COUNTS) -> list[dict[str, Any]]:
    """Plan a catch-up over each number of videos, all of them and a thousand; return a row each."""
    rows = []
    for number in counts:
        for limit in LIMITS:
            with bucket(number) as address:
                environment = {
                    "AWS_ENDPOINT_URL": address,
                    "AWS_ACCESS_KEY_ID": "benchmark",
                    "AWS_SECRET_ACCESS_KEY": "benchmark",
                    "S3_VIDEOS_BUCKET": _SOURCES,
                    "LOCAL_MODE": "1",
                }
                outputs = Task((), folder).fresh("outputs")
                command = [sys.executable, "-m", "components", "plan", "--catch_up", "true"]
                command += ["--videos_per_shard", "20", "--shards_per_batch", "100"]
                command += ["--limit", str(limit), "--run", "benchmark"]
                for name in ("shards", "videos"):
                    command += [f"--out_{name}", str(outputs / name)]
                found = measured(command, clean_environment(environment))
            planned = int((outputs / "videos").read_text())
            rows.append(
                {
                    "videos": number,
                    "planned": planned,
                    "wall_s": found.wall_s,
                    "cpu_s": found.cpu_s,
                    "peak_mb": found.peak_mb,
                }
            )
            log.info("plan of %d of %d: %.0f MB", planned, number, found.peak_mb)
    return rows
