"""The standing questions after a run: of this machine at once, of another one later."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import datetime

from pydantic import ValidationError

from components.base.wording import counted
from components.errors import ConfigurationError, NotFoundError, PipelineError
from components.records.digest import Digest
from components.records.manifest import parsed
from components.records.run_report import RunVideo
from components.records.videos import RecordedVideo
from components.records.watch import Watch, WatchNotice
from components.running.services import Services
from workflows.operations.runs.history import run as past_run
from workflows.operations.runs.history import runs as past_runs
from workflows.operations.runs.report import PastRun
from workflows.watch.asked import Watching, brief
from workflows.watch.kept import KeptWatches

Tell = Callable[[str], None]

_LAST_MANIFEST = re.compile(r"/\d{6,}/record\.jsonl$")


def after_run(
    services: Services, run: str, videos: Sequence[RunVideo], tell: Tell
) -> list[WatchNotice]:
    """Ask all watches of a run that has ended, and return what is to be told of it.

    Whatever fails is told; the run's videos are done all the same, and `oriane watch ask` does
    what is missing.
    """
    try:
        watches = KeptWatches(services).all()
        if not watches:
            return []
        return asked_of_run(services, Watching(services), run, videos, watches, tell)
    except PipelineError as error:
        tell(
            f"standing questions were not asked: {error}; `oriane watch ask --run {run}` asks them"
        )
        return []


def asked_of_run(
    services: Services,
    watching: Watching,
    run: str,
    videos: Sequence[RunVideo],
    watches: Sequence[Watch],
    tell: Tell,
) -> list[WatchNotice]:
    """Ask the watches, put what they found into the run's digest, and return it; tell the news.

    Raises:
        PipelineError: as `Watching.ask` does.
    """
    found = [one for one in watching.ask(run, videos, watches) if one.notice.moments]
    notices = [brief(one.notice) for one in found]
    for one, notice in zip(found, notices, strict=True):
        if one.is_news:
            tell(told(notice))
    _into_digest(services, run, notices)
    return notices


def asked_since(
    services: Services, runs: Sequence[str], since: datetime, tell: Tell
) -> list[WatchNotice]:
    """Ask all watches of these runs, or of those that ended since, where that was not done.

    Of a run that is not named, only watches are asked that were there when it ended.

    Raises:
        ConfigurationError: there is no such run.
        PipelineError: a store does not answer, or the model cannot be loaded.
    """
    watches = KeptWatches(services).all()
    watching = Watching(services)
    found = [past_run(services, name) for name in runs] if runs else _ended(services, since)
    notices: list[WatchNotice] = []
    for one in found:
        if one.state == "running":
            raise ConfigurationError(f"{one.run} goes on; ask once it has ended")
        due = [w for w in watches if runs or _moment(w.added_at) <= _moment(one.written_at)]
        if due:
            videos = videos_of(services, one.run)
            notices += asked_of_run(services, watching, one.run, videos, due, tell)
    return notices


def videos_of(services: Services, run: str) -> list[RunVideo]:
    """Return the videos of a run that came through all phases, as its manifests say."""
    folder = f"s3://{services.settings.storage.artifacts_bucket}/runs/{run}/"
    return [
        RunVideo.of(entry)
        for stored in services.store.objects(folder)
        if _LAST_MANIFEST.search(stored.uri)
        for entry in parsed(
            stored.uri, services.store.get(stored.uri), RecordedVideo, passing_over=True
        )
        if not entry.problem
    ]


def told(notice: WatchNotice) -> str:
    """Return a notice in a line."""
    line = f"watch {notice.watch}: {counted(notice.total, 'new moment')} of {notice.text!r}"
    if notice.everything:
        line += ", asked of all frames, as the model is another"
    sent = notice.webhook
    if sent is None:
        return line
    if sent.delivered:
        return f"{line}; webhook delivered"
    tries = counted(sent.attempts, "attempt")
    return (
        f"{line}; the webhook was not delivered ({tries}: {sent.message}), "
        f"`oriane watch ask --run {notice.run}` sends it again"
    )


def _ended(services: Services, since: datetime) -> list[PastRun]:
    """Return the runs that ended since; what left no word of when it ran has to be named."""
    return [
        one
        for one in past_runs(services)
        if one.state != "running" and one.written_at and _moment(one.written_at) >= since
    ]


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _into_digest(services: Services, run: str, notices: Iterable[WatchNotice]) -> None:
    """Have the run's digest show the notices, beside those of other watches."""
    new = {notice.watch: notice for notice in notices}
    if not new:
        return
    uri = f"s3://{services.settings.storage.artifacts_bucket}/runs/{run}/digest.json"
    with suppress(NotFoundError, ValidationError):
        digest = Digest.model_validate_json(services.store.get(uri))
        known = {notice.watch: notice for notice in digest.watches}
        watches = tuple({**known, **new}.values())
        if watches != digest.watches:
            digest = digest.model_copy(update={"watches": watches})
            services.store.put(uri, digest.model_dump_json(indent=1).encode(), "application/json")
