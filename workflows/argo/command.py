"""The commands `submit`, `stop` and `doctor`."""

from __future__ import annotations

from typing import Annotated

import typer

from components.errors import ConfigurationError, RunFailedError
from workflows.terminal.commands import CLUSTER, command
from workflows.terminal.options import (
    CatchUpOption,
    ExcludeOption,
    IncludeOption,
    JobInputOption,
    JsonOption,
    LimitOption,
    OlderOption,
    OriginOption,
    PlatformOption,
    ReplaceOption,
    plan_options,
)
from workflows.terminal.output import errors, output, print_json

commands = typer.Typer()


@command(
    commands,
    CLUSTER,
    "oriane submit s3://oriane-contents/instagram/ --watch",
    "oriane submit clip.mp4 --watch",
    "oriane submit --catch-up --limit 100 --gpu",
    "oriane submit --catch-up --fused --videos-per-shard 32 --mb-per-shard 200",
)
def submit(
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATH", help="As for `run`; local videos are copied to S3 first"),
    ] = None,
    job_input: JobInputOption = None,
    catch_up: CatchUpOption = False,
    origin: OriginOption = "listing",
    limit: LimitOption = 0,
    older_than: OlderOption = "",
    platform: PlatformOption = "",
    include: IncludeOption = None,
    exclude: ExcludeOption = None,
    replace: ReplaceOption = False,
    videos_per_shard: Annotated[
        str,
        typer.Option(
            metavar="N",
            help="Most videos that one chain of pods handles; auto goes by what pods cost, as "
            "`oriane plan` says",
        ),
    ] = "auto",
    mb_per_shard: Annotated[
        float | None,
        typer.Option(min=0, metavar="MB", help="About how many MB of video one chain of pods gets"),
    ] = None,
    shards_in_flight: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Shards at once, a power of two up to 256"),
    ] = None,
    max_failed_percent: Annotated[
        float | None,
        typer.Option(min=0, max=100, metavar="X", help="Failed videos that make the run fail"),
    ] = None,
    gpu: Annotated[bool, typer.Option("--gpu", help="Crop and embed on GPUs")] = False,
    fused: Annotated[
        bool | None,
        typer.Option(
            "--fused/--split",
            help="Fetch, crop, frame and dedup of a shard in one pod (default: unless --gpu)",
        ),
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Follow the run to its end")] = False,
    timeout: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help="Stop following after so long")
    ] = 24 * 3600,
    as_json: JsonOption = False,
) -> None:
    """Run every phase over videos, on a cluster with Argo Workflows."""
    from components.settings import Settings
    from workflows.argo.follow import follow
    from workflows.argo.server import ArgoServer
    from workflows.argo.submit import Submitted, submit_videos
    from workflows.intake.files import Selection
    from workflows.intake.given import given

    settings, console = Settings.load(), errors()
    selection = Selection(platform, tuple(include or ()), tuple(exclude or ()))
    work = given(paths or [], job_input, settings, selection, replace=replace)
    options = {
        **plan_options(catch_up, origin, limit, older_than, "" if work.files else platform),
        "videos_per_shard": _videos_per_shard(videos_per_shard),
        "mb_per_shard": mb_per_shard,
        "shards_in_flight": shards_in_flight,
        "max_failed_percent": max_failed_percent,
    }
    server = ArgoServer(settings.cluster)
    name = submit_videos(
        server,
        settings,
        work,
        lambda line: console.print(line, highlight=False, markup=False, soft_wrap=True),
        gpu=gpu,
        fused=fused,
        options={key: _text(value) for key, value in options.items() if value is not None},
    )
    console.print(f"{name}: {server.page(name)}", highlight=False, soft_wrap=True)
    progress = follow(server, name, timeout, console) if watch else server.progress(name)
    if as_json:
        print_json(Submitted.of(progress))
    if watch and progress.phase != "Succeeded":
        raise RunFailedError(f"{name} {progress.phase}: {progress.message or 'see its digest'}")


@command(commands, CLUSTER, "oriane stop videos-rr75v")
def stop(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Name of the workflow")],
    timeout: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help="Wait so long for its end")
    ] = 600,
    as_json: JsonOption = False,
) -> None:
    """Stop a run on the cluster with all that it started; what is done stays and is reused."""
    from components.settings import Settings
    from workflows.argo.follow import summed_up
    from workflows.argo.server import ArgoServer
    from workflows.argo.stop import stop as stop_run
    from workflows.argo.submit import Submitted

    console = errors()

    def said(line: str) -> None:
        console.print(line, highlight=False)

    progress = stop_run(ArgoServer(Settings.load().cluster), run, timeout, said)
    if as_json:
        print_json(Submitted.of(progress))
    else:
        said(summed_up(progress) or f"{run} {progress.phase}: {progress.message}")


@command(commands, CLUSTER, "oriane doctor", "oriane doctor --gpu", "oriane doctor --json")
def doctor(
    gpu: Annotated[bool, typer.Option("--gpu", help="Check the gpu overlay's pods")] = False,
    timeout: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help="Wait so long for the checks' end")
    ] = 1800,
    as_json: JsonOption = False,
) -> None:
    """Check an installation on the cluster: whether each component finds what it needs."""
    from components.settings import Settings
    from workflows.argo.doctor import examined, failed
    from workflows.argo.server import ArgoServer

    console = errors()

    def said(line: str) -> None:
        console.print(line, highlight=False, markup=False, soft_wrap=True)

    checks = examined(ArgoServer(Settings.load().cluster), gpu, timeout, said)
    if as_json:
        print_json(checks)
    for one in () if as_json else checks:
        mark = "ok    " if one.is_sound else "failed"
        line = f"{mark}  {one.check}{f': {one.message}' if one.message else ''}"
        output().print(line, highlight=False, markup=False, soft_wrap=True)
    if error := failed(checks):
        raise error


def _videos_per_shard(given: str) -> str:
    if given != "auto" and not (given.isdecimal() and int(given) > 0):
        raise ConfigurationError(
            f"--videos-per-shard: expected auto or a number above 0, found {given!r}"
        )
    return given


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
