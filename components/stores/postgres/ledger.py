"""The ledger in Postgres: the state of every video, who works on it, and what happened to it.

Every change is one transaction that also appends to `events`, and is the same done twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from psycopg.types.json import Jsonb

from components.records.booking import Booking, Event, Place, Wanted
from components.settings import LedgerSettings
from components.stores.postgres.database import Database, PostgresConnection


class Ledger:
    """Books videos and leases them to runs; safe to share between threads.

    Every method raises ConfigurationError or TransientError as `Database` does.
    """

    def __init__(self, settings: LedgerSettings) -> None:
        self._database = Database(settings)

    def close(self) -> None:
        """Close the connections."""
        self._database.close()

    def book(self, bookings: Iterable[Booking]) -> None:
        """Write what a run came to, and end its leases on these videos.

        A problem that was not known yet adds to `extraction_errors`.
        """
        rows = [_values(booking) for booking in bookings]

        def work(connection: PostgresConnection) -> None:
            for row in rows:
                if row["state"] in ("rejected", "failed"):
                    connection.execute(_ADD_ERROR, row)
                connection.execute(_UPSERT, row)
                connection.execute(_ADD_EVENT, {**row, "event": row["state"]})
                connection.execute(_END_LEASE, row)

        self._database.transact(work)

    def bookings(self, platform: str = "") -> Iterator[Booking]:
        """Yield all bookings, in the order of the videos' keys in S3; with who works on them."""
        with self._database.streaming(f"{_BOOKINGS} {_IN_KEY_ORDER}", _of(platform)) as rows:
            for row in rows:
                yield Booking(**row)

    def page(self, wanted: Wanted, after: str, limit: int) -> list[Booking]:
        """Return at most `limit` of the wanted bookings after a video, platform/code.

        They come in the order of keys in S3, and are found by its index, from there on.
        """
        # "0" follows "/": between the two are the keys of a platform.
        first, end = (f"{wanted.platform}{mark}" if wanted.platform else "" for mark in "/0")
        values = {
            **_filters(wanted),
            "after": max(first, f"{after}/" if after else "", key=str.encode),
            "before": end or None,
            "limit": limit,
        }
        return [Booking(**row) for row in self._rows(_PAGE, values)]

    def newest(self, wanted: Wanted, after: Place | None, limit: int) -> list[Booking]:
        """Return at most `limit` of the wanted bookings after a place, the latest first.

        Those that are worked on and were never booked stand first. All are found by the index of
        times, from there on.
        """
        values = {
            **_filters(wanted),
            "at": after and after.at,
            "under_way": after is None or after.at is None,
            "after": f"{after.video}/" if after else "",
            "limit": limit,
        }
        return [Booking(**row) for row in self._rows(_NEWEST, values)]

    def booking(self, platform: str, code: str) -> Booking | None:
        """Return what is known of one video."""
        query = f"{_BOOKINGS} AND code = %(code)s"
        found = self._rows(query, {**_of(platform), "code": code})
        return Booking(**found[0]) if found else None

    def events(self, platform: str, code: str) -> list[Event]:
        """Return what happened to a video, oldest first."""
        rows = self._rows(_EVENTS, {"platform": platform, "code": code})
        return [Event(**row) for row in rows]

    def counts(self, platform: str = "") -> list[dict[str, Any]]:
        """Return how many videos are in which state for which reason, most first."""
        return self._rows(_COUNTS, _of(platform))

    def last_event(self) -> int:
        """Return the number of the latest event, 0 before there is one; every change has one."""
        return int(self._rows(_LAST_EVENT, {})[0]["last"])

    def leases(self) -> list[dict[str, Any]]:
        """Return how many videos each run works on, and until when at most."""
        return self._rows(_LEASES, {})

    def lease(
        self, videos: Sequence[tuple[str, str]], run: str, hours: float
    ) -> set[tuple[str, str]]:
        """Lease the videos (platform, code) to the run; return those it now has.

        The others are leased to another run. A run may lease its own again, to keep them longer.
        """
        # In one order, so that two runs that want the same wait for each other in no circle.
        names = sorted(videos)
        values = {
            "platforms": [platform for platform, _ in names],
            "codes": [code for _, code in names],
            "run": run,
            "seconds": hours * 3600,
        }
        return {(row["platform"], row["code"]) for row in self._rows(_LEASE, values)}

    def extend(self, run: str, hours: float) -> None:
        """Keep the run's leases for this long from now; those that expired and are still its."""
        self._execute(_EXTEND, {"run": run, "seconds": hours * 3600})

    def release(self, run: str) -> int:
        """End all leases of the run, and return on how many videos it still had one."""
        return sum(row["held"] for row in self._rows(_RELEASE, {"run": run}))

    def request(self, platform: str, code: str, details: dict[str, Any]) -> None:
        """Make the video due at the next catch-up, whatever it is booked as."""
        values = {"platform": platform, "code": code, "details": Jsonb(details), "run": None}

        def work(connection: PostgresConnection) -> None:
            connection.execute(_REQUEST, values)
            connection.execute(_ADD_CHANGE, {**values, "event": "requested"})

        self._database.transact(work)

    def rebook(self, platform: str, code: str, fingerprints: dict[str, str], model: str) -> None:
        """Note that a done video's points are now those of another model."""
        values = {
            "platform": platform,
            "code": code,
            "fingerprints": Jsonb(fingerprints),
            "fingerprint": fingerprints.get("record"),
            "details": Jsonb({"model": model}),
            "event": "rebooked",
            "run": None,
        }

        def work(connection: PostgresConnection) -> None:
            connection.execute(_REBOOK, values)
            connection.execute(_ADD_CHANGE, values)

        self._database.transact(work)

    def forget(self, platform: str, code: str) -> None:
        """Remove the video's state, lease and errors; the events stay, and one says so."""
        values = {"platform": platform, "code": code, "details": Jsonb({}), "event": "deleted"}

        def work(connection: PostgresConnection) -> None:
            for statement in (_ADD_CHANGE, *_FORGET):
                connection.execute(statement, {**values, "run": None})

        self._database.transact(work)

    def _rows(self, query: str, values: dict[str, Any]) -> list[dict[str, Any]]:
        return self._database.transact(
            lambda connection: connection.execute(query.encode(), values).fetchall()
        )

    def _execute(self, statement: str, values: dict[str, Any]) -> None:
        self._database.transact(
            lambda connection: connection.execute(statement.encode(), values) and None
        )


def _of(platform: str) -> dict[str, Any]:
    return {"platform": platform or None}


def _filters(wanted: Wanted) -> dict[str, Any]:
    return {
        **_of(wanted.platform),
        "state": wanted.state or None,
        "reason": wanted.reason or None,
        "run": wanted.run or None,
        "contains": wanted.contains.lower(),
    }


def _values(booking: Booking) -> dict[str, Any]:
    details = {
        "phase": booking.phase,
        "reason": booking.reason,
        "message": booking.message,
        "etag": booking.etag,
        "frames": booking.frames,
        "seconds": booking.seconds or None,
    }
    return {
        **vars(booking),
        "seconds": Jsonb(booking.seconds),
        "fingerprints": Jsonb(booking.fingerprints),
        "fingerprint": booking.fingerprints.get("record"),
        "details": Jsonb({name: value for name, value in details.items() if value is not None}),
    }


_ADD_ERROR = """
INSERT INTO extraction_errors (code, error)
SELECT %(code)s, concat_ws(': ', %(phase)s::text, %(reason)s::text, %(message)s::text)
WHERE NOT EXISTS (
    SELECT FROM videos
    WHERE platform = %(platform)s AND code = %(code)s AND state = %(state)s
        AND reason = %(reason)s AND message = %(message)s
)
"""

# What a run finds done as it is booked stays booked as it was: it is not new.
_IS_NEW = """
    ((videos.state, excluded.state) = ('done', 'done') AND excluded.etag = videos.etag
    AND videos.fingerprints @> excluded.fingerprints) IS NOT TRUE
"""

_UPSERT = f"""
INSERT INTO videos
    (platform, code, state, source, bytes, phase, reason, message, etag, fingerprint, fingerprints,
     frames, run, seconds, attempts)
VALUES
    (%(platform)s, %(code)s, %(state)s, %(source)s, %(bytes)s, %(phase)s, %(reason)s, %(message)s,
     %(etag)s, %(fingerprint)s, %(fingerprints)s, %(frames)s, %(run)s, %(seconds)s,
     (%(state)s = 'failed')::integer)
ON CONFLICT (platform, code) DO UPDATE SET
    state = excluded.state, phase = excluded.phase, reason = excluded.reason,
    message = excluded.message,
    run = CASE WHEN {_IS_NEW} THEN excluded.run ELSE videos.run END,
    updated_at = CASE WHEN {_IS_NEW} THEN now() ELSE videos.updated_at END,
    source = coalesce(excluded.source, videos.source),
    bytes = coalesce(excluded.bytes, videos.bytes),
    etag = coalesce(excluded.etag, videos.etag),
    fingerprint = coalesce(excluded.fingerprint, videos.fingerprint),
    fingerprints = videos.fingerprints || excluded.fingerprints,
    frames = coalesce(excluded.frames, videos.frames),
    seconds = videos.seconds || excluded.seconds,
    attempts = CASE
        WHEN excluded.state <> 'failed' THEN 0
        WHEN videos.state = 'failed' AND videos.run = excluded.run THEN videos.attempts
        WHEN excluded.etag IS DISTINCT FROM videos.etag AND excluded.etag IS NOT NULL THEN 1
        ELSE videos.attempts + 1
    END
"""  # noqa: S608, of constants

_ADD_EVENT = """
INSERT INTO events (platform, code, event, run, details)
VALUES (%(platform)s, %(code)s, %(event)s, %(run)s, %(details)s)
ON CONFLICT (platform, code, run, event) DO NOTHING
"""

_ADD_CHANGE = """
INSERT INTO events (platform, code, event, run, details)
SELECT %(platform)s, %(code)s, %(event)s, %(run)s, %(details)s
WHERE EXISTS (SELECT FROM videos WHERE platform = %(platform)s AND code = %(code)s)
"""

_END_LEASE = """
DELETE FROM leases WHERE platform = %(platform)s AND code = %(code)s AND run = %(run)s
"""

_BOOKINGS = """
SELECT platform, code, state, v.run, source, etag, bytes, phase, reason, message,
    coalesce(fingerprints, '{}') AS fingerprints, frames, coalesce(seconds, '{}') AS seconds,
    coalesce(attempts, 0) AS attempts, updated_at, l.run AS leased_by, expires_at AS leased_until
FROM videos v FULL JOIN (SELECT * FROM leases WHERE expires_at > now()) l USING (platform, code)
WHERE (%(platform)s::text IS NULL OR platform = %(platform)s)
"""

_KEY = """(platform || '/' || code || '/') COLLATE "C" """

_IN_KEY_ORDER = f"ORDER BY {_KEY}"

_WANTED = """
    (%(platform)s::text IS NULL OR platform = %(platform)s)
    AND (%(run)s::text IS NULL OR run = %(run)s)
    AND position(%(contains)s::text IN lower(platform || '/' || code)) > 0
"""

_BETWEEN_KEYS = f"""
    {_KEY} > %(after)s::text AND (%(before)s::text IS NULL OR {_KEY} < %(before)s::text)
"""

_COLUMNS = """platform, code, state, run, source, etag, bytes, phase, reason, message, fingerprints,
    frames, seconds, attempts, updated_at"""

_IN_STATE = """
    (%(state)s::text IS NULL OR state = %(state)s)
    AND (%(reason)s::text IS NULL OR reason = %(reason)s)
"""

# Videos that are leased and were never booked stand beside the others; a run has few of them.
_NOT_BOOKED = """
    SELECT platform, code, NULL::text, NULL::text, NULL::text, NULL::text, NULL::bigint, NULL::text,
        NULL::text, NULL::text, '{}'::jsonb, NULL::integer, '{}'::jsonb, 0, NULL::timestamptz
    FROM leases l
    WHERE %(state)s::text IS NULL AND %(reason)s::text IS NULL AND expires_at > now()
        AND NOT EXISTS (SELECT FROM videos v WHERE (v.platform, v.code) = (l.platform, l.code))
"""

_WITH_LEASES = """
SELECT f.*, l.run AS leased_by, l.expires_at AS leased_until
FROM (SELECT * FROM booked UNION ALL SELECT * FROM others) f
LEFT JOIN leases l ON (l.platform, l.code) = (f.platform, f.code) AND l.expires_at > now()
"""

_PAGE = f"""
WITH booked AS (
    SELECT {_COLUMNS} FROM videos WHERE {_IN_STATE} AND {_WANTED} AND {_BETWEEN_KEYS}
    {_IN_KEY_ORDER} LIMIT %(limit)s
), others AS (
    {_NOT_BOOKED} AND {_WANTED} AND {_BETWEEN_KEYS} {_IN_KEY_ORDER} LIMIT %(limit)s
)
{_WITH_LEASES}
ORDER BY (f.platform || '/' || f.code || '/') COLLATE "C" LIMIT %(limit)s
"""  # noqa: S608, of constants

# The first comparison bounds the index, the second leaves out what was booked at the same time.
_NEWEST = f"""
WITH booked AS (
    SELECT {_COLUMNS} FROM videos
    WHERE {_IN_STATE} AND {_WANTED}
        AND updated_at <= coalesce(%(at)s::timestamptz, 'infinity')
        AND (%(at)s::timestamptz IS NULL OR updated_at < %(at)s OR {_KEY} > %(after)s::text)
    ORDER BY updated_at DESC, {_KEY} LIMIT %(limit)s
), others AS (
    {_NOT_BOOKED} AND {_WANTED} AND %(under_way)s AND {_KEY} > %(after)s::text
    {_IN_KEY_ORDER} LIMIT %(limit)s
)
{_WITH_LEASES}
ORDER BY updated_at DESC NULLS FIRST, (f.platform || '/' || f.code || '/') COLLATE "C"
LIMIT %(limit)s
"""  # noqa: S608, of constants

_EVENTS = """
SELECT at, event, run, details FROM events
WHERE platform = %(platform)s AND code = %(code)s ORDER BY id
"""

_COUNTS = """
SELECT state, phase, reason, count(*) AS videos, max(updated_at) AS latest,
    (array_agg(platform || '/' || code ORDER BY updated_at DESC))[1:3] AS examples
FROM videos WHERE %(platform)s::text IS NULL OR platform = %(platform)s
GROUP BY state, phase, reason ORDER BY state, videos DESC, reason
"""

_LAST_EVENT = "SELECT coalesce(max(id), 0) AS last FROM events"

_LEASES = """
SELECT run, count(*) AS videos, max(expires_at) AS until FROM leases
WHERE expires_at > now() GROUP BY run ORDER BY run
"""

_LEASE = """
INSERT INTO leases (platform, code, run, expires_at)
SELECT platform, code, %(run)s, now() + make_interval(secs => %(seconds)s)
FROM unnest(%(platforms)s::text[], %(codes)s::text[]) AS wanted (platform, code)
ON CONFLICT (platform, code) DO UPDATE SET run = excluded.run, expires_at = excluded.expires_at
    WHERE leases.expires_at <= now() OR leases.run = excluded.run
RETURNING platform, code
"""

_EXTEND = """
UPDATE leases SET expires_at = now() + make_interval(secs => %(seconds)s) WHERE run = %(run)s
"""

_RELEASE = """
DELETE FROM leases WHERE run = %(run)s RETURNING expires_at > now() AS held
"""

_REQUEST = """
UPDATE videos SET state = 'requested', attempts = 0, updated_at = now()
WHERE platform = %(platform)s AND code = %(code)s
"""

_REBOOK = """
UPDATE videos SET fingerprints = fingerprints || %(fingerprints)s, fingerprint = %(fingerprint)s
WHERE platform = %(platform)s AND code = %(code)s AND state = 'done'
"""

_FORGET = (
    "DELETE FROM leases WHERE platform = %(platform)s AND code = %(code)s",
    "DELETE FROM videos WHERE platform = %(platform)s AND code = %(code)s",
    """
    DELETE FROM extraction_errors WHERE code = %(code)s
        AND NOT EXISTS (SELECT FROM videos WHERE code = %(code)s)
    """,
)
