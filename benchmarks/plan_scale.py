"""How much memory a plan over many videos takes: of a catch-up, of a list, and printed as JSON.

The bucket is a server of the benchmark's own that makes its listing up as it is asked, so that a
hundred thousand videos need neither a disk nor an hour.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from benchmarks.contenders.contender import MODEL, Task, clean_environment
from benchmarks.measure import measured
from components.base.logs import log

COUNTS = (1_000, 10_000, 100_000, 1_000_000)
_A_PAGE = 1000
_SOURCES = "sources"
_LIST = "/list.json"
_ITEM = (
    "<Contents><Key>tiktok/c{:08d}/video.mp4</Key><Size>{}</Size><ETag>&quot;{:032x}&quot;</ETag>"
    "<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
)

_NAMED = '{{"platform": "tiktok", "code": "c{:08d}"}}'


class _Bucket(BaseHTTPRequestHandler):
    """Answers ListObjectsV2 with the server's number of videos, and takes any PUT."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer a page of the listing; buckets other than that of the sources are empty.

        Or a list of all videos, as JOB_INPUT may name one.
        """
        address = urlsplit(self.path)
        if address.path.endswith(_LIST):
            named = map(_NAMED.format, range(self.server.videos))  # type: ignore[attr-defined]
            self._answer(f"[{', '.join(named)}]".encode())
            return
        if address.path.endswith(".json"):
            self.send_error(404)
            return
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


def _as_pod(*options: str) -> Callable[[Path], list[str]]:
    """Return what gives the command of plan's pod, whose outputs go to a folder."""

    def command(outputs: Path) -> list[str]:
        pod = [sys.executable, "-m", "components", "plan", *options, "--run", "benchmark"]
        pod += ["--videos_per_shard", "20", "--shards_per_batch", "100"]
        for name in _OUTPUTS:
            pod += [f"--out_{name}", str(outputs / name)]
        return pod

    return command


def _printed(_: Path) -> list[str]:
    return [str(Path(sys.executable).with_name("oriane")), "plan", "--json"]


_OUTPUTS = ("shards", "videos")
# By what is planned: the command, given a folder for its outputs.
WAYS: dict[str, Callable[[Path], list[str]]] = {
    "a catch-up": _as_pod("--catch_up", "true"),
    "a catch-up, the newest 1,000": _as_pod("--catch_up", "true", "--limit", "1000"),
    "JOB_INPUT": _as_pod("--job_input", f"s3://{_SOURCES}{_LIST}"),
    "oriane plan --json": _printed,
}


def measure(
    folder: Path, counts: Sequence[int] = COUNTS, ways: Collection[str] = tuple(WAYS)
) -> list[dict[str, Any]]:
    """Plan over each number of videos in each of the ways; return a row each."""
    rows = []
    for number in counts:
        for way in ways:
            outputs = Task((), folder).fresh("outputs")
            with bucket(number) as address:
                environment = {
                    "AWS_ENDPOINT_URL": address,
                    "AWS_ACCESS_KEY_ID": "benchmark",
                    "AWS_SECRET_ACCESS_KEY": "benchmark",
                    "S3_VIDEOS_BUCKET": _SOURCES,
                    "S3_FRAMES_BUCKET": "frames",
                    "S3_ARTIFACTS_BUCKET": "artifacts",
                    "VP_DATA_DIR": str(outputs),
                    "CLIP_MODEL": MODEL,
                    "LOCAL_MODE": "1",
                    "VP_STAND_INS": "1",
                }
                found = measured(WAYS[way](outputs), clean_environment(environment))
            told = outputs / "videos"
            planned = int(told.read_text()) if told.exists() else found.output.count('"video": ')
            rows.append(
                {
                    "videos": number,
                    "way": way,
                    "planned": planned,
                    "wall_s": found.wall_s,
                    "cpu_s": found.cpu_s,
                    "peak_mb": found.peak_mb,
                }
            )
            log.info("%s of %d: %d, %.0f MB", way, number, planned, found.peak_mb)
    return rows
