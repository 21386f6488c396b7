"""Kills and faults without end, and whether a run ends as one that nobody disturbed.

    python -m benchmarks.faults --kills 200 --faults 500 --videos 100 --packages DIR

The demonstration's videos and tiny ones go through `oriane run` while its process is killed at
random moments, and a proxy between it and S3 resets connections, answers 503, cuts answers short,
flips bits and waits. In the end frames, markers and points have to be those of a run without any
of it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import numpy as np
from PIL import Image

from components.media.ffmpeg import program
from components.settings import StorageSettings
from tests.points import points_below
from workflows.demo.videos import make_videos as demonstration_videos
from workflows.local.s3_server import local_s3

_KINDS = ("reset", "503", "short", "flipped", "slow")
_SLOW_S = 0.3
_LONGEST_LIFE_S = 12.0


class _FaultyS3(ThreadingHTTPServer):
    """Passes requests on to S3, and does harm to some of them, `left` times at most."""

    daemon_threads = True

    def __init__(self, behind: str, chance: random.Random) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behind = urlparse(behind)
        self.left = 0
        self.done: Counter[str] = Counter()
        self._chance, self._lock = chance, threading.Lock()

    def fault(self) -> str:
        """Return what is to go wrong with this request; empty for most."""
        with self._lock:
            if not self.left or self._chance.random() > 0.06:
                return ""
            self.left -= 1
            kind = self._chance.choice(_KINDS)
            self.done[kind] += 1
            return kind

    def handle_error(self, *_: Any) -> None:
        """Clients that were killed are no news."""


class _Handler(BaseHTTPRequestHandler):
    server: _FaultyS3
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault = self.server.fault()
        if fault == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            self.close_connection = True
            self.connection.close()
            return
        if fault == "503":
            self._answer(503, [], b"", "0")
            return
        if fault == "slow":
            time.sleep(_SLOW_S)
        if fault == "flipped" and body:
            body = _flipped(body)
        behind = self.server.behind
        try:
            with closing(HTTPConnection(behind.hostname or "", behind.port)) as connection:
                connection.request(self.command, self.path, body, dict(self.headers))
                answer = connection.getresponse()
                content = answer.read()
        except (OSError, HTTPException):
            self._answer(503, [], b"", "0")
            return
        told = answer.getheader("Content-Length") or str(len(content))
        if content and self.command == "GET":
            if fault == "flipped":
                content = _flipped(content)
            if fault == "short":
                content = content[: len(content) // 2]
                told = str(len(content))
        self._answer(answer.status, answer.getheaders(), content, told)

    do_PUT = do_HEAD = do_POST = do_DELETE = do_GET  # noqa: N815, the names that are called

    def _answer(
        self, status: int, headers: list[tuple[str, str]], content: bytes, told: str
    ) -> None:
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", told)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def make_videos(folder: Path, count: int) -> None:
    """Write videos of a second, each of two scenes of its own colours."""
    for number in range(count):
        target = folder / "tiny" / f"v{number:03d}" / "video.mp4"
        target.parent.mkdir(parents=True)
        chance = np.random.default_rng(number)
        blocks = chance.integers(0, 255, (2, 3, 4, 3), dtype=np.uint8)
        for scene, block in enumerate(blocks):
            big = Image.fromarray(block).resize((160, 120), Image.Resampling.NEAREST)
            big.save(target.with_name(f"{scene}.png"))
        scenes = str(target.with_name("%d.png"))
        encode = ["-vf", "fps=10", "-pix_fmt", "yuv420p"]
        command = [program(), "-v", "error", "-framerate", "2", "-i", scenes, *encode, str(target)]
        subprocess.run(command, check=True)
        for picture in target.parent.glob("*.png"):
            picture.unlink()


def state(data: Path) -> dict[str, Any]:
    """Return what runs leave behind, without what differs from run to run."""
    frames = data / "s3/oriane-frames"
    found: dict[str, Any] = {
        str(path.relative_to(frames)): path.read_bytes() for path in frames.rglob("*.png")
    }
    for path in frames.rglob("*.json"):
        marker = json.loads(path.read_text())
        del marker["run"], marker["recorded_at"]
        found[str(path.relative_to(frames))] = marker
    for identifier, point in points_below(data / "qdrant").items():
        found[identifier] = {**point, "created_at": None}
    return found


class _Runs:
    """Starts `oriane run` over the source bucket, on one data folder."""

    def __init__(self, data: Path, storage: StorageSettings, endpoint: str) -> None:
        secret = storage.secret_access_key
        assert secret
        self._environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": str(storage.access_key_id),
            "AWS_SECRET_ACCESS_KEY": secret.get_secret_value(),
            "VP_DATA_DIR": str(data),
            "VP_SCRATCH_DIR": str(data / "scratch"),
            "QDRANT_URL": str(data / "qdrant"),
            "CLIP_MODEL": "packaged:conse",
            "LOCAL_MODE": "1",
        }

    def start(self) -> subprocess.Popen[bytes]:
        """Start a run."""
        start = "from workflows.cli.app import main; main()"
        return subprocess.Popen(
            [
                sys.executable,
                "-c",
                start,
                "run",
                "s3://oriane-contents/",
                "--videos-per-shard",
                "4",
            ],
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


def main() -> None:
    """Disturb, compare, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=200, help="how often a run is killed")
    parser.add_argument("--faults", type=int, default=500, help="how many requests go wrong")
    parser.add_argument("--videos", type=int, default=100, help="tiny videos")
    parser.add_argument("--seed", type=int, default=1, help="of what goes wrong when")
    parser.add_argument(
        "--packages", type=Path, help="folder with moviepy's source package, for the trailer"
    )
    given = parser.parse_args()
    chance = random.Random(given.seed)  # noqa: S311, no secret depends on it
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        undisturbed, disturbed = Path(folder) / "undisturbed", Path(folder) / "disturbed"
        make_videos(Path(folder) / "videos", given.videos)
        shown = demonstration_videos(Path(folder) / "videos", given.packages)
        for data in (undisturbed, disturbed):
            shutil.copytree(Path(folder) / "videos", data / "s3" / "oriane-contents")
        with local_s3(undisturbed / "s3", StorageSettings()) as storage:
            code = _Runs(undisturbed, storage, str(storage.endpoint_url)).start().wait()
            assert code == 0, f"the undisturbed run ended with {code}"
        figures = _disturb(disturbed, given, chance)
        wanted, found = state(undisturbed), state(disturbed)
        differing = [name for name in wanted | found if wanted.get(name) != found.get(name)]
        left = [*(disturbed / "scratch").iterdir()] if (disturbed / "scratch").exists() else []
        figures |= {"videos": [f"{given.videos} tiny ones", *shown]}
        figures |= {"objects": len(wanted), "differing": differing, "left": list(map(str, left))}
        print(json.dumps(figures, indent=1))  # noqa: T201
        sys.exit(bool(differing or left))


def _disturb(data: Path, given: argparse.Namespace, chance: random.Random) -> dict[str, Any]:
    """Run until all is done, with kills and faults; return how many there were of each."""
    kills, runs, codes = 0, 0, Counter[int]()
    with local_s3(data / "s3", StorageSettings()) as storage:
        server = _FaultyS3(str(storage.endpoint_url), chance)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        started = _Runs(data, storage, f"http://127.0.0.1:{server.server_port}")
        server.left = given.faults
        while True:
            process, runs = started.start(), runs + 1
            if kills < given.kills:
                try:
                    codes[process.wait(timeout=chance.uniform(1.0, _LONGEST_LIFE_S))] += 1
                    # All done too early: the next one has it all to do again.
                    shutil.rmtree(data / "s3" / "oriane-artifacts" / "results", ignore_errors=True)
                except subprocess.TimeoutExpired:
                    process.send_signal(signal.SIGKILL)
                    process.wait()
                    kills += 1
                continue
            code = process.wait()
            codes[code] += 1
            if code == 0 and not server.left:
                break
            if code == 0:
                shutil.rmtree(data / "s3" / "oriane-artifacts" / "results", ignore_errors=True)
            assert code in (0, 75), f"a disturbed run ended with {code}"
        server.shutdown()
    return {"runs": runs, "kills": kills, "faults": dict(server.done), "exit codes": dict(codes)}


if __name__ == "__main__":
    main()
