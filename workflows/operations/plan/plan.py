"""What a run would do now, and why; nothing is changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import overload

from components.plan.contract import PlanInputs
from components.plan.decide import decide
from components.plan.due import Due
from components.plan.queue import EventQueue
from components.running.services import Services
from workflows.intake.copies import judged, refusal
from workflows.intake.files import LocalFiles
from workflows.operations.plan.forecast import forecast
from workflows.operations.plan.foresight import foresee
from workflows.operations.plan.report import DueVideo, Planned, PlanReport, QueueReport
from workflows.operations.runs.history import averages, digests
from workflows.terminal.output import errors


def planned(services: Services, inputs: PlanInputs, *, gpu: bool) -> Planned | QueueReport:
    """Return what a run with these inputs would take; of a queue only its length.

    Raises:
        PipelineError: as the plan component does.
    """
    if inputs.origin == "queue":
        return QueueReport(messages=EventQueue(services.settings).length())
    now = datetime.now(UTC)
    decision = decide(inputs, services, now)
    past, oldest = averages(digests(services)), decision.oldest
    work, kinds = decision.due.work(), decision.due.kinds()
    why, stale_from = Counter[str](), Counter[str]()
    for (reason, phase), count in kinds.items():
        why[str(reason)] += count
        if phase:
            stale_from[phase] += count
    report = PlanReport(
        origin=inputs.origin,
        videos=len(decision.due),
        why=dict(why),
        stale_from=dict(stale_from),
        left={str(left): count for left, count in decision.left.items() if count},
        skipped=decision.skipped,
        backlog_oldest_s=round((now - oldest).total_seconds()) if oldest else None,
        source_bytes=sum(decision.due.sizes),
        due=(),
        forecast=forecast((first for first, _ in work), past, services.settings, gpu=gpu)
        if past
        else None,
        **foresee(work, services, gpu=gpu),
    )
    return Planned(report, _Shown(decision.due))


def planned_files(services: Services, files: LocalFiles, *, gpu: bool) -> Planned:
    """Return what a run over local files would take; nothing is copied.

    `why` is how a file stands to the source bucket: new, changed, or given and there already.

    Raises:
        PipelineError: S3 does not answer, or refuses.
    """
    bucket = services.settings.storage.videos_bucket
    standings = dict(judged(files, services.store, bucket))
    if refused := refusal(standings, bucket):
        errors().print(f"warning: a run refuses {refused}", highlight=False, soft_wrap=True)
    due = tuple(
        DueVideo(
            video=str(video), why=str(standing), stale_from=None, bytes=video.file.stat().st_size
        )
        for video, standing in standings.items()
    )
    past = averages(digests(services))
    foreseen = foresee([(None, one.bytes) for one in due], services, gpu=gpu)
    report = PlanReport(
        origin="files",
        videos=len(due),
        why=dict(Counter(one.why for one in due)),
        stale_from={},
        left={},
        skipped=files.others.total() + len(files.faults),
        backlog_oldest_s=None,
        source_bytes=sum(one.bytes for one in due),
        forecast=forecast([None] * len(due), past, services.settings, gpu=gpu) if past else None,
        due=(),
        left_out=tuple(files.faults),
        **foreseen,
    )
    return Planned(report, due)


class _Shown(Sequence[DueVideo]):
    """What is due as it is printed, each made when it is asked for."""

    def __init__(self, due: Sequence[Due]) -> None:
        self._due = due

    def __len__(self) -> int:
        return len(self._due)

    @overload
    def __getitem__(self, index: int) -> DueVideo: ...
    @overload
    def __getitem__(self, index: slice) -> list[DueVideo]: ...
    def __getitem__(self, index: int | slice) -> DueVideo | list[DueVideo]:
        if isinstance(index, slice):
            return [_shown(due) for due in self._due[index]]
        return _shown(self._due[index])


def _shown(due: Due) -> DueVideo:
    return DueVideo(
        video=str(due.candidate.video),
        why=str(due.why),
        stale_from=due.stale_from,
        bytes=due.candidate.size,
    )
