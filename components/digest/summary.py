"""What a run came to, counted video by video in bounded memory."""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from components.base.wording import counted
from components.costs.sample import PhaseSample, Size
from components.pipeline import PHASES
from components.records.digest import (
    Digest,
    PhaseSeconds,
    SlowVideo,
    StoppedGroup,
    StoppedVideo,
    Worked,
)
from components.records.machine import RunWork
from components.records.manifest import Entry, GpuTime
from components.records.plan import Plan
from components.records.videos import FramedVideo, RecordedVideo

_EXAMPLES = 5
_SLOWEST = 10


@dataclass
class _Group:
    """Videos stopped for one reason."""

    count: int = 0
    examples: list[StoppedVideo] = field(default_factory=list)


class Summary:
    """Counts, reasons with examples, slowest videos, and seconds a phase."""

    def __init__(self, run: str, plan: Plan | None = None) -> None:
        self._run, self._plan = run, plan
        self._reused = plan.reused if plan else 0
        self.counts: Counter[str] = Counter(done=self._reused)
        self._shards = 0
        self._worked, self._size = Worked(), Size()
        self._reasons: dict[tuple[str, str, str], _Group] = defaultdict(_Group)
        self._seconds: dict[str, list[float]] = {phase: [0.0, 0.0, 0.0] for phase in PHASES}
        self._samples: dict[str, PhaseSample] = defaultdict(PhaseSample)
        self._decoded_all: Counter[str] = Counter()
        self._gpu: dict[str, GpuTime] = {}
        self._slowest: list[tuple[float, str, dict[str, float]]] = []

    @property
    def videos(self) -> int:
        """How many videos there are."""
        return self.counts.total()

    @property
    def worked_s(self) -> float:
        """Seconds of work in all phases."""
        return sum(total for _, total, _ in self._seconds.values())

    def percent(self, status: str) -> float:
        """Return which part of the videos ended so, in percent; 0 where there are none."""
        return 100 * self.counts[status] / self.videos if self.videos else 0.0

    def add_shard(self, entries: Iterable[Entry[Any]]) -> None:
        """Count the videos of a shard, as they left their last phase."""
        self._shards += 1
        for entry in entries:
            self._add(entry)

    def digest(self) -> Digest:
        """Return the digest as it is stored."""
        return Digest(
            run=self._run,
            written_at=datetime.now(UTC).isoformat(timespec="seconds"),
            shards=self._shards,
            videos=self.videos,
            done=self.counts["done"],
            rejected=self.counts["rejected"],
            failed=self.counts["failed"],
            reused=self._reused,
            reasons=tuple(
                StoppedGroup(
                    kind=kind,
                    phase=phase,
                    reason=reason,
                    count=group.count,
                    examples=tuple(group.examples),
                )
                for (kind, phase, reason), group in self._by_count()
            ),
            seconds={
                phase: PhaseSeconds(
                    videos=int(videos),
                    total=round(total, 3),
                    most=round(most, 3),
                    gpu_busy=round(self._gpu[phase].share, 4) if phase in self._gpu else None,
                )
                for phase, (videos, total, most) in self._seconds.items()
                if videos
            },
            worked=self._worked,
            decoded_all=dict(self._decoded_all.most_common()),
            leased=self._plan.leased if self._plan else 0,
            leased_by=self._plan.leased_by if self._plan else (),
            slowest=tuple(
                SlowVideo(video=video, seconds=round(total, 3), phases=phases)
                for total, video, phases in sorted(self._slowest, reverse=True)
            ),
        )

    def work(self, took_s: float, cpu_s: float | None = None) -> RunWork:
        """Return what the run worked on, over the videos that are done.

        Args:
            took_s: Seconds that it took in all.
            cpu_s: CPU seconds of all its processes, where they are known.
        """
        settings = self._plan.settings if self._plan else {}
        return RunWork(
            run=self._run,
            ended_at=datetime.now(UTC).isoformat(timespec="seconds"),
            took_s=round(took_s, 3),
            phases={
                phase: self._samples[phase].work(settings.get(phase, ""))
                for phase in PHASES
                if phase in self._samples
            },
            video_s=round(self._size.video_s, 3),
            mpx=round(self._size.mpx, 1),
            cpu_s=None if cpu_s is None else round(cpu_s, 2),
            **self._worked.model_dump(),
        )

    def outcome(self) -> Iterator[str]:
        """Yield what became of the videos, for people: a line of counts, then one a reason."""
        counts = self.counts
        yield (
            f"{counted(self.videos, 'video')} in {counted(self._shards, 'shard')}: "
            f"{counts['done']} done "
            f"({self._reused} of them reused), {counts['rejected']} rejected, "
            f"{counts['failed']} failed"
        )
        if self._plan and self._plan.leased:
            yield self._plan.left_to_others
        for (kind, phase, reason), group in self._by_count():
            yield f"{group.count} {kind} in {phase}: {reason}, {_named(group)}"

    def times(self) -> Iterator[str]:
        """Yield the seconds of each phase and the slowest videos, for people."""
        for phase, (videos, total, most) in self._seconds.items():
            if videos:
                over = counted(int(videos), "video")
                gpu = f", the GPU busy {self._gpu[phase].share:.0%}" if phase in self._gpu else ""
                yield f"{phase}: {total:.1f} s over {over}, {most:.1f} s at most{gpu}"
        if whole := self._decoded_all:
            why = ", ".join(f"{reason} {count}" for reason, count in whole.most_common())
            yield f"all frames decoded, none left out: {counted(whole.total(), 'video')} ({why})"
        for total, video, _ in sorted(self._slowest, reverse=True)[:3]:
            yield f"slow: {video} {total:.1f} s"

    def _add(self, entry: Entry[Any]) -> None:
        problem = entry.problem
        self.counts[problem.kind if problem else "done"] += 1
        if problem:
            group = self._reasons[problem.kind, problem.phase, problem.reason]
            group.count += 1
            if len(group.examples) < _EXAMPLES:
                group.examples.append(StoppedVideo(video=str(entry.video), message=problem.message))
        worked = entry.seconds_worked
        if not problem and isinstance(entry.result, RecordedVideo):
            framed = entry.result.indexed.framed
            size, cpu_s = _size_of(framed), entry.cpu_worked
            for phase, seconds in worked.items():
                self._samples[phase].add(size, seconds, cpu_s.get(phase))
            if "frame" in worked:
                self._work(framed)
        self._reused += not worked and not problem
        self._count_gpu(entry)
        for phase, seconds in worked.items():
            sums = self._seconds[phase]
            sums[0] += 1
            sums[1] += seconds
            sums[2] = max(sums[2], seconds)
        if worked:
            slow = (sum(worked.values()), str(entry.video), worked)
            heapq.heappush(self._slowest, slow)
            if len(self._slowest) > _SLOWEST:
                heapq.heappop(self._slowest)

    def _count_gpu(self, entry: Entry[Any]) -> None:
        for step in entry.steps:
            if step.gpu:
                known = self._gpu.get(step.phase)
                self._gpu[step.phase] = known + step.gpu if known else step.gpu

    def _work(self, framed: FramedVideo) -> None:
        """Count a video that was decoded in this run."""
        if framed.decoded_all:
            self._decoded_all[framed.decoded_all] += 1
        self._size += _size_of(framed)
        self._worked = Worked(
            videos=self._worked.videos + 1,
            frames=self._worked.frames + len(framed.frames),
            source_bytes=self._worked.source_bytes + framed.cropped.source.bytes,
            tar_bytes=self._worked.tar_bytes + framed.tar_bytes,
        )

    def _by_count(self) -> list[tuple[tuple[str, str, str], _Group]]:
        return sorted(self._reasons.items(), key=lambda item: (-item[1].count, item[0]))


def _size_of(framed: FramedVideo) -> Size:
    source = framed.cropped.source
    return Size(
        video_s=source.duration,
        mpx=(source.packets or 0) * source.width * source.height / 1e6,
        frames=len(framed.frames),
        bytes=source.bytes,
    )


def _named(group: _Group) -> str:
    """Return the group's videos, or some and how many there are more."""
    names = ", ".join(example.video for example in group.examples)
    more = group.count - len(group.examples)
    return f"{names} and {more} more" if more else names
