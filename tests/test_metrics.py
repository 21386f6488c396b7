"""What Prometheus gets to see of runs on one machine: a file, a push, and neither stops a run."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from components.digest.summary import Summary
from components.errors import ConfigurationError
from components.pipeline import VIDEO_PHASES
from components.records.digest import Digest
from components.records.manifest import Entry, PhaseStep, Problem
from components.records.run_report import RunReport
from components.records.videos import Video
from components.running.decoders import Decoders, Sandboxing
from components.running.wardens import unconfined_parts
from components.settings import LimitSettings, MetricsSettings, Settings
from tests.clips import numbered_video
from tests.commands import environment, report_here
from workflows.local.metrics import export, run_metrics

Samples = dict[str, dict[tuple[str, ...], float]]


def samples(text: str) -> Samples:
    """Return the values of an exposition by name and label values."""
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


class Gateway(BaseHTTPRequestHandler):
    """Keeps what is pushed, as a Pushgateway would."""

    pushed: list[tuple[str, str, str]]

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.pushed.append((self.command, self.path, body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Keep quiet."""


@pytest.fixture
def gateway() -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    """The address of a Pushgateway on loopback, and what it received."""
    handler = type("Pushes", (Gateway,), {"pushed": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", handler.pushed
        server.shutdown()
        thread.join()


def entry(code: str, problem: Problem | None = None) -> Entry[Any]:
    video = Video(platform="p", code=code, source=f"s3://oriane-contents/p/{code}/video.mp4")
    steps = (PhaseStep(phase="fetch", fingerprint="f", seconds=1.5, reused=False),)
    return Entry[Any](video=video, steps=steps, problem=problem)


def failed(code: str) -> Entry[Any]:
    return entry(
        code, Problem(kind="failed", phase="crop", reason="unavailable", message="S3 is gone")
    )


def digest(*entries: Entry[Any]) -> Digest:
    summary = Summary("r")
    summary.add_shard(entries)
    return summary.digest()


RUN = RunReport(run="r", seconds=3.0, videos=())


def test_a_run_writes_its_metrics_and_pushes_them(
    tmp_path: Path, model: str, gateway: tuple[str, list[tuple[str, str, str]]]
) -> None:
    address, pushed = gateway
    clips, file = tmp_path / "clips", tmp_path / "collector/oriane.prom"
    clips.mkdir()
    numbered_video(clips / "good.mp4", [number / 10 for number in range(20)])
    (clips / "bad.mp4").write_bytes(b"no video at all")
    variables = {"VP_METRICS_FILE": file, "VP_PUSHGATEWAY_URL": address, "VP_SANDBOX": "off"}
    done = report_here(clips, env=environment(tmp_path, CLIP_MODEL=model, **variables))

    found = samples(file.read_text())
    assert found["oriane_run_videos"] == {("done",): 1, ("rejected",): 1, ("failed",): 0}
    assert found["oriane_run_reasons"] == {("rejected", "fetch", "not_a_video"): 1}
    assert found["oriane_run_frames"][()] == sum(len(video["frames"]) for video in done["videos"])
    assert found["oriane_run_seconds"][()] == done["seconds"]
    assert found["oriane_run_phase_videos"] == {(phase,): 1 for phase in VIDEO_PHASES}
    assert all(seconds > 0 for seconds in found["oriane_run_phase_seconds"].values())
    assert found["oriane_run_decoders_confined"] == {("landlock",): 0, ("seccomp",): 0}
    ended = found["oriane_run_last_end_timestamp_seconds"][()]
    assert found["oriane_run_last_success_timestamp_seconds"][()] == pytest.approx(ended, abs=1)
    assert pushed == [("PUT", "/metrics/job/oriane", file.read_text())]
    assert [path.name for path in file.parent.iterdir()] == ["oriane.prom"]


@pytest.mark.parametrize("sandboxing", ["best", "off"])
def test_what_does_not_confine_decoders_is_to_be_seen(sandboxing: Sandboxing) -> None:
    parts = Decoders(1, LimitSettings(), sandboxing).confined_parts()
    registry = run_metrics(RUN, digest(entry("a")), parts)
    found = samples(generate_latest(registry).decode())["oriane_run_decoders_confined"]
    missing = " ".join(unconfined_parts()).lower()
    for part in ("landlock", "seccomp"):
        assert found[(part,)] == (sandboxing == "best" and part not in missing)


def test_a_failed_video_leaves_no_time_of_success() -> None:
    registry = run_metrics(RUN, digest(entry("a"), failed("b")))
    found = samples(generate_latest(registry).decode())
    assert found["oriane_run_videos"][("failed",)] == 1
    assert found["oriane_run_reasons"] == {("failed", "crop", "unavailable"): 1}
    assert "oriane_run_last_end_timestamp_seconds" in found
    assert "oriane_run_last_success_timestamp_seconds" not in found


@pytest.mark.parametrize(
    ("variables", "complaint"),
    [
        ({"VP_PUSHGATEWAY_URL": "http://127.0.0.1:9"}, "not pushed, check VP_PUSHGATEWAY_URL"),
        ({"VP_PUSHGATEWAY_URL": "http://a:hunter2@127.0.0.1"}, "not pushed"),
        ({"VP_METRICS_FILE": "/proc/oriane.prom"}, "not written, check VP_METRICS_FILE"),
    ],
)
def test_what_cannot_be_exported_is_a_warning(
    variables: dict[str, str], complaint: str, caplog: pytest.LogCaptureFixture
) -> None:
    export(MetricsSettings(**variables), run_metrics(RUN, digest(entry("a"))))
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert complaint in record.message
    assert "hunter2" not in record.message


def test_killed_while_it_writes_it_leaves_the_file_before(tmp_path: Path) -> None:
    """The kernel ends the process at its first bytes beyond the limit."""
    file = tmp_path / "oriane.prom"
    export(MetricsSettings(VP_METRICS_FILE=str(file)), run_metrics(RUN, digest(entry("a"))))
    before = file.read_text()
    code = f"""
import resource, signal
from components.digest.summary import Summary
from components.records.run_report import RunReport
from components.settings import MetricsSettings
from workflows.local.metrics import export, run_metrics
registry = run_metrics(RunReport(run="r", seconds=3.0, videos=()), Summary("r").digest())
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
export(MetricsSettings(VP_METRICS_FILE={str(file)!r}), registry)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == -signal.SIGXFSZ, done.stderr
    assert len(list(tmp_path.iterdir())) == 2, "it was in the middle of writing"
    assert file.read_text() == before


def test_a_file_that_node_exporter_would_not_read_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("VP_METRICS_FILE", "metrics.txt")
    with pytest.raises(ConfigurationError, match="VP_METRICS_FILE"):
        Settings.load()
