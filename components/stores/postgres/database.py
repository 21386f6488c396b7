"""Connections to Postgres, with the project's schema in it and errors that say what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import resources
from typing import Any, TypeVar

import psycopg
from psycopg.rows import DictRow, dict_row
from psycopg_pool import ConnectionPool, PoolTimeout

from components.base.retries import answered
from components.errors import ConfigurationError, PipelineError, TransientError
from components.settings import LedgerSettings

PostgresConnection = psycopg.Connection[DictRow]
T = TypeVar("T")

# Any number, the same in every process: who migrates holds this advisory lock.
_MIGRATION_LOCK = 0x0_1A_2E
_FORBIDDEN = (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)
_NO_LETTER = (
    psycopg.errors.UntranslatableCharacter,
    psycopg.errors.CharacterNotInRepertoire,
)
# What the server says that is not a fault of the program.
_SAID = (psycopg.OperationalError, *_FORBIDDEN, *_NO_LETTER)
_REFUSED = ("authentication failed", "does not exist", "no pg_hba", "certificate", "SSL")


class Database:
    """A pool of connections to a database whose schema is this program's.

    Raises ConfigurationError (variables, password, database, certificate, newer schema) and
    TransientError (no answer).
    """

    def __init__(self, settings: LedgerSettings) -> None:
        required = {"DB_HOST": settings.host, "DB_NAME": settings.name, "DB_USER": settings.user}
        missing = [name for name, value in required.items() if not value]
        if missing:
            raise ConfigurationError(
                f"{', '.join(missing)} not set; set what Postgres needs, or LOCAL_MODE=1 to do "
                "without it"
            )
        self._where = f"{settings.host}:{settings.port}/{settings.name}"
        self._attempts = settings.attempts
        arguments = _arguments(settings)
        # The pool would try in the background and not say what is wrong.
        self._retried(lambda: self._prepare(arguments, settings.user))
        self._pool: ConnectionPool[PostgresConnection] = ConnectionPool(
            kwargs=arguments,
            min_size=0,
            max_size=settings.pool_max,
            timeout=settings.pool_timeout_s,
            check=ConnectionPool.check_connection,
            open=True,
        )

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()

    def transact(self, work: Callable[[PostgresConnection], T]) -> T:
        """Do `work` in one transaction; all of it again if the connection breaks off.

        So `work` must be the same done twice: a commit may have gone through unseen.
        """

        def attempt() -> T:
            with self._pool.connection() as connection:
                return work(connection)

        return self._retried(attempt)

    @contextmanager
    def streaming(self, sql: str, values: dict[str, Any]) -> Iterator[Iterator[DictRow]]:
        """Give the rows of a query, fetched page by page."""
        try:
            with (
                self._pool.connection() as connection,
                connection.cursor(name="rows") as cursor,
            ):
                cursor.itersize = 5000
                yield iter(cursor.execute(sql.encode(), values))
        except _SAID as error:
            raise self._explain(error) from error

    def _retried(self, work: Callable[[], T]) -> T:
        return answered(
            work,
            attempts=self._attempts,
            passing=lambda error: isinstance(error, psycopg.OperationalError),
            failures=_SAID,
            explain=self._explain,
        )

    def _explain(self, error: BaseException | None) -> PipelineError:
        said = _first_line(error)
        if isinstance(error, psycopg.errors.InsufficientPrivilege):
            return ConfigurationError(
                f"Postgres at {self._where}: {said}; grant DB_USER what it lacks, or name another"
            )
        if isinstance(error, _NO_LETTER):
            return ConfigurationError(
                f"Postgres at {self._where} cannot keep a name ({said}); move the database to one "
                "of ENCODING 'UTF8' (pg_dump, createdb --encoding=UTF8 --template=template0)"
            )
        if any(sign in str(error) for sign in _REFUSED):
            return ConfigurationError(
                f"Postgres at {self._where} refused the connection ({said}); check "
                "DB_NAME, DB_USER, DB_PASSWORD and DB_SSLMODE"
            )
        return self._passing(error, said)

    def _passing(self, error: BaseException | None, said: str) -> TransientError:
        if isinstance(error, PoolTimeout):
            return TransientError(
                f"Postgres at {self._where}: no connection was free in time; raise DB_POOL_MAX or "
                "DB_POOL_TIMEOUT_SECS, or check the server"
            )
        if isinstance(error, psycopg.errors.ReadOnlySqlTransaction):
            return TransientError(
                f"Postgres at {self._where} takes no changes ({said}); see whether it is a standby "
                "or its disk is full, then try again"
            )
        return TransientError(
            f"Postgres at {self._where} cannot be reached or asked ({said}); check DB_HOST, "
            "DB_PORT and the server, then try again"
        )

    def _prepare(self, arguments: dict[str, Any], user: str | None) -> None:
        with psycopg.connect(**arguments) as connection:
            try:
                self._migrate(connection)
            except _FORBIDDEN as error:
                raise ConfigurationError(
                    f"Postgres at {self._where}: {user} may not read or make the schema "
                    f"({str(error).splitlines()[0]}); start any phase with a user who may change "
                    "it, and grant this one SELECT on all tables"
                ) from error

    def _migrate(self, connection: PostgresConnection) -> None:
        """Bring the schema to this program's version; several may start at once.

        Nothing is asked for where it has that version, so that a user who may only read reads.
        """
        migrations = _migrations()
        with connection.cursor() as cursor:
            if _version(cursor) == len(migrations):
                return
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", (_MIGRATION_LOCK,))
            cursor.execute(
                "CREATE TABLE IF NOT EXISTS oriane_schema "
                "(version integer PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"
            )
            current = _version(cursor)
            if current > len(migrations):
                raise ConfigurationError(
                    f"Postgres at {self._where} has schema version {current}, this program knows "
                    f"{len(migrations)}; upgrade the program"
                )
            for version, sql in enumerate(migrations[current:], start=current + 1):
                cursor.execute(sql.encode())
                cursor.execute("INSERT INTO oriane_schema (version) VALUES (%s)", (version,))


def _version(cursor: psycopg.Cursor[DictRow]) -> int:
    """Return the version of the schema, 0 where there is none."""
    cursor.execute("SELECT to_regclass('oriane_schema') IS NOT NULL AS known")
    row = cursor.fetchone()
    if not row or not row["known"]:
        return 0
    cursor.execute("SELECT coalesce(max(version), 0) AS version FROM oriane_schema")
    row = cursor.fetchone()
    return int(row["version"]) if row else 0


def _arguments(settings: LedgerSettings) -> dict[str, Any]:
    arguments = {
        "host": settings.host,
        "port": settings.port,
        "dbname": settings.name,
        "user": settings.user,
        "password": settings.password.get_secret_value() if settings.password else None,
        "sslmode": settings.sslmode,
        "sslrootcert": settings.sslrootcert,
        "sslcert": settings.sslcert,
        "sslkey": settings.sslkey,
        "connect_timeout": 10,
        "application_name": "oriane",
        # A database of another encoding would have its own spoken, SQL_ASCII even bytes.
        "client_encoding": "utf8",
    }
    given = {name: value for name, value in arguments.items() if value is not None}
    return {**given, "row_factory": dict_row}


def _first_line(error: BaseException | None) -> str:
    return next(iter(str(error).strip().splitlines()), "").rpartition("FATAL:")[2].strip()


def _migrations() -> list[str]:
    """Return the migrations in order; the n-th brings the schema to version n."""
    folder = resources.files(__package__).joinpath("migrations")
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=str)
    return [file.read_text() for file in files]
