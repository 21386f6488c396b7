"""How long warm questions take among random vectors."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from benchmarks.answers.questions import ABSENT
from components.base.model_names import PACKAGED, identity
from components.encoders.encoder import normalized
from components.records.videos import CroppedVideo, Frame, FramedVideo, SourceVideo, Video
from components.settings import Settings
from components.stores.vectors.open import open_store
from workflows.local.stand_ins import with_stand_ins
from workflows.search.ask import asking
from workflows.search.question import Question


def timed(count: int) -> str:
    """Return, in words, the CPU milliseconds of warm text questions among so many frames."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.load().having("work", data_dir=Path(folder))
        settings = with_stand_ins(settings.having("embed", model=PACKAGED))
        with closing(open_store(settings.index)) as store:
            model, dim = identity(PACKAGED), 384
            store.collection().ensure(model, dim)
            for video, vectors in _random_videos(count, dim):
                store.collection().replace(video, vectors, model)
        with asking(settings) as asker:
            began = time.perf_counter()
            asker.warm(pictures=False)
            warm_s = time.perf_counter() - began
            nearest_s, answer_s = [], []
            for text in ABSENT:
                used = time.process_time()
                asker.frames(Question(texts=(text,)))
                nearest_s.append(time.process_time() - used)
                used = time.process_time()
                asker.answer(Question(texts=(text,)))
                answer_s.append(time.process_time() - used)
    return (
        f"{count} frames, warm after {warm_s:.1f} s, CPU milliseconds a question (p50, p95): "
        f"nearest frames {_milliseconds(nearest_s)}, answer {_milliseconds(answer_s)}"
    )


def _milliseconds(seconds: Sequence[float]) -> str:
    return f"{np.median(seconds) * 1e3:.0f}, {np.quantile(seconds, 0.95) * 1e3:.0f}"


def _random_videos(
    count: int, dim: int, each: int = 50
) -> Iterator[tuple[FramedVideo, np.ndarray]]:
    random = np.random.default_rng(0)
    for number in range(-(-count // each)):
        video = Video(platform="tiktok", code=f"v{number}", source=f"s3://v/tiktok/v{number}/v.mp4")
        source = SourceVideo(
            video=video, etag="", bytes=1, container="mov", codec="h264", width=640, height=360,
            rotation=0, start=0.0, duration=each * 2.0,
        )  # fmt: skip
        cropped = CroppedVideo(source=source, rectangle=None)
        frames = tuple(
            Frame(number=n, second=2.0 * n, scene_start=2.0 * n, scene_end=2.0 * n + 2)
            for n in range(each)
        )
        framed = FramedVideo(cropped=cropped, rectangle=None, frames=frames, tar="s3://a/t.tar")
        yield framed, normalized(random.normal(size=(each, dim)).astype(np.float32))
