"""The command `plan`, and what it prints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from components.base.wording import counted
from components.errors import ConfigurationError
from workflows.terminal.commands import OPERATE, command
from workflows.terminal.options import (
    AllOption,
    ExcludeOption,
    IncludeOption,
    JobInputOption,
    JsonOption,
    LimitOption,
    OlderOption,
    OriginOption,
    PlatformOption,
    plan_options,
)
from workflows.terminal.output import (
    MOST_ROWS,
    errors,
    listed_counts,
    output,
    print_json,
    print_table,
)

if TYPE_CHECKING:
    from components.settings import EmbedSettings
    from workflows.operations.plan.report import Planned, PlanReport, QueueReport

commands = typer.Typer()


@command(
    commands,
    OPERATE,
    "oriane plan",
    "oriane plan ~/videos",
    "oriane plan --limit 5000 --gpu",
    "oriane plan --from ledger --platform instagram",
    "oriane plan --older-than 2h --json",
)
def plan(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PATH",
            help="As for `run`, without copying anything (default: what is due in the bucket)",
        ),
    ] = None,
    origin: OriginOption = "listing",
    job_input: JobInputOption = None,
    limit: LimitOption = 0,
    older_than: OlderOption = "",
    platform: PlatformOption = "",
    include: IncludeOption = None,
    exclude: ExcludeOption = None,
    gpu: Annotated[bool, typer.Option("--gpu", help="Count embed's minutes as a GPU's")] = False,
    everything: AllOption = False,
    as_json: JsonOption = False,
) -> None:
    """Tell what a run would take now, why, and what it is likely to cost; changes nothing."""
    from components.base.model_names import identity
    from components.plan.contract import PlanInputs
    from components.plan.decide import check_inputs
    from components.settings import Settings
    from workflows.intake.copies import faults_told
    from workflows.intake.files import Selection
    from workflows.intake.given import given
    from workflows.local.deployment import operated_services
    from workflows.local.stand_ins import names_an_s3
    from workflows.operations.plan.plan import planned, planned_files
    from workflows.operations.plan.report import Planned, QueueReport

    selection = Selection(platform, tuple(include or ()), tuple(exclude or ()))
    settings = Settings.load()
    work = given(paths or [], job_input, settings, selection)
    inputs = PlanInputs(
        source=work.source,
        job_input=work.job_input,
        **plan_options(not work.job_input, origin, limit, older_than, platform),
    )
    check_inputs(inputs, settings.plan)
    if not names_an_s3(settings):
        # On this machine the model has to be one; a cluster's folder may be where its pods are.
        identity(settings.embed.model)
    found: Planned | QueueReport
    with operated_services(comparing=True) as services:
        if not names_an_s3(settings) and (lacking := _lacking(services.settings.embed)):
            errors().print(f"warning: a run would end: {lacking}", highlight=False, soft_wrap=True)
        if work.files:
            found = planned_files(services, work.files, gpu=gpu)
            for line in (work.files.summary, *faults_told(work.files.faults)):
                errors().print(line, highlight=False, markup=False, soft_wrap=True)
        else:
            found = planned(services, inputs, gpu=gpu)
    if as_json and isinstance(found, Planned):
        print_json(found.report, due=found.due)
    elif isinstance(found, QueueReport) and as_json:
        print_json(found)
    else:
        _show(found, everything=everything, on_cluster=gpu or bool(settings.cluster.server))


def _lacking(settings: EmbedSettings) -> str:
    """Return what the model needs and is not installed here, with the remedy; else nothing."""
    from components.encoders.load import require_packages

    try:
        require_packages(settings)
    except ConfigurationError as error:
        return str(error)
    return ""


def _show(found: Planned | QueueReport, *, everything: bool, on_cluster: bool) -> None:
    """Print what a run would take."""
    from workflows.operations.plan.report import QueueReport

    console = output()
    if isinstance(found, QueueReport):
        console.print(f"about {counted(found.messages, 'message')} in the queue")
        return
    report, due = found.report, found.due
    why = listed_counts(report.why)
    over = report.left.get("over_limit", 0)
    if over:
        console.print(
            f"{report.videos} of {report.videos + over} due videos would be taken: {why}",
            highlight=False,
        )
    else:
        are_due = "video is due" if report.videos == 1 else "videos are due"
        console.print(f"{report.videos} {are_due}{why and ': '}{why}", highlight=False)
    for label, counts in (("stale from", report.stale_from), ("left", report.left)):
        if counts:
            console.print(f"{label}: {listed_counts(counts)}", highlight=False)
    # Of files, what was left out has been said, by kind.
    if report.skipped and report.origin != "files":
        objects = "object is not a" if report.skipped == 1 else "objects are not"
        console.print(f"{report.skipped} {objects} <platform>/<code>/video.mp4", highlight=False)
    if report.videos:
        for line in _foreseen(report, on_cluster):
            console.print(line, highlight=False)
    most = len(due) if everything else MOST_ROWS
    print_table(
        ("video", "why", "MB"),
        ("MB",),
        [
            (
                one.video,
                one.why + (f" from {one.stale_from}" if one.stale_from else ""),
                f"{one.bytes / 1e6:.1f}",
            )
            for one in due[:most]
        ],
        most=most,
        of=len(due),
    )


def _foreseen(report: PlanReport, on_cluster: bool) -> Iterator[str]:
    """Yield what the run is likely to take and cost, and its shards in a cluster."""
    from components.costs.bill import told

    yield _likely(report)
    if report.expected:
        expected = report.expected
        yield (
            f"expected to end after {expected.took_s:.0f} s, "
            f"as {counted(expected.from_runs, 'run')} on {expected.machine} went"
        )
    if report.bill:
        yield f"cost: {told(report.bill)}"
    if report.sizing and on_cluster:
        yield (
            f"videos_per_shard=auto: {counted(report.sizing.shards, 'shard')}: {report.sizing.why}"
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
