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
from pathlib import Path
from typing import Any

import pytest

from tests.clips import bordered_video, numbered_video
from tests.commands import environment, report_here
from tests.phases import through
from tests.points import points_below

pytestmark = pytest.mark.slow

# Types `oriane` in a process that kills itself before it writes the first result of a phase; of
# upload, whose results are the frames, before it publishes the third.
DIES = """
import os, signal, sys
from components.stores.s3 import Store
from workflows.cli.app import main

phase = sys.argv.pop(1)
published = []

def dying(write):
    def call(store, uri, *arguments, **options):
        if phase == "upload" and uri.endswith(".png"):
            published.append(uri)
        if f"/{phase}/" in uri or len(published) == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return write(store, uri, *arguments, **options)
    return call

Store.put, Store.upload = dying(Store.put), dying(Store.upload)
main()
"""
PHASES = through("embed")


def make_videos(root: Path) -> Path:
    for code in ("one", "two"):
        (root / "local" / code).mkdir(parents=True)
    numbered_video(root / "local/one/video.mp4", [number / 5 for number in range(60)])
    bars = (60, 60, 0, 0)
    bordered_video(root / "local/two/video.mp4", inside=(320, 180), bars=bars, frames=30)
    return root


def kill_in(phase: str, videos: Path, env: dict[str, str]) -> None:
    """Start a run that is killed, with SIGKILL, in the middle of the phase."""
    command = [sys.executable, "-c", DIES, phase, "run", str(videos), "--videos-per-shard", "2"]
    done = subprocess.run(
        command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
    )
    assert done.returncode == -signal.SIGKILL, f"it was not killed in {phase}"
    # The S3 server, the decoders and their ffmpeg end with it.
    while any(pid.isdigit() and uses(pid, env["VP_DATA_DIR"]) for pid in os.listdir("/proc")):
        time.sleep(0.01)


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
        del marker["run"], marker["recorded_at"], marker["dated"], marker["seconds"]
        markers[str(path.relative_to(frames))] = marker
    points = points_below(data / "qdrant")
    for point in points.values():
        del point["created_at"], point["dated"]
    return {"pictures": pictures, "markers": markers, "points": points}


def test_killed_in_every_phase(tmp_path: Path, model: str) -> None:
    videos = make_videos(tmp_path / "videos")
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    for folder in (undisturbed, killed):
        folder.mkdir()
    expected = report_here(videos, env=environment(undisturbed, CLIP_MODEL=model))
    env = environment(killed, CLIP_MODEL=model)
    for phase in PHASES:
        kill_in(phase, videos, env)
    final = report_here(videos, env=env)
    for video, wanted in zip(final["videos"], expected["videos"], strict=True):
        assert video["frames"] == wanted["frames"]
        assert "frame" in video["reused"], "what was done before a kill is not done again"
    assert state(killed) == state(undisturbed)
    assert list((killed / "scratch").iterdir()) == [], "nothing temporary is left"
    assert list((killed / "s3").rglob(".rclone_temp_*")) == []
