"""A video's frames and vectors to index, light to import for processes of their own."""

from __future__ import annotations

import numpy as np

from components.records.videos import (
    CroppedVideo,
    Frame,
    FramedVideo,
    Rectangle,
    SourceVideo,
    Video,
)


def unit(count: int, dim: int = 4) -> np.ndarray:
    rows = np.random.default_rng(count).normal(size=(count, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def framed(platform: str = "instagram", code: str = "DKOicvaMxAb") -> FramedVideo:
    video = Video(platform=platform, code=code, source="s3://videos/a/b/video.mp4")
    source = SourceVideo(
        video=video, etag="e", bytes=1, container="mov", codec="h264", width=640, height=360,
        rotation=0, start=0.0, duration=12.0,
    )  # fmt: skip
    cropped = CroppedVideo(source=source, rectangle=Rectangle(x=0, y=1, width=2, height=3))
    frames = tuple(
        Frame(number=number, second=second, scene_start=0, scene_end=12)
        for number, second in ((50, 6.6321), (75, 10.0))
    )
    return FramedVideo(
        cropped=cropped, rectangle=cropped.rectangle, frames=frames, tar="s3://artifacts/t.tar"
    )
