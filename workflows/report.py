"""What a run did: the object that `--json` prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from components.manifest import INTERNAL_ERROR, Entry, RecordedVideo


def report(run: str, seconds: float, entries: Iterable[Entry[Any]]) -> dict[str, Any]:
    """Return the run's report; `docs/architecture.md` describes its fields."""
    videos = sorted(map(_video, entries), key=lambda video: (video["platform"], video["code"]))
    return {"run": run, "seconds": round(seconds, 3), "videos": videos}


def counts(report: dict[str, Any]) -> Counter[str]:
    """Return how many videos ended in each status."""
    return Counter(video["status"] for video in report["videos"])


def shared_fault(report: dict[str, Any]) -> str | None:
    """Return the internal error that every video failed with, None if any ended otherwise."""
    videos = report["videos"]
    if not videos or any(video["reason"] != INTERNAL_ERROR for video in videos):
        return None
    first = next((v for v in videos if not v["message"].startswith("not tried")), videos[0])
    return str(first["message"])


def _video(entry: Entry[Any]) -> dict[str, Any]:
    problem = entry.problem
    result: dict[str, Any] = {
        "platform": entry.video.platform,
        "code": entry.video.code,
        "status": problem.kind if problem else "done",
        "reason": problem.reason if problem else None,
        "message": problem.message if problem else None,
        "duration": None,
        "crop": None,
        "frames": [],
        "duplicates_removed": 0,
        "reused": [step.phase for step in entry.steps if step.reused],
        "seconds": {step.phase: step.seconds for step in entry.steps},
    }
    if isinstance(entry.result, RecordedVideo):
        framed = entry.result.indexed.framed
        result["duration"] = framed.cropped.source.duration
        result["crop"] = framed.rectangle.model_dump() if framed.rectangle else None
        result["frames"] = [
            {
                "number": frame.number,
                "second": frame.second,
                "path": framed.path(frame),
                "scene_start": frame.scene_start,
                "scene_end": frame.scene_end,
            }
            for frame in framed.frames
        ]
        result["duplicates_removed"] = framed.duplicates_removed
    return result
