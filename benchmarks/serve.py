"""`make bench-serve`: warm text search over HTTP, with many frames and several clients.

The collection is synthetic: unit vectors around the model's vectors of 200 texts, eight frames a
scene and two scenes a video, so that folding, grouping and calibration have their usual work. The
server is `oriane serve` in a process of its own; clients are threads with a connection each. A
part of the requests asks for texts that were asked before, as people do.
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
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Annotated
from urllib.parse import quote, urlsplit

import numpy as np
import psutil
import typer

from components.base.model_names import PACKAGED
from components.encoders.load import load_text_encoder
from components.records.videos import CroppedVideo, Frame, FramedVideo, SourceVideo, Video
from components.settings import Settings
from components.stores.vectors.open import open_store

_A_SCENE, _A_VIDEO = 8, 16
_NOISE = 1.2
_WORDS = (
    "red blue small old wet bright wooden striped open tall",
    "car cat dog street bottle shoe guitar bridge flower boat bicycle cup horse train chair "
    "window mountain bird lamp clock",
)
_TEXTS = [f"a {first} {second}" for first in _WORDS[0].split() for second in _WORDS[1].split()]


def main(
    frames: Annotated[int, typer.Option(help="Frames of the collection")] = 100_000,
    requests: Annotated[int, typer.Option(help="Requests of all clients together")] = 10_000,
    clients: Annotated[int, typer.Option(help="Clients at once")] = 8,
    new: Annotated[float, typer.Option(help="Part of requests with a text nobody asked")] = 0.2,
) -> None:
    """Print one JSON object: milliseconds, errors, and the server's memory before and after."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        _fill(data, frames)
        with _served(data) as (address, process):
            _ask(address, _texts(len(_TEXTS), 0.0), 1)
            before = process.memory_info().rss
            began = time.perf_counter()
            seconds, errors = _ask(address, _texts(requests, new), clients)
            took = time.perf_counter() - began
            after = process.memory_info().rss
    milliseconds = np.asarray(seconds) * 1000
    p50, p95, p99 = np.percentile(milliseconds, [50, 95, 99]).round(1).tolist()
    result = {
        "frames": frames,
        "requests": requests,
        "clients": clients,
        "errors": errors,
        "p50_ms": p50,
        "p95_ms": p95,
        "p99_ms": p99,
        "requests_a_second": round(requests / took, 1),
        "memory_mb_before": round(before / 1e6),
        "memory_mb_after": round(after / 1e6),
        "cores": len(os.sched_getaffinity(0)),
        "load": round(os.getloadavg()[0], 1),
    }
    typer.echo(json.dumps(result, indent=1))


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
