"""Shows a run in the cluster while it goes on."""

from __future__ import annotations

from rich.console import Console
from rich.live import Live
from rich.table import Table

from components.pipeline import COMPONENTS
from workflows.argo.server import ArgoServer, Progress, followed


def follow(server: ArgoServer, name: str, timeout_s: float, console: Console) -> Progress:
    """Show progress per component until the run has ended, and return how it ended.

    On a terminal a table that changes; elsewhere a line for every change.

    Raises:
        TransientError: it has not ended in time, or the server does not answer.
    """
    last = Progress(name, "Pending")
    with Live(console=console, auto_refresh=False, transient=False) as live:
        for progress in followed(server, name, timeout_s):
            if console.is_terminal:
                live.update(_table(progress), refresh=True)
            elif progress != last:
                console.print(_line(progress), highlight=False, soft_wrap=True)
            last = progress
    if summary := summed_up(last):
        console.print(summary, highlight=False, markup=False, soft_wrap=True)
    return last


def summed_up(progress: Progress) -> str:
    """Return the counts of a run's digest, where it is, and a line for each reason why videos
    stopped; nothing if there is none."""
    digest = progress.digest
    if not digest:
        return ""
    counts = ", ".join(f"{digest[key]} {key}" for key in ("done", "rejected", "failed"))
    _, *reasons = digest.get("summary", "").splitlines() or [""]
    return "\n".join([f"{counts}; {digest['digest']}", *reasons])


def _table(progress: Progress) -> Table:
    table = Table(title=f"{progress.name} {progress.phase}", title_justify="left")
    for heading in ("component", "ended", "started"):
        table.add_column(heading, justify="left" if heading == "component" else "right")
    for component in COMPONENTS:
        if component in progress.steps:
            ended, started = progress.steps[component]
            table.add_row(component, str(ended), str(started))
    for line in progress.waiting:
        table.add_row(line, "", "")
    return table


def _line(progress: Progress) -> str:
    steps = (
        f"{component} {progress.steps[component][0]}/{progress.steps[component][1]}"
        for component in COMPONENTS
        if component in progress.steps
    )
    counts = f"{progress.phase} {' '.join(steps)}".rstrip()
    return "\n".join([counts, *(f"  {line}" for line in progress.waiting)])
