"""The services of a run on this machine: those that the environment names, else stand-ins."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from components.base.logs import recording
from components.errors import ConfigurationError
from components.running.leases import short_lived
from components.running.services import Progress, Services, silent
from components.settings import Settings
from workflows.local.s3_server import local_s3

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


@contextmanager
def local_services(settings: Settings, progress: Progress = silent) -> Iterator[Services]:
    """Give services for this machine: S3, Qdrant and Postgres where set, stand-ins where not.

    Without bucket or endpoint, S3 is served from `VP_DATA_DIR/s3`; without QDRANT_URL, Qdrant runs
    embedded in `VP_DATA_DIR/qdrant`; without DB_HOST, nothing is booked in Postgres.
    """
    settings = short_lived(with_stand_ins(settings))
    if names_an_s3(settings):
        with Services(settings, progress, several_phases=True) as services:
            yield services
        return
    with (
        local_s3(settings.work.data_dir / "s3", settings.storage) as storage,
        Services(replace(settings, storage=storage), progress, several_phases=True) as services,
    ):
        yield services


@contextmanager
def operated_services() -> Iterator[Services]:
    """Give the services of a deployment: those that the environment names, or this machine's.

    Raises:
        ConfigurationError: the stores are set, but not where the ledger is.
    """
    settings = Settings.load()
    if names_an_s3(settings) and not (settings.ledger.host or settings.ledger.local_mode):
        # Without the ledger, the leases of a cluster's runs would be overlooked.
        raise ConfigurationError(
            "DB_HOST is not set, but buckets or an endpoint are; set what Postgres needs, or "
            "LOCAL_MODE=1 if the deployment has none"
        )
    with recording("WARNING"), local_services(settings) as services:
        yield services
