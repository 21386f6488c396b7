"""Measures the contenders over the sets, a repetition of each after the other (A B C A B C)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.contenders.contender import Contender, Task, clean_environment
from benchmarks.measure import measured
from benchmarks.results import Results, described
from components.base.logs import log
from components.errors import PipelineError

# Takes some twenty times as long as the others: one repetition.
_ONCE = frozenset({"step-by-step", "step-by-step-veryfast"})


def measure_all(
    contenders: Sequence[Contender],
    sets: Mapping[str, Sequence[Path]],
    repetitions: int,
    folder: Path,
    target: Path,
    *,
    add: bool = False,
) -> Results:
    """Measure everything; the results are written to `target` after each process.

    Args:
        folder: For what the contenders write.
        add: Keep earlier repetitions of what is measured, too. What is not is kept in any case.
    """
    results = Results.continued(target)
    for name, videos in sets.items():
        results.begin(name, described(videos))
    for repetition in range(repetitions):
        for name, videos in sets.items():
            for contender in contenders:
                if repetition and contender.name in _ONCE:
                    continue
                _measure(contender, name, tuple(videos), repetition, folder, results, add=add)
                results.write(target)
    return results


def _measure(
    contender: Contender,
    of: str,
    videos: tuple[Path, ...],
    repetition: int,
    folder: Path,
    results: Results,
    *,
    add: bool,
) -> None:
    results.document["failures"] = [
        failure
        for failure in results.document["failures"]
        if repetition or (failure["set"], failure["contender"]) != (of, contender.name)
    ]
    exact = results.rows(of).get("ours-exact")
    task = Task(videos, folder / of, exact.pictures if exact else None)
    try:
        for trial in contender.trials(task):
            found = measured(trial.command, clean_environment(trial.environment))
            figures = {
                "repetition": repetition,
                "wall_s": found.wall_s,
                "cpu_s": found.cpu_s,
                "peak_mb": found.peak_mb,
                "open_files": found.open_files,
                **trial.details(found.output),
            }
            if not repetition and not add:
                results.replace(of, trial.row)
            results.add(of, trial.row, figures)
            log.info("%s %s %d: %.1f s", of, trial.row, repetition, found.wall_s)
    except PipelineError as error:
        # The others are still worth measuring; the page says what is missing and why.
        log.error("%s %s: %s", of, contender.name, error)
        failure = {"set": of, "contender": contender.name, "message": str(error)}
        results.document["failures"].append(failure)
