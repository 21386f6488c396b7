"""Which stores a deployment has: those that the settings name, or what stands in on this machine.

One rule, for every command: all three are named, or none of them is. A forgotten QDRANT_URL would
otherwise send vectors to a folder and book them in the real ledger as done.
"""

from __future__ import annotations

from pathlib import Path

from components.base.typed_paths import typed_path
from components.errors import ConfigurationError
from components.settings import Settings

_NAMES_AN_S3 = {"videos_bucket", "frames_bucket", "artifacts_bucket", "endpoint_url"}
# What to set for a store that is not named.
_REMEDIES = {
    "S3": "S3_VIDEOS_BUCKET, S3_FRAMES_BUCKET and S3_ARTIFACTS_BUCKET, or AWS_ENDPOINT_URL",
    "Qdrant": "QDRANT_URL",
    "Postgres": "DB_HOST, or LOCAL_MODE=1 for a deployment without",
}


def deployed(settings: Settings) -> Settings:
    """Return the settings of the deployment that they name, with stand-ins where they name none.

    Raises:
        ConfigurationError: they name some stores and not others, which VP_STAND_INS=1 allows.
    """
    named = _named(settings)
    # A folder is a stand-in that somebody chose; a ledger may be done without.
    real = {"S3": named["S3"], "Qdrant": bool(settings.index.url) and not settings.index.embedded}
    real["Postgres"] = bool(settings.ledger.host)
    missing = [store for store, is_named in named.items() if not is_named]
    if any(real.values()) and missing and not settings.work.stand_ins:
        given = [store for store, is_real in real.items() if is_real]
        raise ConfigurationError(
            f"{' and '.join(given)} {'is' if len(given) == 1 else 'are'} set, and "
            f"{' and '.join(missing)} not: set {'; '.join(_REMEDIES[store] for store in missing)}; "
            "or VP_STAND_INS=1, if stand-ins on this machine are meant to serve beside real stores"
        )
    return with_stand_ins(settings)


def _named(settings: Settings) -> dict[str, bool]:
    ledger = settings.ledger
    return {
        "S3": names_an_s3(settings),
        "Qdrant": bool(settings.index.url),
        "Postgres": bool(ledger.host) or ledger.local_mode,
    }


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


def stores_line(settings: Settings) -> str:
    """Return in a line which stores the settings of a deployment reach."""
    storage, index, ledger = settings.storage, settings.index, settings.ledger
    if names_an_s3(settings):
        at = f" at {storage.endpoint_url}" if storage.endpoint_url else ""
        s3 = f"S3 buckets {storage.videos_bucket}, {storage.frames_bucket}{at}"
    else:
        s3 = f"S3 in {typed_path(s3_folder(settings))}"
    where = typed_path(index.url or "") if index.embedded else index.url
    postgres = f"Postgres {ledger.host}/{ledger.name}" if ledger.host else "no Postgres"
    return f"stores: {s3}; Qdrant {'in' if index.embedded else 'at'} {where}; {postgres}"


def s3_folder(settings: Settings) -> Path:
    """Return the folder whose folders are the buckets of this machine's S3."""
    return settings.work.data_dir / "s3"


def frame_location(settings: Settings, path: str) -> str:
    """Return where the frame of this key in the frames bucket can be opened: a file, or a URI."""
    bucket = settings.storage.frames_bucket
    if names_an_s3(settings):
        return f"s3://{bucket}/{path}"
    return f"{s3_folder(settings).absolute()}/{bucket}/{path}"
