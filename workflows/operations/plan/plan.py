"""What a run would do now, and why; nothing is changed."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

from components.plan.contract import PlanInputs
from components.plan.decide import decide
from components.plan.due import Due
from components.plan.queue import EventQueue
from components.running.services import Services
from workflows.operations.plan.forecast import forecast
from workflows.operations.plan.report import DueVideo, PlanReport, QueueReport
from workflows.operations.runs.history import averages, digests


def planned(services: Services, inputs: PlanInputs, *, gpu: bool) -> PlanReport | QueueReport:
    """Return what a run with these inputs would take; of a queue only its length.

    Raises:
        PipelineError: as the plan component does.
    """
    if inputs.origin == "queue":
        return QueueReport(messages=EventQueue(services.settings).length())
    now = datetime.now(UTC)
    decision = decide(inputs, services, now)
    past = averages(digests(services))
    oldest = decision.oldest
    return PlanReport(
        origin=inputs.origin,
        videos=len(decision.due),
        why=dict(Counter(str(due.why) for due in decision.due)),
        stale_from=dict(Counter(due.stale_from for due in decision.due if due.stale_from)),
        left={str(left): count for left, count in decision.left.items() if count},
        skipped=decision.skipped,
        backlog_oldest_s=round((now - oldest).total_seconds()) if oldest else None,
        source_bytes=sum(due.candidate.size for due in decision.due),
        forecast=forecast(decision.due, past, services.settings, gpu=gpu) if past else None,
        due=tuple(map(_shown, decision.due)),
    )


def _shown(due: Due) -> DueVideo:
    return DueVideo(
        video=str(due.candidate.video),
        why=str(due.why),
        stale_from=due.stale_from,
        bytes=due.candidate.size,
    )
