"""The services of a run on this machine: those that the environment names, else stand-ins."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace

from components.base.logs import recording
from components.running.leases import short_lived
from components.running.services import Progress, Services, silent
from components.settings import Settings
from workflows.local.indexed_model import following_collection, model_line, refusal
from workflows.local.s3_server import local_s3
from workflows.local.sole_writer import sole_writer
from workflows.local.stand_ins import deployed, names_an_s3, s3_folder, with_stand_ins
from workflows.terminal.output import errors


@contextmanager
def local_services(settings: Settings, progress: Progress = silent) -> Iterator[Services]:
    """Give services for this machine: S3, Qdrant and Postgres where set, stand-ins where not.

    Without bucket or endpoint, S3 is served from `VP_DATA_DIR/s3`; without QDRANT_URL, Qdrant runs
    embedded in `VP_DATA_DIR/qdrant`; without DB_HOST, nothing is booked in Postgres.
    """
    settings = short_lived(with_stand_ins(settings))
    if names_an_s3(settings):
        with Services(settings, progress, every_phase=True) as services:
            yield services
        return
    with (
        local_s3(s3_folder(settings), settings.storage) as storage,
        Services(replace(settings, storage=storage), progress, every_phase=True) as services,
    ):
        yield services


@contextmanager
def operated_services(*, comparing: bool = False, changing: bool = False) -> Iterator[Services]:
    """Give the services of a deployment: those that the environment names, or this machine's.

    Args:
        comparing: What is booked is compared with the settings, so that the model matters: it is
            the collection's where CLIP_MODEL is not set.
        changing: What is stored is changed, so that no run may go on beside it without leases.

    Raises:
        TransientError: a run goes on beside it.
        ConfigurationError: some stores are set and others not.
    """
    settings = deployed(Settings.load())
    with recording("WARNING"):
        if comparing:
            given, settings = settings, following_collection(settings)
            if settings is not given:
                errors().print(model_line(settings, given), highlight=False)
            elif refused := refusal(settings):
                errors().print(f"warning: {refused}", highlight=False, soft_wrap=True)
        with (
            sole_writer(settings) if changing else nullcontext(),
            local_services(settings) as services,
        ):
            yield services
