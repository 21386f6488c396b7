"""What `oriane gc --json` prints."""

from __future__ import annotations

from enum import StrEnum

from components.records.record import Record


class Expired(StrEnum):
    """Kinds of what is cleaned."""

    JOB = "job_inputs"
    RESULT = "results"
    MANIFEST = "manifests"
    LOG = "run_logs"


class Expiry(Record):
    """How many objects of a kind, or files, and their bytes."""

    objects: int
    bytes: int


class Cleaned(Record):
    """What was removed or would be, by kind, as `oriane gc --json` prints it.

    `kept_leased` is for runs in progress; what is `foreign` is never touched.
    """

    applied: bool
    expired: dict[Expired, Expiry]
    kept_leased: int
    foreign: int
