"""`make bench-serve`: warm text search over HTTP, with many frames and several clients.

The collection is synthetic: unit vectors around the model's vectors of 200 texts, eight frames a
scene and two scenes a video, so that folding, grouping and calibration have their usual work. The
server is `oriane serve` in a process of its own; clients are threads with a connection each. No
text is asked twice, so that every one is embedded.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlsplit

import numpy as np
import psutil
import typer

from benchmarks.contenders.contender import ROOT
from benchmarks.report import with_sections
from benchmarks.results import machine
from components.base.model_names import PACKAGED
from components.encoders.load import load_text_encoder
from components.records.videos import CroppedVideo, Frame, FramedVideo, SourceVideo, Video
from components.settings import Settings
from components.stores.vectors.open import open_store
from workflows.reference.files import refresh

PAGE = ROOT / "docs" / "serve.md"
_FRAMES, _REQUESTS, _CLIENTS = 100_000, 10_000, 8
_A_SCENE, _A_VIDEO = 8, 16
_NOISE = 1.2
_WORDS = (
    "red blue small old wet bright wooden striped open tall",
    "car cat dog street bottle shoe guitar bridge flower boat bicycle cup horse train chair "
    "window mountain bird lamp clock",
)
_TEXTS = [f"a {first} {second}" for first in _WORDS[0].split() for second in _WORDS[1].split()]


def main(
    frames: Annotated[int, typer.Option(help="Frames of the collection")] = _FRAMES,
    requests: Annotated[int, typer.Option(help="Requests of all clients together")] = _REQUESTS,
    clients: Annotated[int, typer.Option(help="Clients at once")] = _CLIENTS,
    new: Annotated[float, typer.Option(help="Part of requests with a text nobody asked")] = 1.0,
    folder: Annotated[
        Path | None, typer.Option(help="Where the collection is made and kept")
    ] = None,
    render: Annotated[
        bool | None,
        typer.Option(help="Write the result into docs/serve.md", show_default="if of full size"),
    ] = None,
) -> None:
    """Print one JSON object: milliseconds, errors, and the server's memory before and after."""
    with tempfile.TemporaryDirectory() as temporary:
        data = folder or Path(temporary)
        if not (data / "qdrant").exists():
            _fill(data, frames)
        result = _measured(data, requests, clients, new)
    result = {"frames": frames, **result, "new_texts": new, **_machine()}
    typer.echo(json.dumps(result, indent=1))
    is_full = (frames, requests, clients) == (_FRAMES, _REQUESTS, _CLIENTS)
    if render if render is not None else is_full:
        refresh({PAGE: with_sections(PAGE.read_text(), {"served": table(result)})}, check=False)


def table(result: Mapping[str, Any]) -> str:
    """Return the result as docs/serve.md shows it."""
    target = "60 and 150 ms are the targets of the first two"
    return "\n".join(
        [
            f"Measured {result['measured']} on {result['cores']} cores of {result['cpu']} (load "
            f"{result['load']} at the end), packaged model, Qdrant Edge: {result['requests']:,} "
            f"requests of {result['clients']} clients over {result['frames']:,} frames, "
            f"{100 * result['new_texts']:.0f} % with a text that nobody had asked.",
            "",
            "| p50 | p95 | p99 | requests a second | errors | server's CPU a request "
            "| its private memory after 200, half, all |",
            "|---|---|---|---|---|---|---|",
            f"| {result['p50_ms']} ms | {result['p95_ms']} ms | {result['p99_ms']} ms "
            f"| {result['requests_a_second']} | {result['errors']} | {result['cpu_ms']} ms "
            f"| {', '.join(map(str, result['memory_mb']))} MB |",
            "",
            f"{target}. Clients and server share the cores.",
        ]
    )


def _measured(data: Path, requests: int, clients: int, new: float) -> dict[str, Any]:
    with _served(data) as (address, process):
        _ask(address, _texts(len(_TEXTS), 0.0), 1)
        memory, used = [_megabytes(process)], _cpu_seconds(process)
        texts, began = _texts(requests, new), time.perf_counter()
        seconds: list[float] = []
        errors = 0
        for half in (texts[: requests // 2], texts[requests // 2 :]):
            took, failed = _ask(address, half, clients)
            seconds, errors = seconds + took, errors + failed
            memory.append(_megabytes(process))
        whole, used = time.perf_counter() - began, _cpu_seconds(process) - used
    milliseconds = np.asarray(seconds) * 1000
    p50, p95, p99 = np.percentile(milliseconds, [50, 95, 99]).round(1).tolist()
    return {
        "requests": requests,
        "clients": clients,
        "errors": errors,
        "p50_ms": p50,
        "p95_ms": p95,
        "p99_ms": p99,
        "requests_a_second": round(requests / whole, 1),
        "cpu_ms": round(1000 * used / requests, 1),
        "memory_mb": memory,
    }


def _megabytes(process: psutil.Process) -> int:
    """Return what of it lies in no file; of mapped vectors the kernel takes back what it needs."""
    held = process.memory_info()
    return int((held.rss - held.shared) / 1e6)


def _cpu_seconds(process: psutil.Process) -> float:
    used = process.cpu_times()
    return float(used.user + used.system)


def _machine() -> dict[str, Any]:
    known = machine()
    load = round(os.getloadavg()[0], 1)
    return {
        "measured": known["measured"],
        "cpu": known["cpu"],
        "cores": known["cores"],
        "load": load,
    }


def _fill(data: Path, frames: int) -> None:
    settings = _settings(data)
    encoder = load_text_encoder(settings.embed)
    centres = encoder.embed_texts(_TEXTS)
    draw = np.random.default_rng(19)
    with closing(open_store(settings.index)) as store:
        collection = store.collection()
        collection.ensure(encoder.name, encoder.dim)
        for number in range(frames // _A_VIDEO):
            chosen = centres[draw.integers(len(centres), size=_A_VIDEO // _A_SCENE)]
            vectors = np.repeat(chosen, _A_SCENE, axis=0)
            noise = draw.standard_normal(vectors.shape).astype(np.float32)
            vectors = vectors + _NOISE * noise / np.sqrt(vectors.shape[1])
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            collection.replace(_video(number), vectors, encoder.name)


def _video(number: int) -> FramedVideo:
    video = Video(platform="bench", code=str(number), source=f"s3://v/bench/{number}/video.mp4")
    source = SourceVideo(
        video=video, etag="e", bytes=1, container="mp4", codec="h264", width=640, height=360,
        rotation=0, start=0.0, duration=float(_A_VIDEO),
    )  # fmt: skip
    frames = tuple(
        Frame(
            number=each,
            second=float(each),
            scene_start=float(each // _A_SCENE * _A_SCENE),
            scene_end=float((each // _A_SCENE + 1) * _A_SCENE),
        )
        for each in range(_A_VIDEO)
    )
    cropped = CroppedVideo(source=source, rectangle=None)
    return FramedVideo(cropped=cropped, rectangle=None, frames=frames, tar="s3://a/frames.tar")


def _settings(data: Path) -> Settings:
    settings = Settings.load().having("index", url=str(data / "qdrant"))
    return settings.having("embed", model=PACKAGED)


@contextmanager
def _served(data: Path) -> Iterator[tuple[str, psutil.Process]]:
    variables = {"VP_DATA_DIR": str(data), "CLIP_MODEL": PACKAGED, "VP_SERVE_RATE": "0"}
    command = [str(Path(sys.executable).with_name("oriane")), "serve", "--port", "0"]
    (data / "server.json").unlink(missing_ok=True)
    server = subprocess.Popen(command, env={**os.environ, **variables}, cwd=data)
    try:
        announced = data / "server.json"
        while not announced.exists():
            if server.poll() is not None:
                raise RuntimeError(f"oriane serve ended with {server.returncode}")
            time.sleep(0.1)
        yield json.loads(announced.read_text())["url"], psutil.Process(server.pid)
    finally:
        server.terminate()
        server.wait()


def _texts(count: int, new: float) -> list[str]:
    draw = random.Random(19)  # noqa: S311, a benchmark's
    return [
        f"{draw.choice(_TEXTS)} number {number}" if draw.random() < new else draw.choice(_TEXTS)
        for number in range(count)
    ]


def _ask(address: str, texts: list[str], clients: int) -> tuple[list[float], int]:
    """Ask for all texts, some at a time; return the seconds of each, and how many failed."""
    remaining, lock = iter(texts), threading.Lock()
    seconds: list[float] = []
    failed: list[str] = []

    def client() -> None:
        connection = HTTPConnection(urlsplit(address).netloc, timeout=60)
        while True:
            with lock:
                text = next(remaining, None)
            if text is None:
                connection.close()
                return
            began = time.perf_counter()
            try:
                connection.request("GET", f"/api/search?texts={quote(text)}")
                answer = connection.getresponse()
                answer.read()
                ok = answer.status == 200
            except OSError:
                connection.close()
                ok = False
            seconds.append(time.perf_counter() - began)
            if not ok:
                failed.append(text)

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return seconds, len(failed)


if __name__ == "__main__":
    typer.run(main)
