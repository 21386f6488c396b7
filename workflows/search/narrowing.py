"""Among which frames a question looks: its filters, as the store knows them."""

from __future__ import annotations

from datetime import UTC, date, datetime

from components.stores.vectors.frame_filter import FrameFilter
from workflows.search.question import Question


def filter_of(question: Question) -> FrameFilter:
    """Return which frames a question is about."""
    platform, code = question.platform, question.video
    if code is not None and "/" in code:
        platform, _, code = code.partition("/")
    return FrameFilter(
        platform=platform,
        code=code,
        after=_instant(question.after),
        before=_instant(question.before),
        min_duration=question.min_duration,
        max_duration=question.max_duration,
        from_second=question.from_second,
        to_second=question.to_second,
        cropped=question.cropped,
    )


def _instant(given: datetime | date | None) -> datetime | None:
    if given is None:
        return None
    if not isinstance(given, datetime):
        return datetime(given.year, given.month, given.day, tzinfo=UTC)
    return given if given.tzinfo else given.replace(tzinfo=UTC)
