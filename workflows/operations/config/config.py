"""Looks at what is set, and asks each store that is."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import closing

from pydantic import SecretStr

from components.errors import PipelineError
from components.settings import Settings
from components.settings.unknown import unknown_variables
from components.stores.vectors.open import indexed_model
from workflows.local.stand_ins import deployed, names_an_s3, s3_folder, with_stand_ins
from workflows.operations.config.report import Configuration, Setting, StoreAnswer
from workflows.terminal.environment import source

_PASSWORD = re.compile(r"(?<=://)([^/@:]*):[^/@]*@")


def configuration() -> tuple[Configuration, PipelineError | None]:
    """Return what is set and which stores answer, with the first error that one gave.

    Raises:
        ConfigurationError: a variable has no usable value.
    """
    given, errors = Settings.load(), list[PipelineError]()
    try:
        deployed(given)
    except PipelineError as error:
        errors.append(error)
    # Each store is asked by itself, whatever the others are.
    settings, answers = with_stand_ins(given), []
    for store, ask in (("S3", _s3), ("Qdrant", _qdrant), ("Postgres", _postgres)):
        try:
            detail = _plain(ask(settings))
            used = store != "Postgres" or not settings.ledger.local_mode
            answers.append(StoreAnswer(store=store, answers=True, detail=detail, used=used))
        except PipelineError as error:
            errors.append(error)
            answers.append(StoreAnswer(store=store, answers=False, detail=_plain(str(error))))
    known = [variable.name for variable in Settings.variables()]
    found = Configuration(
        settings=tuple(_settings(given)),
        stores=tuple(answers),
        ignored=tuple(unknown_variables(os.environ, known)),
    )
    return found, errors[0] if errors else None


def _settings(settings: Settings) -> Iterator[Setting]:
    for name, group in Settings.groups():
        values = getattr(settings, name)
        for variable in group.variables():
            value = getattr(values, variable.field)
            hidden = variable.credential or isinstance(value, SecretStr)
            shown = "set, not shown" if hidden and value else _plain(_text(value))
            yield Setting(
                name=variable.name,
                value=shown,
                source=source(variable.name),
                meaning=variable.description,
            )


def _text(value: object) -> str:
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, bool) else str(value)


def _plain(text: str) -> str:
    """Return the text without the password that an address may hold."""
    return _PASSWORD.sub(r"\1:…@", text)


def _s3(settings: Settings) -> str:
    storage = settings.storage
    buckets = (storage.videos_bucket, storage.frames_bucket, storage.artifacts_bucket)
    if not names_an_s3(settings):
        folder = s3_folder(settings)
        made = "" if folder.exists() else ", made by the first run"
        return f"on this machine, {folder}{made}"
    from components.stores.s3 import Store

    store = Store(storage)
    for bucket in buckets:
        next(iter(store.objects(f"s3://{bucket}/")), None)
    return f"{', '.join(buckets)}{f' at {storage.endpoint_url}' if storage.endpoint_url else ''}"


def _qdrant(settings: Settings) -> str:
    index = settings.index
    where = f"embedded in {index.url}" if index.embedded else str(index.url)
    found = indexed_model(index)
    if found is None:
        return f"{where}, no collection {index.collection!r} yet"
    return f"{where}, {index.collection!r} of {found.model}, {found.dim} dimensions"


def _postgres(settings: Settings) -> str:
    if settings.ledger.local_mode:
        return "none: the markers beside the frames serve"
    from components.stores.postgres.ledger import Ledger

    with closing(Ledger(settings.ledger)) as ledger:
        videos = sum(row["videos"] for row in ledger.counts())
    return f"{settings.ledger.host}/{settings.ledger.name}, {videos} videos booked"
