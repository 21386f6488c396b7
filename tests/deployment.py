"""A deployment that a real run of all phases left, copied for each test that damages it."""

from __future__ import annotations

import itertools
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components.pipeline import VIDEO_PHASES
from components.running.decoders import Decoders
from components.running.services import Services
from components.settings import LedgerSettings, Settings, StorageSettings
from tests.clips import numbered_video
from tests.kills import dies_at
from tests.postgres import new_database, query
from tests.storage import SharedS3

CODES = ("one", "two")
_AGE_S = 40 * 86400


@pytest.fixture(scope="session")
def deployment(
    tmp_path_factory: pytest.TempPathFactory, shared_s3: SharedS3, model: str, decoders: Decoders
) -> Path:
    """A folder with S3 and Qdrant of two videos; its artifacts are 40 days old."""
    from tests.conftest import Corpus, SharedDecoders, settings_below

    folder = tmp_path_factory.mktemp("deployment")
    with shared_s3.over(folder / "s3") as storage:
        settings = settings_below(folder, storage, model)
        with SharedDecoders(settings, decoders) as services:
            corpus = Corpus(services)
            for number, code in enumerate(CODES):
                seconds = [(number + frame) / 5 for frame in range(8)]
                corpus.add(numbered_video(folder / f"{code}.mp4", seconds, 160, 90))
            corpus.through(*VIDEO_PHASES)
    then = time.time() - _AGE_S
    for path in (folder / "s3/oriane-artifacts").rglob("*"):
        os.utime(path, (then, then))
    return folder


@pytest.fixture
def copied(tmp_path: Path, shared_s3: SharedS3, deployment: Path) -> Iterator[StorageSettings]:
    """Storage over a copy of the deployment; a module imports it as `storage`."""
    copy(deployment, tmp_path)
    with shared_s3.over(tmp_path / "s3") as settings:
        yield settings


@pytest.fixture
def ledgered(services: Services, database: LedgerSettings) -> Services:
    """Services with a ledger in which everything is booked."""
    services.settings = replace(services.settings, ledger=database)
    assert services.ledger
    services.ledger.book(services.markers.bookings())
    return services


def copy(deployment: Path, folder: Path) -> None:
    for name in ("s3", "qdrant"):
        sparse_copy(deployment / name, folder / name)


def sparse_copy(folder: Path, target: Path) -> Path:
    """Copy a folder with its holes: an embedded Qdrant fills little of its files' size."""
    target.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "--archive", "--sparse=always", folder, target], check=True)
    return target


def content(services: Services) -> dict[str, Any]:
    """Return all that is stored but what differs from run to run."""
    store, storage = services.store, services.settings.storage
    buckets = (storage.videos_bucket, storage.frames_bucket, storage.artifacts_bucket)
    ledger, found = services.settings.ledger, {}
    if services.ledger:
        found["videos"] = query(ledger, "SELECT platform, code, state, etag FROM videos ORDER BY 2")
        found["events"] = query(ledger, "SELECT platform, code, event FROM events ORDER BY id")
    return found | {
        "objects": {
            stored.uri: stored.etag
            for bucket in buckets
            for stored in store.objects(f"s3://{bucket}/")
        },
        "points": set(services.collection.points()),
    }


def killed_everywhere(
    folder: Path,
    shared_s3: SharedS3,
    deployment: Path,
    model: Path,
    postgres: Any,
    *,
    damage: Callable[[Services], None],
    work: Callable[[Services], object],
) -> list[dict[str, Any]]:
    """Kill the work before its first, second, … side effect, then do it again undisturbed.

    Each time on a fresh copy of the deployment, with the damage done to it. Return what is stored
    in the end; last where nothing was killed.
    """
    from tests.conftest import settings_below

    @contextmanager
    def served(name: str, original: Path, template: str) -> Iterator[Settings]:
        copy(original, folder / name)
        with shared_s3.over(folder / name / "s3") as storage:
            settings = settings_below(folder / name, storage, model)
            yield replace(settings, ledger=new_database(postgres, template))

    with served("damaged", deployment, "template1") as damaged, Services(damaged) as services:
        assert services.ledger
        services.ledger.book(services.markers.bookings())
        damage(services)
    ends = []
    for effect in itertools.count():
        with served(str(effect), folder / "damaged", str(damaged.ledger.name)) as settings:
            killed = dies_at(effect, settings, work)
            with Services(settings) as services:
                if killed:
                    work(services)
                ends.append(content(services))
        if not killed:
            return ends
    raise AssertionError
