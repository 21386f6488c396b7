"""The address at which the page shows the answer to a question."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qsl

from components.errors import ConfigurationError
from workflows.search.question import Question
from workflows.serve.page.address import Search, read_search


def page_address(question: Question) -> str | None:
    """Return path and query of the page that asks the same, but for a picture; else None.

    The page knows no times of day, and fewer and shorter texts than a question may have. How many
    moments it shows at once is its own.
    """
    default = None if question.video else Question.model_fields["per_video"].default
    try:
        since, until = _day(question.after), _last_day(question.before)
    except OverflowError:
        return None
    search = Search(
        texts=tuple(text.strip() for text in question.texts),
        without=tuple(text.strip() for text in question.without),
        like=question.like or "",
        platform=question.platform or "",
        video=_video(question),
        since=since,
        until=until,
        longer=question.min_duration,
        shorter=question.max_duration,
        first=question.from_second,
        last=question.to_second,
        cropped={True: "yes", False: "no", None: ""}[question.cropped],
        confidence=None if question.confidence is None else round(question.confidence * 100, 9),
        per_video=None if question.per_video in (0, default) else question.per_video,
    )
    address = search.address()
    try:
        understood = read_search(parse_qsl(address.removeprefix("?"), keep_blank_values=True))
    except ConfigurationError:
        return None
    is_whole = (
        _is_midnight(question.after)
        and _is_midnight(question.before)
        # Of one video, the page shows all moments unless told; else as many as a question.
        and (question.per_video > 0 or question.video is not None)
    )
    return "/" + address if is_whole and understood == search else None


def _video(question: Question) -> str:
    if question.video and question.platform and "/" not in question.video:
        return f"{question.platform}/{question.video}"
    return question.video or ""


def _day(given: datetime | date | None) -> date | None:
    return _utc(given).date() if isinstance(given, datetime) else given


def _last_day(before: datetime | date | None) -> date | None:
    """Return the last day that lies before, as the page counts it in.

    Raises:
        OverflowError: it is the first of the calendar.
    """
    day = _day(before)
    return day - timedelta(days=1) if day else None


def _is_midnight(given: datetime | date | None) -> bool:
    return not isinstance(given, datetime) or _utc(given).time() == datetime.min.time()


def _utc(given: datetime) -> datetime:
    return given.astimezone(UTC) if given.tzinfo else given
