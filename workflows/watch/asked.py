"""Asks standing questions of the frames of a run, notes what is new, and sends it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from components.base.side_by_side import batches
from components.records.frame_names import point_id
from components.records.run_report import RunVideo
from components.records.watch import Delivery, Watch, WatchedMoment, WatchEvent, WatchNotice
from components.running.services import Services
from components.stores.vectors.store import Collection, Neighbour, StoredFrame
from workflows.local.first_run import require_frames
from workflows.local.indexed_model import with_model_of
from workflows.search.among import Sought
from workflows.search.answer import Moment
from workflows.search.ask import Asker
from workflows.watch.kept import KeptWatches
from workflows.watch.webhook import deliver

# Moments that webhooks, digests and reports show; the notice in the bucket has all.
MOST_SHOWN = 100
_POINTS_A_REQUEST = 1000
# All webhooks of a run together: a receiver that hangs must not hold up the next run.
_ALL_WEBHOOKS_S = 120.0


@dataclass(frozen=True)
class AskedOf:
    """What a watch found of a run; no news where it was asked before, and nothing sent again."""

    notice: WatchNotice
    is_news: bool


class Watching:
    """The standing questions of a deployment, to be asked of its collection."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._kept = KeptWatches(services)
        self._collection: Collection = services.collection
        self._asker: Asker | None = None
        self._sending_until = time.monotonic() + _ALL_WEBHOOKS_S

    def ask(self, run: str, videos: Sequence[RunVideo], watches: Sequence[Watch]) -> list[AskedOf]:
        """Ask each watch of the run's new frames, unless it was asked before; return its notices.

        What was not delivered is sent again. Where the collection's model is another than a watch
        was asked with, it is asked about all frames.

        Raises:
            PipelineError: a store does not answer, or the model cannot be loaded.
        """
        before = {watch.name: self._kept.notice(watch.name, run) for watch in watches}
        open_ = [watch for watch in watches if before[watch.name] is None]
        found = [notice for notice in before.values() if notice]
        for notice in found:
            self._announce(notice)
        if open_ and (model := self._collection.model()):
            found += self._asked(run, videos, open_, model)
        named = {watch.name: watch for watch in watches}
        sent = [self._sent(named[notice.watch], notice) for notice in found]
        return [AskedOf(notice, is_news=notice != before[notice.watch]) for notice in sent]

    def everything(self, watch: Watch) -> WatchNotice:
        """Return what fits of all there is, whether it was announced or not; note nothing.

        Raises:
            ConfigurationError: there is no collection, or it is empty.
            TransientError: the first run has indexed nothing yet.
        """
        model = require_frames(self._collection, self._services.settings)
        frames = _Counted(self._collection.frames(vectors=True))
        (moments,) = self._fitting([_sought(watch)], frames, model)
        return self._notice(watch, "test", moments, frames.count, model, everything=True)

    def is_unknown(self, notice: WatchNotice) -> bool:
        """Return whether the model, of which the notice is, hardly knows what was asked for."""
        return bool(self._asking(notice.model).unknown([notice.text]))

    def send(
        self, watch: Watch, notice: WatchNotice, kind: Literal["watch.moments", "watch.test"]
    ) -> Delivery:
        """Send a notice to the watch's webhook, and return what became of it."""
        assert watch.webhook is not None, "asked for by the caller"
        if time.monotonic() > self._sending_until:
            message = f"not tried: other webhooks took {_ALL_WEBHOOKS_S:g} s; `oriane watch ask`"
            return Delivery(delivered=False, attempts=0, at=_now(), message=message)
        event = WatchEvent(type=kind, timestamp=_now(), data=brief(notice))
        return deliver(watch.webhook, event, self._services.settings.watch)

    def _asked(
        self, run: str, videos: Sequence[RunVideo], watches: Sequence[Watch], model: str
    ) -> Iterator[WatchNotice]:
        swapped = [watch for watch in watches if watch.model and watch.model != model]
        others = [watch for watch in watches if watch not in swapped]
        new = list(_new_frames(videos))
        for group, everything in ((others, False), (swapped, True)):
            if not group or not (new or everything):
                continue
            source = (
                self._collection.frames(vectors=True)
                if everything
                else _frames_of(new, self._collection)
            )
            frames = _Counted(source)
            found = self._fitting([self._fresh(watch) for watch in group], frames, model)
            for watch, moments in zip(group, found, strict=True):
                notice = self._notice(
                    watch, run, moments, frames.count, model, everything=everything
                )
                # In this order nothing is lost to a crash; at worst it is announced again.
                self._kept.keep_notice(notice)
                self._announce(notice)
                self._remember(watch, model)
                yield notice

    def _fitting(
        self, sought: Sequence[Sought], frames: Iterable[Neighbour], model: str
    ) -> list[tuple[Moment, ...]]:
        return self._asking(model).among(sought, frames)

    def _asking(self, model: str) -> Asker:
        if self._asker is None:
            settings = with_model_of(self._services.settings, model, self._collection.dim)
            self._asker = Asker(self._collection, settings)
        return self._asker

    def _fresh(self, watch: Watch) -> Sought:
        """Return what the watch asks for, of which nothing has been announced."""
        return replace(_sought(watch), known=self._kept.announced(watch.name))

    def _announce(self, notice: WatchNotice) -> None:
        """Keep the notice's frames as announced, and forget those that are gone since."""
        new = {
            point_id(moment.platform, moment.code, number)
            for moment in notice.moments
            for number in moment.frames
        }
        new |= {_id_of(name) for moment in notice.moments for name in moment.folded}
        known = self._kept.announced(notice.watch) if new else set()
        if new <= known:
            return
        there = {
            point
            for batch in batches(sorted(known), _POINTS_A_REQUEST)
            for point in self._collection.vectors(batch)
        }
        self._kept.keep_announced(notice.watch, there | new)

    def _remember(self, watch: Watch, model: str) -> None:
        # Read again, for it may have been removed meanwhile, and must not come back.
        if watch.model != model and (now := self._kept.find(watch.name)):
            self._kept.keep(now.model_copy(update={"model": model}))

    def _sent(self, watch: Watch, notice: WatchNotice) -> WatchNotice:
        delivered = notice.webhook and notice.webhook.delivered
        if watch.webhook is None or not notice.moments or delivered:
            return notice
        sent = notice.model_copy(update={"webhook": self.send(watch, notice, "watch.moments")})
        self._kept.keep_notice(sent)
        return sent

    def _notice(
        self,
        watch: Watch,
        run: str,
        moments: Sequence[Moment],
        frames: int,
        model: str,
        *,
        everything: bool,
    ) -> WatchNotice:
        return WatchNotice(
            watch=watch.name,
            text=watch.text,
            run=run,
            asked_at=_now(),
            model=model,
            confidence=watch.confidence,
            frames=frames,
            everything=everything,
            total=len(moments),
            moments=tuple(map(_watched, moments)),
        )


def brief(notice: WatchNotice) -> WatchNotice:
    """Return the notice with its best moments only."""
    return notice.model_copy(update={"moments": notice.moments[:MOST_SHOWN]})


class _Counted:
    """Frames as a search finds them, counted while they are gone through."""

    def __init__(self, frames: Iterable[StoredFrame]) -> None:
        self._frames, self.count = frames, 0

    def __iter__(self) -> Iterator[Neighbour]:
        for frame in self._frames:
            self.count += 1
            yield Neighbour(frame, 0.0, frame.vector)


def _new_frames(videos: Iterable[RunVideo]) -> Iterator[str]:
    """Yield the ids of the frames of the videos that were worked on."""
    for video in videos:
        if video.status != "done" or len(video.reused) == len(video.seconds):
            continue
        for frame in video.frames:
            yield point_id(video.platform, video.code, frame.number)


def _frames_of(points: Iterable[str], collection: Collection) -> Iterator[StoredFrame]:
    """Yield those that are in the collection."""
    for batch in batches(points, _POINTS_A_REQUEST):
        yield from collection.frames_of(batch)


def _sought(watch: Watch) -> Sought:
    return Sought(watch.text, watch.confidence, watch.platform)


def _id_of(frame: str) -> str:
    """Return the id of the point of a frame named platform/code/number."""
    platform, code, number = frame.split("/")
    return point_id(platform, code, int(number))


def _watched(moment: Moment) -> WatchedMoment:
    return WatchedMoment(
        platform=moment.platform,
        code=moment.code,
        start=moment.start,
        end=moment.end,
        second=moment.best.second,
        frame_number=moment.best.frame_number,
        path=moment.best.path,
        score=moment.score,
        confidence=moment.confidence,
        frames=tuple(frame.frame_number for frame in moment.frames),
        folded=moment.folded,
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
