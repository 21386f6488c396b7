"""A run killed at any phase and started again ends as one that nobody disturbed.

Index and record are killed in test_booking_killed.py.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from qdrant_client import QdrantClient

from tests.clips import bordered_video, numbered_video
from tests.commands import environment, report

# The manifest whose appearance says that the phase has begun, and how far into it to kill.
KILLS = {
    "fetch": ("plan", 0.05),
    "crop": ("fetch", 0.15),
    "frame": ("crop", 0.3),
    "dedup": ("frame", 0.01),
    "upload": ("dedup", 0.01),
    "embed": ("dedup", 0.5),
}
DEADLINE_S = 60


def make_videos(root: Path) -> Path:
    for code in ("one", "two"):
        (root / "local" / code).mkdir(parents=True)
    numbered_video(root / "local/one/video.mp4", [number / 10 for number in range(120)])
    bars = (60, 60, 0, 0)
    bordered_video(root / "local/two/video.mp4", inside=(320, 180), bars=bars, frames=60)
    return root


def kill_in(phase: str, videos: Path, env: dict[str, str]) -> None:
    """Start a run and kill it, with SIGKILL, once the phase has begun."""
    before, delay = KILLS[phase]
    runs = Path(env["VP_DATA_DIR"]) / "s3/oriane-artifacts/runs"
    earlier = set(runs.glob("*")) if runs.exists() else set()
    command = [str(Path(sys.executable).with_name("oriane")), "run", str(videos)]
    command += ["--videos-per-shard", "2"]
    with subprocess.Popen(
        command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        deadline = time.monotonic() + DEADLINE_S
        begun = False
        while not begun:
            assert process.poll() is None, f"ended before {phase} began"
            assert time.monotonic() < deadline
            new = set(runs.glob("*")) - earlier if runs.exists() else set()
            begun = any((run / "000000" / f"{before}.jsonl").exists() for run in new)
            time.sleep(0.002)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL, f"ended before it was killed in {phase}"
    children_end(env["VP_DATA_DIR"])


def children_end(data: str) -> None:
    """Wait until no process of the run is left: the S3 server, the decoders, their ffmpeg."""
    deadline = time.monotonic() + 10
    while running := [pid for pid in os.listdir("/proc") if pid.isdigit() and uses(pid, data)]:
        assert time.monotonic() < deadline, running
        time.sleep(0.02)


def uses(pid: str, data: str) -> bool:
    try:
        return f"VP_DATA_DIR={data}\0".encode() in Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return False


def state(data: Path) -> dict[str, Any]:
    """Return what a run leaves behind, without what differs from run to run."""
    frames = data / "s3/oriane-frames"
    pictures = {str(path.relative_to(frames)): path.read_bytes() for path in frames.rglob("*.png")}
    markers = {}
    for path in frames.rglob("manifest.json"):
        marker = json.loads(path.read_text())
        del marker["run"], marker["recorded_at"]
        markers[str(path.relative_to(frames))] = marker
    with closing(QdrantClient(path=str(data / "qdrant"))) as client:
        points, _ = client.scroll("watched_frames", limit=1000, with_vectors=True)
    payloads = {}
    for point in points:
        payload = dict(point.payload or {})
        del payload["created_at"]
        vector = [round(float(value), 4) for value in point.vector or ()]  # type: ignore[arg-type]
        payloads[str(point.id)] = {**payload, "vector": vector}
    return {"pictures": pictures, "markers": markers, "points": payloads}


def test_killed_in_every_phase(tmp_path: Path, model: str) -> None:
    videos = make_videos(tmp_path / "videos")
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    for folder in (undisturbed, killed):
        folder.mkdir()
    expected = report(videos, env=environment(undisturbed, CLIP_MODEL=model))
    env = environment(killed, CLIP_MODEL=model)
    for phase in KILLS:
        kill_in(phase, videos, env)
    final = report(videos, env=env)
    for video, wanted in zip(final["videos"], expected["videos"], strict=True):
        assert video["frames"] == wanted["frames"]
        assert "frame" in video["reused"], "what was done before a kill is not done again"
    assert state(killed) == state(undisturbed)
    assert list((killed / "scratch").iterdir()) == [], "nothing temporary is left"
    assert list((killed / "s3").rglob(".rclone_temp_*")) == []
