"""The command `plan`, and what it prints."""

from __future__ import annotations

from typing import Annotated

import typer

from workflows.operations.plan.report import PlanReport, QueueReport
from workflows.terminal.commands import OPERATE, command
from workflows.terminal.options import (
    JobInputOption,
    JsonOption,
    LimitOption,
    OlderOption,
    OriginOption,
    PlatformOption,
    plan_options,
)
from workflows.terminal.output import counted, listed_counts, output, print_json, print_table

commands = typer.Typer()


@command(
    commands,
    OPERATE,
    "oriane plan",
    "oriane plan --limit 5000 --gpu",
    "oriane plan --from ledger --platform instagram",
    "oriane plan --older-than 2h --json",
)
def plan(
    source: Annotated[
        str, typer.Argument(metavar="PREFIX", help="s3:// prefix (default: the source bucket)")
    ] = "",
    origin: OriginOption = "listing",
    job_input: JobInputOption = None,
    limit: LimitOption = 0,
    older_than: OlderOption = "",
    platform: PlatformOption = "",
    gpu: Annotated[bool, typer.Option("--gpu", help="Count embed's minutes as a GPU's")] = False,
    as_json: JsonOption = False,
) -> None:
    """Tell what a run would take now, why, and what it is likely to cost; changes nothing."""
    from components.plan.contract import PlanInputs
    from workflows.intake import read_job_input
    from workflows.local.deployment import operated_services
    from workflows.operations.plan.plan import planned

    inputs = PlanInputs(
        source=source,
        job_input=read_job_input(job_input) if job_input else "",
        **plan_options(job_input is None, origin, limit, older_than, platform),
    )
    with operated_services(comparing=True) as services:
        report = planned(services, inputs, gpu=gpu)
    if as_json:
        print_json(report)
    else:
        _show(report)


def _show(report: PlanReport | QueueReport) -> None:
    """Print what a run would take."""
    console = output()
    if isinstance(report, QueueReport):
        console.print(f"about {counted(report.messages, 'message')} in the queue")
        return
    why = listed_counts(report.why)
    due = "video is due" if report.videos == 1 else "videos are due"
    console.print(f"{report.videos} {due}{why and ': '}{why}", highlight=False)
    for label, counts in (("stale from", report.stale_from), ("left", report.left)):
        if counts:
            console.print(f"{label}: {listed_counts(counts)}", highlight=False)
    if report.skipped:
        objects = "object is not a" if report.skipped == 1 else "objects are not"
        console.print(f"{report.skipped} {objects} <platform>/<code>/video.mp4", highlight=False)
    if report.videos:
        console.print(_likely(report), highlight=False)
    print_table(
        ("video", "why", "MB"),
        ("MB",),
        [
            (
                one.video,
                one.why + (f" from {one.stale_from}" if one.stale_from else ""),
                f"{one.bytes / 1e6:.1f}",
            )
            for one in report.due
        ],
    )


def _likely(report: PlanReport) -> str:
    expected = report.forecast
    if expected is None:
        return "no forecast: no past run of this deployment has left a digest to go by"
    return (
        f"likely, as the {counted(expected.from_videos, 'video')} so far: "
        f"{expected.gpu_minutes} GPU minutes, {expected.cpu_minutes} CPU minutes, "
        f"{expected.s3_requests} S3 requests, {expected.s3_bytes_read / 1e6:.0f} MB read, "
        f"{expected.s3_bytes_written / 1e6:.0f} MB written"
    )
