"""Cleans the artifacts bucket, and this machine's logs, of what expired and nothing refers to."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from pathlib import Path

from components.base.side_by_side import side_by_side
from components.running.services import Services
from components.stores.objects import Stored, split
from workflows.operations.gc.report import Cleaned, Expired, Expiry
from workflows.operations.inventory import result_of

_MANIFEST = re.compile(r"runs/([^/]+)/[0-9]{6,}/\w+\.jsonl")
_ABOUT_THE_RUN = re.compile(r"runs/[^/]+/(plan|digest|run)\.json")
_JOB = re.compile(r"jobs/[^/]+\.json")
# Of `oriane run` on this machine; other files in the folder are somebody else's.
_LOG = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{4}\.jsonl")
_AT_ONCE = 32


@dataclass
class _Cleaning:
    """Objects and bytes removed, or to be removed, by kind, while they are counted."""

    applied: bool
    objects: Counter[Expired] = field(default_factory=Counter)
    bytes: Counter[Expired] = field(default_factory=Counter)
    kept_leased: int = 0
    foreign: int = 0

    @property
    def report(self) -> Cleaned:
        """What is printed of it."""
        return Cleaned(
            applied=self.applied,
            expired={
                kind: Expiry(objects=self.objects[kind], bytes=self.bytes[kind]) for kind in Expired
            },
            kept_leased=self.kept_leased,
            foreign=self.foreign,
        )


def clean(services: Services, before: datetime, *, apply: bool) -> Cleaned:
    """Remove what was written before that moment; without `apply`, only count it.

    Manifests of runs that still lease videos stay, and so do results that a video's done marker
    names, which make its next run free, and those of videos that a run works on. Plans and digests
    stay. Of this machine, the logs of runs go.

    Raises:
        PipelineError: a store does not answer, or refuses.
    """
    cleaning = _Cleaning(applied=apply)
    bucket = services.settings.storage.artifacts_bucket

    def counted() -> Iterator[str]:
        for kind, stored in _expired(services, before, cleaning):
            cleaning.objects[kind] += 1
            cleaning.bytes[kind] += stored.size
            yield split(stored.uri)[1]

    if apply:
        services.store.delete_all(bucket, counted())
    else:
        for _ in counted():
            pass
    _clean_logs(services.settings.work.data_dir / "logs", before, cleaning)
    return cleaning.report


def _clean_logs(folder: Path, before: datetime, cleaning: _Cleaning) -> None:
    for path in sorted(folder.glob("*.jsonl")):
        found = path.stat()
        if _LOG.fullmatch(path.name) and found.st_mtime < before.timestamp():
            cleaning.objects[Expired.LOG] += 1
            cleaning.bytes[Expired.LOG] += found.st_size
            if cleaning.applied:
                path.unlink(missing_ok=True)


def _expired(
    services: Services, before: datetime, cleaning: _Cleaning
) -> Iterator[tuple[Expired, Stored]]:
    bucket = services.settings.storage.artifacts_bucket
    # Before any listing, so that no run comes in between that is taken for ended.
    running = {lease["run"] for lease in services.ledger.leases()} if services.ledger else set()
    for stored in services.store.objects(f"s3://{bucket}/jobs/"):
        if not _JOB.fullmatch(split(stored.uri)[1]):
            cleaning.foreign += 1
        elif stored.modified < before:
            yield Expired.JOB, stored
    for stored in _old_results(services, before, cleaning):
        yield Expired.RESULT, stored
    for stored in services.store.objects(f"s3://{bucket}/runs/"):
        key = split(stored.uri)[1]
        if manifest := _MANIFEST.fullmatch(key):
            if manifest[1] in running:
                cleaning.kept_leased += 1
            elif stored.modified < before:
                yield Expired.MANIFEST, stored
        elif not _ABOUT_THE_RUN.fullmatch(key):
            cleaning.foreign += 1


def _old_results(services: Services, before: datetime, cleaning: _Cleaning) -> Iterator[Stored]:
    """Yield old results that are not their video's, looking only at videos that have old ones."""
    bucket = services.settings.storage.artifacts_bucket

    def old() -> Iterator[tuple[str, str, Stored]]:
        for stored in services.store.objects(f"s3://{bucket}/results/"):
            found = result_of(stored.uri)
            if found is None:
                cleaning.foreign += 1
            elif stored.modified < before:
                yield found[0], found[2], stored

    def unreferenced(video: list[tuple[str, str, Stored]]) -> tuple[list[Stored], int]:
        platform, code, _ = video[0][0].split("/")
        booking = services.ledger.booking(platform, code) if services.ledger else None
        if booking and booking.leased_by:
            return [], len(video)
        marker = services.markers.done(platform, code)
        named = set(marker.fingerprints.values()) if marker else set()
        return [stored for _, fingerprint, stored in video if fingerprint not in named], 0

    videos = (list(group) for _, group in groupby(old(), lambda found: found[0]))
    for results, leased in side_by_side(unreferenced, videos, _AT_ONCE, 8 * _AT_ONCE):
        cleaning.kept_leased += leased
        yield from results
