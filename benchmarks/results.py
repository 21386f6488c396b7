"""What a benchmark run found, as a file of JSON and as figures per set and row."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from statistics import median
from typing import Any

from components.base.logs import log
from components.errors import ConfigurationError

# By which one knows a machine; of another one, figures say nothing beside those of this.
_SAME = ("cpu", "cores", "memory_gb")
_PACKAGES = ("torch", "av", "scenedetect-headless", "opencv-python-headless", "qdrant-client")


@dataclass(frozen=True)
class Row:
    """The repetitions of one trial over one set; `best` is the quickest, in seconds `fastest`.

    `measured` is the day of that one.
    """

    name: str
    fastest: float
    middle: float
    repetitions: int
    best: dict[str, Any]
    measured: str

    @property
    def pictures(self) -> int | None:
        return self.best.get("pictures")


class Results:
    """Measurements, and the facts one needs to read them."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        for trial in document["trials"]:
            # Earlier versions measured everything at once.
            trial.setdefault("measured", document["machine"]["measured"])

    @classmethod
    def empty(cls) -> Results:
        """Return results of this machine, without any measurement yet."""
        return cls({"machine": machine(), "sets": {}, "trials": [], "failures": []})

    @classmethod
    def read(cls, path: Path) -> Results:
        """Return the results in a file.

        Raises:
            ConfigurationError: there is none.
        """
        if not path.exists():
            raise ConfigurationError(f"{path} is missing; measure first: python -m benchmarks")
        return cls(json.loads(path.read_text()))

    @classmethod
    def continued(cls, path: Path) -> Results:
        """Return what was measured on this machine before, if that is what the file holds."""
        results = cls.empty()
        if path.exists():
            before, now = cls.read(path).document, results.document["machine"]
            if all(before["machine"][name] == now[name] for name in _SAME):
                results.document = {**before, "machine": now}
            else:
                log.warning("%s is of another machine, and measured anew", path)
        return results

    def begin(self, of: str, facts: dict[str, Any]) -> None:
        """Note what a set of videos has; what was measured over another one goes."""
        if self.document["sets"].get(of, facts) != facts:
            for what in ("trials", "failures"):
                self.document[what] = [one for one in self.document[what] if one["set"] != of]
        self.document["sets"][of] = facts

    def replace(self, of: str, row: str) -> None:
        """Drop what was measured of a row before, as it is measured again."""
        self.document["trials"] = [
            trial for trial in self.document["trials"] if (trial["set"], trial["row"]) != (of, row)
        ]

    def add(self, of: str, row: str, figures: dict[str, Any]) -> None:
        """Keep what a process took."""
        today = self.document["machine"]["measured"]
        self.document["trials"].append({"set": of, "row": row, "measured": today, **figures})

    def write(self, path: Path) -> None:
        """Write the file, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(self.document, indent=1, ensure_ascii=False) + "\n")
        unfinished.replace(path)

    def rows(self, of: str) -> dict[str, Row]:
        """Return the figures of a set by the name of their row, in order of measurement."""
        by_name: dict[str, list[dict[str, Any]]] = {}
        for trial in self.document["trials"]:
            if trial["set"] == of:
                by_name.setdefault(trial["row"], []).append(trial)
        return {name: _row(name, trials) for name, trials in by_name.items()}

    def failures(self, of: str) -> Iterator[tuple[str, str]]:
        """Yield the contenders that could not be measured over a set, and why."""
        for failure in self.document["failures"]:
            if failure["set"] == of:
                yield failure["contender"], failure["message"]


def _row(name: str, trials: list[dict[str, Any]]) -> Row:
    best = min(trials, key=seconds)
    middle = median(map(seconds, trials))
    return Row(name, seconds(best), middle, len(trials), best, best["measured"])


def seconds(trial: dict[str, Any]) -> float:
    """Return the whole process's seconds; of the floor those without start and loading."""
    taken: float = trial.get("seconds", trial["wall_s"])
    return taken


def described(videos: Iterable[Path]) -> dict[str, Any]:
    """Return how many videos, seconds, frames and bytes a set has."""
    import av

    facts: dict[str, Any] = {"videos": 0, "seconds": 0.0, "frames": 0, "bytes": 0}
    for video in videos:
        with av.open(str(video)) as container:
            stream = container.streams.video[0]
            facts["videos"] += 1
            facts["seconds"] += (container.duration or 0) / av.time_base
            facts["frames"] += stream.frames
            facts["bytes"] += video.stat().st_size
    return {**facts, "seconds": round(facts["seconds"], 2)}


def _installed(package: str) -> bool:
    """Return whether the package is there; torch need not be."""
    return any(metadata.distributions(name=package))


def machine() -> dict[str, Any]:
    """Return what the figures depend on: processor, cores, memory, versions, date."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in lines if "model name" in line), "unknown")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpu": model,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(memory / 1e9),
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in _PACKAGES if _installed(name)},
        "measured": datetime.now(UTC).date().isoformat(),
    }
