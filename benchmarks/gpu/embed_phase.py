"""The project's embed phase over PNGs in tars, through the real component and a local S3."""

from __future__ import annotations

import io
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from components.base.picture_formats import Format
from components.errors import RunFailedError
from components.frames_tar.encoding import encoded
from components.frames_tar.scaled import ScaledFrames
from components.frames_tar.write import FramesTar
from components.pipeline import component
from components.records.manifest import Entry, Manifest
from components.records.videos import (
    CroppedVideo,
    EmbeddedVideo,
    Frame,
    FramedVideo,
    SourceVideo,
    Video,
)
from components.running.handed_on import hand_on
from components.running.phase import run
from components.running.services import Services
from components.settings import Settings, StorageSettings
from workflows.local.s3_server import local_s3

_FRAMES_A_VIDEO = 25
_QUALITY = 90


@dataclass(frozen=True)
class Embedding:
    """Frames a second of the phase, and how many the cores can decode and resize.

    `gpu_busy` is the part of the phase's time, 0 to 1, in which a GPU computed; None without one.
    """

    frames: int
    frames_per_s: float
    gpu_busy: float | None
    prepared_per_s_a_core: float
    batch_size: int
    device: str


def embedding(
    folder: Path,
    settings: Settings,
    frames: int,
    size: tuple[int, int],
    kind: Format = "png",
    *,
    handed: bool = False,
) -> Embedding:
    """Embed about `frames` pictures of `size` (width, height), files of a format; return the rates.

    Args:
        handed: What the model sees is handed on by frame, as in one process.

    Raises:
        RunFailedError: the phase failed on a video.
    """
    with (
        local_s3(folder / "s3", StorageSettings()) as storage,
        Services(
            settings.having("storage", **storage.model_dump()), several_phases=handed
        ) as services,
    ):
        manifest, file = _shard(services, folder, max(1, frames // _FRAMES_A_VIDEO), size, kind)
        if handed:
            _hand_on(services, manifest, folder, size)
        prepared = _prepared_per_s(services, file)
        embed = component("embed")
        start = time.perf_counter()
        outputs = run(embed, embed.inputs(manifest=manifest), services)
        seconds = time.perf_counter() - start
        if outputs.failed:
            raise RunFailedError(f"{outputs.failed} videos failed; the log says why")
        return Embedding(
            frames=outputs.done * _FRAMES_A_VIDEO,
            frames_per_s=outputs.done * _FRAMES_A_VIDEO / seconds,
            gpu_busy=_gpu_busy(services, outputs.manifest),
            prepared_per_s_a_core=prepared,
            batch_size=services.encoder.batch_size,
            device=settings.embed.device,
        )


def _gpu_busy(services: Services, manifest: Manifest[EmbeddedVideo]) -> float | None:
    spent = [entry.steps[-1].gpu for entry in manifest.read(services.store)]
    times = [gpu for gpu in spent if gpu]
    return sum(times[1:], times[0]).share if times else None


def _hand_on(
    services: Services, manifest: Manifest[FramedVideo], folder: Path, size: tuple[int, int]
) -> None:
    """Leave what the model sees of each video's frames where frame does."""
    scaling = services.encoder.scaling
    assert scaling, "the model's pictures are scaled apart from it"
    seen = [scaling(Image.fromarray(_picture(number, size))) for number in range(_FRAMES_A_VIDEO)]
    for entry in manifest.read(services.store):
        assert entry.result
        with ScaledFrames(folder / "scaled", scaling.size) as file:
            for number, pixels in enumerate(seen):
                file.add(number, pixels)
        hand_on(services, entry.result, folder / "scaled")


def _shard(
    services: Services, folder: Path, videos: int, size: tuple[int, int], kind: Format
) -> tuple[Manifest[FramedVideo], bytes]:
    """Write a tar and a manifest of videos that all consist of it; return one of its files too."""
    bucket = services.settings.storage.artifacts_bucket
    frames = tuple(
        Frame(number=number, second=number, scene_start=0, scene_end=_FRAMES_A_VIDEO, format=kind)
        for number in range(_FRAMES_A_VIDEO)
    )
    with FramesTar(folder / "frames.tar") as tar:
        for frame in frames:
            picture = _picture(frame.number, size)
            tar.add(frame.file, encoded(picture, kind, _QUALITY))
    uri = f"s3://{bucket}/bench/frames.tar"
    services.store.upload(uri, folder / "frames.tar", "application/x-tar")
    entries = [_entry(f"v{index}", uri, frames, size) for index in range(videos)]
    manifest = Manifest[FramedVideo].write(
        services.store, f"s3://{bucket}/bench/dedup.jsonl", entries
    )
    return manifest, encoded(picture, kind, _QUALITY)


def _entry(
    code: str, tar: str, frames: tuple[Frame, ...], size: tuple[int, int]
) -> Entry[FramedVideo]:
    video = Video(platform="bench", code=code, source=f"s3://bench/bench/{code}/video.mp4")
    source = SourceVideo(
        video=video, etag=code, bytes=1, container="mov", codec="h264", width=size[0],
        height=size[1], rotation=0, start=0, duration=_FRAMES_A_VIDEO,
    )  # fmt: skip
    framed = FramedVideo(
        cropped=CroppedVideo(source=source, rectangle=None), rectangle=None, frames=frames, tar=tar
    )
    return Entry[FramedVideo](video=video, etag=code, result=framed)


def _picture(seed: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return smooth colours with a little noise: about as large a PNG as a photograph."""
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(0, 255, (18, 32, 3), np.uint8))
    smooth = np.asarray(coarse.resize(size, Image.Resampling.BICUBIC), np.int16)
    noisy = smooth + random.integers(-4, 5, smooth.shape, np.int16)
    picture: NDArray[np.uint8] = noisy.clip(0, 255).astype(np.uint8)
    return picture


def _prepared_per_s(services: Services, file: bytes, times: int = 10) -> float:
    """Return how often a second one thread decodes and prepares the file; loads the model."""
    encoder = services.encoder
    start = time.process_time()
    for _ in range(times):
        encoder.preprocess(Image.open(io.BytesIO(file)).convert("RGB"))
    return times / (time.process_time() - start)
