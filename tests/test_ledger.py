"""The ledger in a real Postgres: states, attempts, leases, events, migrations."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from importlib import resources
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as limits
from hypothesis import strategies as st
from pydantic import SecretStr

from components.errors import ConfigurationError, TransientError
from components.records.booking import Booking, Place, Wanted
from components.settings import LedgerSettings
from components.stores.postgres.ledger import Ledger
from tests.postgres import connect, query


@pytest.fixture
def ledger(database: LedgerSettings) -> Iterator[Ledger]:
    with closing(Ledger(database)) as opened:
        yield opened


def booking(code: str, **fields: Any) -> Booking:
    return Booking(**{"platform": "p", "code": code, "state": "done", "run": "r1", **fields})


def failed(code: str, **fields: Any) -> Booking:
    problem = {"state": "failed", "phase": "embed", "reason": "unavailable", "message": "m"}
    return booking(code, **{**problem, **fields})


@pytest.fixture(params=["on", "off"])
def reader(
    ledger: Ledger, database: LedgerSettings, request: pytest.FixtureRequest
) -> Iterator[LedgerSettings]:
    """A user who may read all tables of the ledger and do nothing else."""
    name = f"reader_{database.name}"
    with connect(database) as connection:
        connection.execute(f"CREATE ROLE {name} LOGIN")
        connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
        connection.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}")
        connection.execute(f"ALTER ROLE {name} SET default_transaction_read_only = {request.param}")
    yield database.model_copy(update={"user": name})
    with connect(database) as connection:
        connection.execute(f"DROP OWNED BY {name}")
        connection.execute(f"DROP ROLE {name}")


def test_who_may_only_read_reads(ledger: Ledger, reader: LedgerSettings) -> None:
    ledger.book([booking("a")])
    with closing(Ledger(reader)) as opened:
        assert opened.booking("p", "a")
        assert [one.code for one in opened.bookings()] == ["a"]


def test_who_may_only_read_is_told_what_to_grant(
    ledger: Ledger, reader: LedgerSettings, request: pytest.FixtureRequest
) -> None:
    """A role without the right is the settings' fault; a database that takes nothing passes."""
    read_only = request.node.callspec.params["reader"] == "on"
    kind, said = (
        (TransientError, "takes no changes .*read-only.*standby or its disk is full")
        if read_only
        else (ConfigurationError, "permission denied for table .*; grant DB_USER")
    )
    with closing(Ledger(reader)) as opened, pytest.raises(kind, match=said):
        opened.book([booking("a")])


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_of_another_encoding(
    postgres: Any, database: LedgerSettings, encoding: str
) -> None:
    """Names come back as they were, or it is said what the database cannot keep."""
    name = f"{database.name}_{encoding.lower()}"
    options = f"TEMPLATE template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'"
    postgres.psql(f"CREATE DATABASE {name} {options};")
    codes = ["plain", "café", "😀"]
    with closing(Ledger(database.model_copy(update={"name": name}))) as opened:
        leased = opened.lease([("p", code) for code in codes[:2]], "r1", 1)
        assert leased == {("p", "plain"), ("p", "café")}
        opened.book([booking(code) for code in codes[:2]])
        assert {found.code for found in opened.bookings("p")} == {"plain", "café"}
        if encoding == "SQL_ASCII":
            opened.book([booking("😀")])
            return
        with pytest.raises(ConfigurationError, match=r"cannot keep a name .*ENCODING 'UTF8'"):
            opened.book([booking("😀")])


def test_who_may_only_read_is_told_that_the_schema_is_behind(
    ledger: Ledger, database: LedgerSettings, reader: LedgerSettings
) -> None:
    behind = "DELETE FROM oriane_schema WHERE version = (SELECT max(version) FROM oriane_schema)"
    with connect(database) as connection:
        connection.execute(behind)
    with pytest.raises(ConfigurationError, match="grant this one SELECT"):
        Ledger(reader)


def test_states_and_errors(ledger: Ledger, database: LedgerSettings) -> None:
    marks = {"fetch": "f1", "record": "f9"}
    bad = booking("b", state="rejected", phase="fetch", reason="empty", message="no bytes")
    ledger.book([booking("a", etag="e", fingerprints=marks, frames=3, seconds={"crop": 1.5}), bad])
    rows = query(database, "SELECT code, state, reason, frames, fingerprint FROM videos ORDER BY 1")
    assert rows == [("a", "done", None, 3, "f9"), ("b", "rejected", "empty", None, None)]
    errors = query(database, "SELECT code, error FROM extraction_errors")
    assert errors == [("b", "fetch: empty: no bytes")]
    found = ledger.booking("p", "a")
    assert found
    assert (found.etag, found.fingerprints, found.seconds) == ("e", marks, {"crop": 1.5})
    assert ledger.booking("p", "nowhere") is None


def test_a_known_problem_is_booked_once_and_a_cure_clears_it(
    ledger: Ledger, database: LedgerSettings
) -> None:
    bad = booking("a", state="rejected", phase="fetch", reason="empty", message="no bytes")
    for _ in range(3):
        ledger.book([bad])
    assert query(database, "SELECT count(*) FROM extraction_errors") == [(1,)]
    ledger.book([booking("a", etag="e2", frames=5)])
    ledger.book([bad])
    assert query(database, "SELECT count(*) FROM extraction_errors") == [(2,)]
    ledger.book([booking("a", run="r2")])
    assert query(database, "SELECT state, reason, frames, run FROM videos") == [
        ("done", None, 5, "r2")
    ]


def test_attempts_count_runs_in_a_row(ledger: Ledger) -> None:
    def attempts() -> int:
        found = ledger.booking("p", "a")
        assert found
        return found.attempts

    ledger.book([failed("a", run="r1")])
    ledger.book([failed("a", run="r1")])
    assert attempts() == 1, "a step that starts again is the same run"
    ledger.book([failed("a", run="r2", etag="e")])
    ledger.book([failed("a", run="r3", etag="e")])
    assert attempts() == 2, "counted anew for another file"
    ledger.book([failed("a", run="r4")])
    assert attempts() == 3, "an unknown ETag is not another one"
    ledger.book([booking("a", run="r5")])
    assert attempts() == 0


def test_events_are_kept_and_never_changed(ledger: Ledger, database: LedgerSettings) -> None:
    for run in ("r1", "r1", "r2"):
        ledger.book([failed("a", run=run)])
    ledger.request("p", "a", {"by": "test"})
    ledger.request("p", "unknown", {})
    ledger.forget("p", "a")
    events = [(event.event, event.run) for event in ledger.events("p", "a")]
    assert events == [("failed", "r1"), ("failed", "r2"), ("requested", None), ("deleted", None)]
    assert ledger.booking("p", "a") is None
    assert ledger.events("p", "unknown") == []
    assert query(database, "SELECT count(*) FROM extraction_errors") == [(0,)]
    for statement in ("DELETE FROM events", "UPDATE events SET event = ''", "TRUNCATE events"):
        with (
            connect(database) as connection,
            pytest.raises(psycopg.errors.RaiseException, match="only ever appended"),
        ):
            connection.execute(statement)


def test_old_events_can_be_removed_as_the_documents_say(
    ledger: Ledger, database: LedgerSettings
) -> None:
    page = (Path(__file__).parents[1] / "docs" / "operations.md").read_text()
    (removal,) = re.findall(r"```sql\n(BEGIN;.*?DELETE FROM events.*?)```", page, re.DOTALL)
    ledger.book([failed("a", run="r1"), failed("a", run="r2")])
    with connect(database) as connection:
        connection.execute("ALTER TABLE events DISABLE TRIGGER events_are_appended")
        connection.execute("UPDATE events SET at = now() - interval '3 years' WHERE run = 'r1'")
        connection.execute("ALTER TABLE events ENABLE TRIGGER events_are_appended")
    with connect(database) as connection:
        connection.execute(removal)
    assert [event.run for event in ledger.events("p", "a")] == ["r2"]
    with (
        connect(database) as connection,
        pytest.raises(psycopg.errors.RaiseException, match="only ever appended"),
    ):
        connection.execute("DELETE FROM events")


def test_a_lease_keeps_others_off_until_it_ends(ledger: Ledger) -> None:
    wanted = [("p", "a"), ("p", "b")]
    assert ledger.lease(wanted[:1], "r1", 1) == {("p", "a")}
    assert ledger.lease(wanted, "r1", 1) == set(wanted), "its own again"
    assert ledger.lease([*wanted, ("p", "c")], "r2", 1) == {("p", "c")}
    assert [(lease["run"], lease["videos"]) for lease in ledger.leases()] == [("r1", 2), ("r2", 1)]
    ledger.book([failed("a", run="r1")])
    assert ledger.lease(wanted, "r2", 1) == {("p", "a")}, "booked, so it is free"
    ledger.extend("r1", 0)
    assert ledger.lease(wanted, "r2", 1) == set(wanted), "expired"
    ledger.release("r2")
    assert ledger.leases() == []


def test_many_runs_never_get_the_same_video(ledger: Ledger) -> None:
    wanted = [("p", str(number)) for number in range(200)]
    with ThreadPoolExecutor(4) as runs:
        got = list(
            runs.map(lambda run: ledger.lease(wanted[:: 1 - 2 * (run % 2)], f"r{run}", 1), range(4))
        )
    assert sorted(itertools.chain(*got)) == sorted(wanted)


names = st.text(
    st.characters(codec="utf-8", exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1
)


@limits(
    max_examples=20,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(st.tuples(names, names), unique=True, max_size=8))
def test_bookings_come_in_the_order_of_keys(ledger: Ledger, videos: list[tuple[str, str]]) -> None:
    for platform, code in videos:
        ledger.book([Booking(platform=platform, code=code, state="done", run="r")])
    found = list(ledger.bookings())
    for platform, code in videos:
        ledger.forget(platform, code)
    keys = [f"{platform}/{code}/" for platform, code in videos]
    assert [one.folder for one in found] == sorted(keys, key=lambda key: key.encode())


def pages(ledger: Ledger, wanted: Wanted, size: int) -> list[Booking]:
    """Return all that is wanted, read page by page."""
    found: list[Booking] = []
    while page := ledger.page(wanted, found[-1].video if found else "", size):
        found += page
    return found


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted(),
        Wanted(platform="p"),
        Wanted(state="failed"),
        Wanted(state="failed", reason="unavailable", platform="p-"),
        Wanted(reason="none"),
        Wanted(contains="A/C1"),
    ],
)
def test_pages_together_are_all_that_is_wanted(ledger: Ledger, wanted: Wanted) -> None:
    for number, platform in enumerate(("p", "p-", "pa", "ä")):
        ledger.book(booking(f"c{code}", platform=platform) for code in range(number + 3))
        ledger.book([failed("c1", platform=platform)])
        ledger.lease([(platform, "c2"), (platform, "new")], "r9", 1)
    everything = list(ledger.bookings())
    assert len(everything) == 3 + 4 + 5 + 6 + 4
    fitting = [one for one in everything if wanted.fits(one)]
    assert pages(ledger, wanted, 2) == fitting
    assert pages(ledger, wanted, 100) == fitting


def test_the_newest_together_are_all_that_is_wanted(ledger: Ledger) -> None:
    for number, platform in enumerate(("p", "p-", "pa")):
        # All of a transaction have its time.
        ledger.book(booking(f"c{code}", platform=platform) for code in range(number + 3))
        ledger.lease([(platform, "c2"), (platform, "new")], "r9", 1)
    everything = sorted(ledger.bookings(), key=lambda one: Place.of(one).order)
    assert [one.video for one in everything[:4]] == ["p-/new", "p/new", "pa/new", "pa/c0"]
    for wanted in (Wanted(), Wanted(platform="p"), Wanted(state="done"), Wanted(contains="A/C")):
        fitting = [one for one in everything if wanted.fits(one)]
        for size in (1, 3, 100):
            found: list[Booking] = []
            after = None
            while page := ledger.newest(wanted, after, size):
                found += page
                after = Place.read(str(Place.of(found[-1])))
            assert found == fitting


def test_what_is_found_done_as_it_is_booked_is_not_new(ledger: Ledger) -> None:
    """Else a run over everything would make everything the latest."""
    ledger.book([booking("a", run="r1", etag="e")])
    ledger.book([booking("b", run="r1")])
    first = ledger.booking("p", "a")
    assert first
    ledger.book([booking("a", run="r2", etag="e")])
    assert ledger.booking("p", "a") == first
    assert [one.event for one in ledger.events("p", "a")] == ["done", "done"]
    ledger.book([booking("a", run="r3", etag="another")])
    again = ledger.booking("p", "a")
    assert again
    assert (again.run, Place.of(again).order < Place.of(first).order) == ("r3", True)
    assert [one.code for one in ledger.newest(Wanted(), None, 9)] == ["a", "b"]


def test_a_leased_video_is_listed_before_it_is_booked(ledger: Ledger) -> None:
    ledger.lease([("p", "new")], "r1", 1)
    ledger.book([booking("old", run="r0")])
    states = {one.code: (one.state, one.leased_by) for one in ledger.bookings("p")}
    assert states == {"new": (None, "r1"), "old": ("done", None)}
    assert list(ledger.bookings("other")) == []


def test_an_errors_table_that_others_made_is_kept(database: LedgerSettings) -> None:
    with connect(database) as connection:
        connection.execute("CREATE TABLE extraction_errors (code text, error text)")
        connection.execute("INSERT INTO extraction_errors VALUES ('old', 'kept')")
    with closing(Ledger(database)) as ledger:
        ledger.book([failed("b")])
    assert query(database, "SELECT code, error FROM extraction_errors ORDER BY 1 DESC") == [
        ("old", "kept"),
        ("b", "embed: unavailable: m"),
    ]


def test_the_schema_is_made_once_by_several_at_once(database: LedgerSettings) -> None:
    def start(number: int) -> None:
        with closing(Ledger(database)) as ledger:
            ledger.book([booking(f"v{number}")])

    with ThreadPoolExecutor(8) as starters:
        list(starters.map(start, range(8)))
    assert query(database, "SELECT count(*) FROM videos") == [(8,)]
    assert query(database, "SELECT version FROM oriane_schema ORDER BY 1") == [(1,), (2,), (3,)]


def test_an_older_schema_is_brought_up_with_what_it_holds(database: LedgerSettings) -> None:
    migrations = Path(str(resources.files("components.stores.postgres"))) / "migrations"
    with connect(database) as connection:
        connection.execute((migrations / "0001_videos.sql").read_bytes())
        connection.execute(
            "CREATE TABLE oriane_schema "
            "(version int PRIMARY KEY, applied_at timestamptz DEFAULT now())"
        )
        connection.execute("INSERT INTO oriane_schema VALUES (1)")
        connection.execute(
            "INSERT INTO videos (platform, code, state, run) VALUES ('p', 'a', 'failed', 'r')"
        )
    with closing(Ledger(database)) as ledger:
        found = ledger.booking("p", "a")
    assert found
    assert (found.state, found.attempts) == ("failed", 1)


def test_a_newer_schema_is_refused(database: LedgerSettings) -> None:
    Ledger(database).close()
    with connect(database) as connection:
        connection.execute("INSERT INTO oriane_schema (version) VALUES (99)")
    with pytest.raises(ConfigurationError, match="schema version 99, this program knows 3"):
        Ledger(database)


def test_missing_variables_are_named() -> None:
    with pytest.raises(ConfigurationError, match="DB_NAME, DB_USER not set"):
        Ledger(LedgerSettings(DB_HOST="localhost"))


def test_no_server_no_database_and_no_tls(database: LedgerSettings) -> None:
    secret = {"password": SecretStr("hunter2")}
    gone = {"host": "127.0.0.1", "port": 9, "name": "x"}
    with pytest.raises(TransientError, match=r"127\.0\.0\.1:9/x") as caught:
        Ledger(database.model_copy(update={**gone, **secret}))
    assert "hunter2" not in str(caught.value)
    with pytest.raises(ConfigurationError, match="DB_NAME"):
        Ledger(database.model_copy(update={"name": "nowhere", **secret}))


def test_what_the_server_says_is_told(ledger: Ledger, database: LedgerSettings) -> None:
    role = f"crowd_{database.name}"
    with connect(database) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN CONNECTION LIMIT 0")
    with pytest.raises(TransientError, match="too many connections for role"):
        Ledger(database.model_copy(update={"user": role, "attempts": 1}))
    with connect(database) as connection:
        connection.execute(f"DROP ROLE {role}")
        connection.execute(f"ALTER DATABASE {database.name} SET statement_timeout = 1")
    with connect(database) as blocking:
        blocking.execute("SET statement_timeout = 0")
        blocking.execute("LOCK TABLE oriane_schema")
        with pytest.raises(TransientError, match="statement timeout"):
            Ledger(database.model_copy(update={"attempts": 1}))


def test_a_connection_that_breaks_off_is_replaced(ledger: Ledger, database: LedgerSettings) -> None:
    ledger.book([booking("a")])
    with connect(database) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'oriane' AND datname = current_database()"
        )
    ledger.book([booking("b")])
    assert query(database, "SELECT count(*) FROM videos") == [(2,)]
