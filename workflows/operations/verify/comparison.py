"""The defects of all videos in a temporary file, and in it the points that markers stand for.

An id takes some 40 bytes there, so a hundred million frames take 4 GB of disk and no memory.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from components.stores.vectors.store import Point
from workflows.operations.inventory import Traces
from workflows.operations.verify.deep import Damage
from workflows.operations.verify.defects import (
    Action,
    Defect,
    Kind,
    PointCounts,
    Standing,
    Wanted,
    actions_for,
    again,
    damage_defects,
    defects,
    listed_points,
    marked_model,
    point_defects,
    standing,
)
from workflows.operations.verify.report import Example, Finding


class Comparison:
    """Holds each video against the ledger and its marker, then the markers against the points."""

    def __init__(self, path: Path, wanted: Wanted) -> None:
        self._wanted = wanted
        self._file = sqlite3.connect(path, isolation_level=None)
        self._file.executescript(_SCHEMA)
        self.counts: Counter[str] = Counter()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def add(self, traces: Traces) -> None:
        """Note what is wrong with a video, and the points that its marker stands for."""
        stands, rerun = standing(traces), again(traces, self._wanted)
        self.counts["videos"] += 1
        self.counts["leased"] += stands is Standing.LEASED
        row = (traces.folder, stands, marked_model(traces), bool(rerun))
        video = self._file.execute("INSERT INTO videos VALUES (NULL, ?, ?, ?, ?)", row).lastrowid
        self._note(traces.folder, defects(traces, self._wanted))
        # Of a video that is leased, rejected or gone, no point is missed.
        optional = stands is not Standing.MARKED or bool(traces.rejected)
        expected = ((_blob(point), video, optional) for point in listed_points(traces))
        self._file.executemany("INSERT INTO expected VALUES (?, ?, ?)", expected)

    def add_points(self, points: Iterable[Point]) -> None:
        """Hold all points of the collection against what the markers stand for.

        To be called once, after all videos.
        """
        self._file.executescript(_INDEXES)
        for point in points:
            if point.is_frame:
                self.counts["points"] += 1
                self._compare(point)
            else:
                self.counts["foreign_points"] += 1
        self._file.execute(_MISSING)
        rows = self._file.execute(_DIFFERENCES)
        for folder, stands, rerun, *counts in rows:
            actions = (Action.MAKE_DUE,) if rerun else ()
            found = point_defects(Standing(stands), PointCounts(*counts), actions)
            self._note(folder, found)

    def add_damage(self, traces: Traces, found: Damage) -> None:
        """Note what reading a video back has found."""
        self._note(traces.folder, damage_defects(found, again(traces, self._wanted)))

    def findings(self, examples: int) -> list[Finding]:
        """Return what was found, by kind."""
        rows = list(self._file.execute(_FINDINGS))
        found = [
            Finding(
                kind=Kind(kind),
                videos=videos,
                objects=objects,
                repairable=repairable,
                examples=self._examples(kind, examples),
            )
            for kind, videos, objects, repairable in rows
        ]
        return sorted(found, key=lambda finding: list(Kind).index(finding.kind))

    def repairable(self) -> Iterator[str]:
        """Yield the folders of the videos that need a repair, in key order."""
        for (folder,) in self._file.execute(_REPAIRABLE):
            yield folder

    def _compare(self, point: Point) -> None:
        found = self._file.execute(_LOOK_UP, (_blob(point.id),)).fetchone()
        folder = f"{point.platform}/{point.code}/"
        if found is None:
            self._file.execute(_UNLISTED, (folder,))
            return
        row, model = found
        self._file.execute("UPDATE expected SET seen = 1 WHERE rowid = ?", (row,))
        if model and point.model != model:
            self._file.execute(_OTHER_MODEL, (folder,))
        elif not point.is_described:
            self._file.execute(_UNDESCRIBED, (folder,))

    def _note(self, folder: str, found: Iterable[Defect]) -> None:
        found = list(found)
        if not found:
            return
        useful = set(actions_for(found))
        rows = [
            (
                defect.kind,
                folder,
                defect.objects,
                defect.detail,
                bool(useful & {*defect.actions}),
            )
            for defect in found
        ]
        self._file.executemany(_NOTE, rows)

    def _examples(self, kind: str, most: int) -> tuple[Example, ...]:
        rows = self._file.execute(_EXAMPLES, (kind, most))
        return tuple(Example(video=folder.removesuffix("/"), detail=text) for folder, text in rows)


def _blob(point: str) -> bytes:
    return uuid.UUID(point).bytes


# Lost with the process that made it, so nothing is flushed or kept to be rolled back.
_SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE videos (id INTEGER PRIMARY KEY, folder TEXT, standing TEXT, model TEXT, rerun INTEGER);
CREATE TABLE expected (id BLOB, video INTEGER, seen INTEGER);
CREATE TABLE differences (folder TEXT PRIMARY KEY, missing INTEGER DEFAULT 0,
    unlisted INTEGER DEFAULT 0, other_model INTEGER DEFAULT 0, undescribed INTEGER DEFAULT 0)
    WITHOUT ROWID;
CREATE TABLE problems (kind TEXT, folder TEXT, objects INTEGER, detail TEXT, repairable INTEGER,
    PRIMARY KEY (kind, folder)) WITHOUT ROWID;
BEGIN;
"""

# Made at once, after the rows, which sorts them on disk instead of hitting pages at random.
_INDEXES = """
CREATE INDEX expected_by_id ON expected (id);
CREATE INDEX videos_by_folder ON videos (folder);
BEGIN;
"""

_LOOK_UP = """
SELECT e.rowid, model FROM expected e JOIN videos v ON v.id = e.video WHERE e.id = ?
"""

_UNLISTED = """
INSERT INTO differences (folder, unlisted) VALUES (?, 1)
ON CONFLICT DO UPDATE SET unlisted = unlisted + 1
"""

_OTHER_MODEL = """
INSERT INTO differences (folder, other_model) VALUES (?, 1)
ON CONFLICT DO UPDATE SET other_model = other_model + 1
"""

_UNDESCRIBED = """
INSERT INTO differences (folder, undescribed) VALUES (?, 1)
ON CONFLICT DO UPDATE SET undescribed = undescribed + 1
"""

_MISSING = """
INSERT INTO differences (folder, missing)
SELECT folder, count(*) FROM expected e JOIN videos v ON v.id = e.video
WHERE NOT seen GROUP BY folder
ON CONFLICT DO UPDATE SET missing = excluded.missing
"""

# A video that no other place knows has no source either.
_DIFFERENCES = """
SELECT d.folder, coalesce(standing, 'gone'), coalesce(rerun, 0), missing, unlisted, other_model,
    undescribed
FROM differences d LEFT JOIN videos v ON v.folder = d.folder
"""

_NOTE = """
INSERT INTO problems VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET objects = objects + excluded.objects,
    detail = detail || ', ' || excluded.detail, repairable = max(repairable, excluded.repairable)
"""

_FINDINGS = "SELECT kind, count(*), sum(objects), sum(repairable) FROM problems GROUP BY kind"
_EXAMPLES = "SELECT folder, detail FROM problems WHERE kind = ? ORDER BY folder LIMIT ?"
_REPAIRABLE = "SELECT DISTINCT folder FROM problems WHERE repairable ORDER BY folder"
