"""The command `runs`, and what it prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from workflows.terminal.commands import OPERATE, command
from workflows.terminal.options import JsonOption
from workflows.terminal.output import listed_counts, output, print_json, print_table, time

if TYPE_CHECKING:
    from components.records.digest import Digest
    from components.records.watch import WatchNotice
    from workflows.operations.runs.report import PastRun

commands = typer.Typer()

_COUNTS = ("videos", "done", "reused", "rejected", "failed")


@command(commands, OPERATE, "oriane runs", "oriane runs videos-x7k2p", "oriane runs --json")
def runs(
    name: Annotated[str, typer.Argument(metavar="[RUN]", help="Show this run in full")] = "",
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="Most runs to show")] = 20,
    as_json: JsonOption = False,
) -> None:
    """List runs with what became of their videos, the newest first; or one in full."""
    from workflows.local.deployment import operated_services
    from workflows.operations.runs.history import run
    from workflows.operations.runs.history import runs as all_runs

    with operated_services() as services:
        found = [run(services, name)] if name else all_runs(services)[:limit]
    if as_json:
        print_json(found[0] if name else found)
        return
    _show_runs(found)
    if name:
        show_in_full(found[0])


def _show_runs(found: Sequence[PastRun]) -> None:
    """Print a line a run."""
    if not found:
        output().print("no run has begun yet")
    print_table(
        ("run", "began", "state", *_COUNTS, "cost", "a 1,000 h", "of limit", "forecast", "note"),
        (*_COUNTS, "cost", "a 1,000 h", "of limit", "forecast"),
        [
            (
                one.run,
                time(one.began_at),
                one.state.replace("_", " "),
                *_counts(one),
                *_costs(one),
                _note(one),
            )
            for one in found
        ],
        most=len(found),
    )


def _counts(one: PastRun) -> list[str]:
    """Return the counts; of a run that has not ended only how many videos it took."""
    if one.state == "ended":
        return [str(getattr(one, count)) for count in _COUNTS]
    return [str(one.videos), *[""] * (len(_COUNTS) - 1)]


def _costs(one: PastRun) -> list[str]:
    """Return what the run cost, what 1,000 hours of video did, its part of what the machine could,
    and how far the forecast was off.

    In core hours where no price was set.
    """
    from components.costs.bill import amount

    if not one.bill:
        return ["", "", "", ""]
    total, unit = one.bill.total, one.bill.currency
    if total is None:
        total, unit = one.bill.core_hours, "core h"
    rate = one.bill.a_thousand_hours(total)
    return [
        f"{amount(total)} {unit}",
        "" if rate is None else amount(rate),
        "" if one.limit is None or one.limit.of_cores is None else f"{one.limit.of_cores:.0%}",
        "" if one.forecast_error is None else f"{one.forecast_error:+.0%}",
    ]


def _note(one: PastRun) -> str:
    if one.state == "broken_off":
        return one.error or "run the same command again; what is done is reused"
    if one.state == "ended" and not one.videos:
        return "nothing was due"
    stopped = Counter[str]()
    for group in one.reasons:
        stopped[group.reason] += group.count
    return listed_counts(stopped)


def show_in_full(digest: Digest) -> None:
    """Print why videos stopped, where the seconds went, and what they cost."""
    from components.costs.told import told

    print_table(
        ("stopped", "phase", "reason", "videos", "e.g."),
        ("videos",),
        [
            (
                one.kind,
                one.phase,
                one.reason,
                str(one.count),
                ", ".join(example.video for example in one.examples),
            )
            for one in digest.reasons
        ],
        most=len(digest.reasons),
    )
    # Only runs that used a GPU say which part of the time it computed.
    busy = {
        phase: share
        for phase, spent in digest.seconds.items()
        if (share := spent.gpu_busy) is not None
    }
    of_gpu = ("GPU busy",) if busy else ()
    print_table(
        ("phase", "videos", "seconds", "most", *of_gpu),
        ("videos", "seconds", "most", *of_gpu),
        [
            (
                phase,
                str(spent.videos),
                f"{spent.total:.1f}",
                f"{spent.most:.1f}",
                *([f"{busy[phase]:.0%}" if phase in busy else ""] if busy else []),
            )
            for phase, spent in digest.seconds.items()
        ],
    )
    for line in told(digest):
        output().print(line, highlight=False, markup=False)
    print_table(
        ("watch", "asks for", "new moments", "best", "webhook"),
        ("new moments",),
        [
            (
                one.watch,
                one.text,
                str(one.total),
                ", ".join(f"{best.platform}/{best.code}" for best in one.moments[:3]),
                _delivered(one),
            )
            for one in digest.watches
        ],
        most=len(digest.watches),
    )


def _delivered(notice: WatchNotice) -> str:
    if notice.webhook is None:
        return ""
    return "delivered" if notice.webhook.delivered else f"failed: {notice.webhook.message}"
