"""Commands that look at what is booked and due: plan, status, retry, runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from components.errors import ConfigurationError
from workflows.options import (
    JsonOption,
    LimitOption,
    OlderOption,
    OriginOption,
    PlatformOption,
    operated_services,
    plan_options,
    print_json,
)

commands = typer.Typer()


@commands.command(
    epilog="Examples: oriane plan · oriane plan --limit 5000 --gpu · oriane plan --from ledger "
    "--platform instagram · oriane plan --older-than 2h --json"
)
def plan(
    source: Annotated[
        str, typer.Argument(metavar="PREFIX", help="s3:// prefix (default: the source bucket)")
    ] = "",
    origin: OriginOption = "listing",
    job_input: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="These videos, due or not, instead of looking"),
    ] = None,
    limit: LimitOption = 0,
    older_than: OlderOption = "",
    platform: PlatformOption = "",
    gpu: Annotated[bool, typer.Option("--gpu", help="Count embed's minutes as a GPU's")] = False,
    as_json: JsonOption = False,
) -> None:
    """Tell what a run would take now, why, and what it is likely to cost; changes nothing."""
    from components.plan.contract import PlanInputs
    from workflows.intake import read_job_input
    from workflows.operations.planning import planned
    from workflows.operations.planning_tables import show_plan

    inputs = PlanInputs(
        source=source,
        job_input=read_job_input(job_input) if job_input else "",
        **plan_options(job_input is None, origin, limit, older_than, platform),
    )
    with operated_services() as services:
        report = planned(services, inputs, gpu=gpu)
    if as_json:
        print_json(report)
    else:
        show_plan(report)


@commands.command(
    epilog="Examples: oriane status · oriane status instagram/DKOicvaMxAb · oriane status --json"
)
def status(
    video: Annotated[
        str, typer.Argument(metavar="[PLATFORM/CODE]", help="Tell all about this video")
    ] = "",
    platform: PlatformOption = "",
    as_json: JsonOption = False,
) -> None:
    """Tell how many videos are booked as what, and which runs are at work; or all about one."""
    from workflows.operations.planning_tables import show_overview, show_video
    from workflows.operations.status import of_video, overview

    with operated_services() as services:
        report = of_video(services, *_names(video)) if video else overview(services, platform)
    if as_json:
        print_json(report)
    elif video:
        show_video(report)
    else:
        show_overview(report)


@commands.command(
    epilog="Examples: oriane retry --failed · oriane retry --reason decoder_timeout --limit 100 · "
    "oriane retry instagram/DKOicvaMxAb"
)
def retry(
    videos: Annotated[
        list[str] | None, typer.Argument(metavar="[PLATFORM/CODE]", help="These videos")
    ] = None,
    failed: Annotated[bool, typer.Option("--failed", help="All that failed")] = False,
    reason: Annotated[
        str, typer.Option(metavar="REASON", help="All that stopped for this reason")
    ] = "",
    platform: PlatformOption = "",
    limit: LimitOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Make videos due again that failed or were rejected; the next catch-up takes them."""
    if not (videos or failed or reason) or (videos and (failed or reason)):
        raise ConfigurationError("give videos, --failed or --reason REASON")
    from workflows.operations import retry as retrying
    from workflows.operations.planning_tables import show_retried

    with operated_services() as services:
        done = retrying.retry(
            services,
            videos or [],
            failed=failed,
            reason=reason,
            platform=platform,
            limit=limit or None,
        )
    if as_json:
        print_json({"requested": done})
    else:
        show_retried(done)


@commands.command(epilog="Examples: oriane runs · oriane runs videos-x7k2p · oriane runs --json")
def runs(
    name: Annotated[str, typer.Argument(metavar="[RUN]", help="Show this run's digest")] = "",
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="Most runs to show")] = 20,
    as_json: JsonOption = False,
) -> None:
    """List past runs with what became of their videos, the newest first; or one in full."""
    from workflows.operations.history import digest, digests
    from workflows.operations.planning_tables import show_digest, show_runs

    with operated_services() as services:
        found = [digest(services, name)] if name else digests(services)[:limit]
    if as_json:
        print_json(found[0] if name else found)
    elif name:
        show_digest(found[0])
    else:
        show_runs(found)


def _names(video: str) -> tuple[str, str]:
    platform, slash, code = video.partition("/")
    if not (platform and slash and code):
        raise ConfigurationError(f"expected PLATFORM/CODE, found {video!r}")
    return platform, code
