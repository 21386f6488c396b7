"""Postgres: the state of every video, and the errors that existing readers ask for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from types import TracebackType
from typing import Any, Self

import psycopg
from psycopg.types.json import Jsonb
from tenacity import (
    RetryError,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from components.errors import ConfigurationError, TransientError
from components.settings import RecordSettings

# Any number, the same in every process: who migrates holds this advisory lock.
_MIGRATION_LOCK = 0x0_1A_2E
_LONGEST_WAIT_S = 20.0


@dataclass(frozen=True)
class VideoState:
    """What the ledger knows of a video after a run. `seconds` maps phases to their duration."""

    platform: str
    code: str
    state: str
    run: str
    phase: str | None = None
    reason: str | None = None
    message: str | None = None
    etag: str | None = None
    fingerprint: str | None = None
    frames: int | None = None
    seconds: dict[str, float] | None = None


class Database:
    """A connection with the project's schema in it; use as a context.

    Raises ConfigurationError (variables, password, database) and TransientError (no answer).
    """

    def __init__(self, settings: RecordSettings) -> None:
        required = {"DB_HOST": settings.host, "DB_NAME": settings.name, "DB_USER": settings.user}
        missing = [name for name, value in required.items() if not value]
        if missing:
            raise ConfigurationError(
                f"{', '.join(missing)} not set; set what Postgres needs, or LOCAL_MODE=1 to do "
                "without it"
            )
        self._where = f"{settings.host}:{settings.port}/{settings.name}"
        self._connection = self._connect(settings)
        try:
            self._migrate()
        except BaseException:
            self._connection.close()
            raise

    def record(self, states: Iterable[VideoState]) -> None:
        """Write the states; a problem that was not known yet adds to `extraction_errors`."""
        with self._connection.transaction(), self._connection.cursor() as cursor:
            for state in states:
                values = {**vars(state), "seconds": Jsonb(state.seconds or {})}
                if state.state != "done":
                    cursor.execute(_ADD_ERROR, values)
                cursor.execute(_UPSERT, values)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._connection.close()

    def _connect(self, settings: RecordSettings) -> psycopg.Connection[Any]:
        retrying = Retrying(
            retry=retry_if_exception_type(psycopg.OperationalError),
            stop=stop_after_attempt(settings.attempts),
            wait=wait_random_exponential(multiplier=0.5, max=_LONGEST_WAIT_S),
        )
        try:
            return retrying(
                psycopg.connect,
                host=settings.host,
                port=settings.port,
                dbname=settings.name,
                user=settings.user,
                password=settings.password.get_secret_value() if settings.password else None,
                sslmode=settings.sslmode,
                connect_timeout=10,
                application_name="oriane",
                autocommit=True,
            )
        except RetryError as error:
            raise self._explain(error.last_attempt.exception()) from error

    def _explain(self, error: BaseException | None) -> ConfigurationError | TransientError:
        text = str(error)
        if "authentication failed" in text or "does not exist" in text or "no pg_hba" in text:
            return ConfigurationError(
                f"Postgres at {self._where} refused the connection; check DB_NAME, DB_USER, "
                "DB_PASSWORD and DB_SSLMODE"
            )
        return TransientError(
            f"Postgres at {self._where} cannot be reached; check DB_HOST, DB_PORT and the server, "
            "then try again"
        )

    def _migrate(self) -> None:
        """Bring the schema to this program's version; several may start at once."""
        with self._connection.transaction(), self._connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", (_MIGRATION_LOCK,))
            cursor.execute(
                "CREATE TABLE IF NOT EXISTS oriane_schema "
                "(version integer PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"
            )
            cursor.execute("SELECT coalesce(max(version), 0) FROM oriane_schema")
            row = cursor.fetchone()
            current = int(row[0]) if row else 0
            migrations = _migrations()
            if current > len(migrations):
                raise ConfigurationError(
                    f"Postgres at {self._where} has schema version {current}, this program knows "
                    f"{len(migrations)}; upgrade the program"
                )
            for version, sql in enumerate(migrations[current:], start=current + 1):
                cursor.execute(sql.encode())
                cursor.execute("INSERT INTO oriane_schema (version) VALUES (%s)", (version,))


_ADD_ERROR = """
INSERT INTO extraction_errors (code, error)
SELECT %(code)s, concat_ws(': ', %(phase)s::text, %(reason)s::text, %(message)s::text)
WHERE NOT EXISTS (
    SELECT FROM videos
    WHERE platform = %(platform)s AND code = %(code)s AND state = %(state)s
        AND reason = %(reason)s AND message = %(message)s
)
"""

_UPSERT = """
INSERT INTO videos
    (platform, code, state, phase, reason, message, etag, fingerprint, frames, run, seconds)
VALUES
    (%(platform)s, %(code)s, %(state)s, %(phase)s, %(reason)s, %(message)s, %(etag)s,
     %(fingerprint)s, %(frames)s, %(run)s, %(seconds)s)
ON CONFLICT (platform, code) DO UPDATE SET
    state = excluded.state, phase = excluded.phase, reason = excluded.reason,
    message = excluded.message, etag = coalesce(excluded.etag, videos.etag),
    fingerprint = coalesce(excluded.fingerprint, videos.fingerprint),
    frames = coalesce(excluded.frames, videos.frames), run = excluded.run,
    seconds = videos.seconds || excluded.seconds, updated_at = now()
"""


def _migrations() -> list[str]:
    """Return the migrations in order; the n-th brings the schema to version n."""
    folder = resources.files(__package__).joinpath("migrations")
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=str)
    return [file.read_text() for file in files]
