"""What a run would do now, and why; nothing is changed."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

from components.plan.contract import PlanInputs
from components.plan.decide import decide
from components.plan.due import Due
from components.plan.queue import EventQueue
from components.services import Services
from workflows.operations.forecast import forecast
from workflows.operations.history import averages, digests


def planned(services: Services, inputs: PlanInputs, *, gpu: bool) -> dict[str, Any]:
    """Return the report that `oriane plan --json` prints.

    Of a queue it tells only the length, since receiving a message hides it from the run.

    Raises:
        PipelineError: as the plan component does.
    """
    if inputs.origin == "queue":
        return {"origin": "queue", "messages": EventQueue(services.settings).length()}
    now = datetime.now(UTC)
    decision = decide(inputs, services, now)
    past = averages(digests(services))
    oldest = decision.oldest
    return {
        "origin": inputs.origin,
        "videos": len(decision.due),
        "why": dict(Counter(str(due.why) for due in decision.due)),
        "stale_from": dict(Counter(due.stale_from for due in decision.due if due.stale_from)),
        "left": {str(left): count for left, count in decision.left.items() if count},
        "skipped": decision.skipped,
        "backlog_oldest_s": round((now - oldest).total_seconds()) if oldest else None,
        "source_bytes": sum(due.candidate.size for due in decision.due),
        "forecast": forecast(decision.due, past, services.settings, gpu=gpu) if past else None,
        "due": [_shown(due) for due in decision.due],
    }


def _shown(due: Due) -> dict[str, Any]:
    return {
        "video": str(due.candidate.video),
        "why": str(due.why),
        "stale_from": due.stale_from,
        "bytes": due.candidate.size,
    }
