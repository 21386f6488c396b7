"""Which stores the settings name, and what stands in for the others on this machine."""

from __future__ import annotations

from pathlib import Path

from components.settings import Settings

_NAMES_AN_S3 = {"videos_bucket", "frames_bucket", "artifacts_bucket", "endpoint_url"}


def names_an_s3(settings: Settings) -> bool:
    """Return whether a bucket or an endpoint is set, to use instead of S3 on this machine."""
    return bool(_NAMES_AN_S3 & settings.storage.model_fields_set)


def with_stand_ins(settings: Settings) -> Settings:
    """Return the settings with an embedded Qdrant and no Postgres, where none is named."""
    if not settings.index.url:
        settings = settings.having("index", url=str(settings.work.data_dir / "qdrant"))
    if not settings.ledger.host:
        settings = settings.having("ledger", local_mode=True)
    return settings


def s3_folder(settings: Settings) -> Path:
    """Return the folder whose folders are the buckets of this machine's S3."""
    return settings.work.data_dir / "s3"


def frame_location(settings: Settings, path: str) -> str:
    """Return where the frame of this key in the frames bucket can be opened: a file, or a URI."""
    bucket = settings.storage.frames_bucket
    if names_an_s3(settings):
        return f"s3://{bucket}/{path}"
    return str((s3_folder(settings) / bucket / path).absolute())
