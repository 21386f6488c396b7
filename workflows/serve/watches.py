"""Standing questions and what they found, as the artifacts bucket has them. Reads only."""

from __future__ import annotations

from itertools import islice
from urllib.parse import urlsplit

from components.errors import ConfigurationError
from components.records.watch import Watch, WatchNotice
from components.running.services import Services
from workflows.serve.refusals import RefusedError
from workflows.serve.report import ListedWatch, WatchList, WatchPage
from workflows.watch.asked import brief
from workflows.watch.kept import KeptWatches

# Notices that are read for one page: most nights bring nothing, and each is an object of its own.
_MOST_READ = 100


class Watches:
    """Answers questions about standing questions; safe to share between threads.

    Every method raises what the store raises: TransientError where it does not answer.
    """

    def __init__(self, services: Services) -> None:
        self._kept = KeptWatches(services)

    def all(self) -> WatchList:
        """Return all of them."""
        watches = self._kept.all()
        return WatchList(
            watches=tuple(_listed(watch, self._kept.notices(watch.name)) for watch in watches)
        )

    def one(self, name: str, *, after: str = "", empty: bool = False, limit: int = 20) -> WatchPage:
        """Return a watch with the notices that follow the one of the run `after`.

        Args:
            empty: Also of runs that brought nothing new.

        Raises:
            RefusedError: 404, there is none of this name.
        """
        try:
            watch = self._kept.get(name)
        except ConfigurationError as error:
            raise RefusedError(
                404, f"there is no watch {name}", "GET /api/watches lists them"
            ) from error
        runs = self._kept.notices(name)
        start = runs.index(after) + 1 if after in runs else 0
        found: list[WatchNotice] = []
        read = start
        for run in islice(runs, start, start + _MOST_READ):
            if len(found) == limit:
                break
            read += 1
            notice = self._kept.notice(name, run)
            if notice and (empty or notice.moments):
                found.append(brief(notice))
        return WatchPage(
            watch=_listed(watch, runs),
            notices=tuple(found),
            next=runs[read - 1] if read < len(runs) else None,
        )


def _listed(watch: Watch, runs: list[str]) -> ListedWatch:
    return ListedWatch(
        name=watch.name,
        text=watch.text,
        confidence=watch.confidence,
        platform=watch.platform,
        webhook=urlsplit(watch.webhook).hostname if watch.webhook else None,
        added_at=watch.added_at,
        runs=len(runs),
        last_run=runs[0] if runs else None,
    )
