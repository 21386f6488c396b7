"""`oriane`: run the pipeline, here or on a cluster, and search what it indexed."""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from dotenv import load_dotenv
from rich.console import Console
from rich.markup import escape

from components.errors import (
    EXIT_DONE,
    EXIT_TRANSIENT,
    ConfigurationError,
    PipelineError,
    RunFailedError,
)
from workflows import model_cli
from workflows.operations.planning_cli import commands as planning
from workflows.operations.upkeep_cli import commands as operations
from workflows.options import (
    CatchUpOption,
    JsonOption,
    LimitOption,
    OlderOption,
    OriginOption,
    PlatformOption,
    loaded_settings,
    plan_options,
)

app = typer.Typer(
    no_args_is_help=True,
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.add_typer(planning)
app.add_typer(operations)
app.add_typer(model_cli.app, name="model")
errors = Console(stderr=True)
_INTERRUPTED = 130


def main() -> None:
    """Run the command line; every deliberate error becomes a message and its exit code."""
    load_dotenv(".env")
    signal.signal(signal.SIGINT, _interrupted)
    try:
        app()
    except PipelineError as error:
        errors.print(f"[bold red]error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(error.exit_code)


def _interrupted(*_: object) -> NoReturn:
    """End at once: a run may be broken off anywhere, and waiting for its threads takes minutes."""
    errors.show_cursor()
    errors.print("\ninterrupted; run the same command again to go on where it stopped")
    os._exit(_INTERRUPTED)


@app.callback()
def options(
    version: Annotated[bool, typer.Option("--version", help="Print the version and end")] = False,
) -> None:
    """Turn videos into searchable frame embeddings."""
    if version:
        print(f"oriane {metadata.version('oriane')}")
        raise typer.Exit


@app.command(
    epilog="Examples: oriane run clip.mp4 · oriane run ~/videos --json · "
    "oriane run s3://oriane-contents/instagram/ · oriane run --job-input job.json · "
    "oriane run --catch-up --limit 500"
)
def run(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PATH",
            help="Video files, folders laid out <platform>/<code>/video.mp4, or an s3:// prefix; "
            "without one, --job-input or the variable JOB_INPUT",
        ),
    ] = None,
    job_input: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help='JSON list of {"platform": …, "code": …}'),
    ] = None,
    videos_per_shard: Annotated[
        int, typer.Option(min=1, metavar="N", help="Videos that go through the phases together")
    ] = 1,
    shards_in_flight: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Shards worked on at once (default: the cores)"),
    ] = None,
    catch_up: CatchUpOption = False,
    origin: OriginOption = "listing",
    limit: LimitOption = 0,
    older_than: OlderOption = "",
    platform: PlatformOption = "",
    as_json: JsonOption = False,
) -> None:
    """Run every phase over videos, on this machine; what is done already is reused."""
    from components.isolation import start_forkserver

    start_forkserver()
    from workflows.runner import run_videos

    settings = loaded_settings()
    result = run_videos(
        settings,
        paths or [],
        job_input,
        videos_per_shard=videos_per_shard,
        shards_in_flight=shards_in_flight or settings.work.worker_count,
        options=plan_options(catch_up, origin, limit, older_than, platform),
    )
    if as_json:
        print(json.dumps(result, ensure_ascii=False))
    else:
        from workflows.tables import output, run_table

        output().print(run_table(result))
    _exit_for(result)


@app.command(
    epilog='Examples: oriane search "a cat" · oriane search --image photo.jpg --limit 3 · '
    'oriane search "a bicycle" --platform instagram --json'
)
def search(
    text: Annotated[str | None, typer.Argument(help="What the frames should show")] = None,
    image: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A picture the frames should look like")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="Most frames to show")] = 10,
    platform: Annotated[
        str | None, typer.Option(metavar="NAME", help="Frames of this platform only")
    ] = None,
    video: Annotated[
        str | None, typer.Option(metavar="CODE", help="Frames of this video only")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Find the frames that fit a text or a picture, best first."""
    if (text is None) == (image is None):
        raise ConfigurationError("give a text or --image FILE, one of them")
    from workflows.runner import search_frames

    query = text if text is not None else image
    assert query is not None
    hits = search_frames(loaded_settings(), [query], limit=limit, platform=platform, code=video)[0]
    if as_json:
        print(json.dumps([asdict(hit) for hit in hits], ensure_ascii=False))
    else:
        from workflows.tables import hits_table, output

        output().print(hits_table(str(query), hits))


@app.command(epilog="Example: oriane demo")
def demo(
    packages: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder with moviepy's source package, for its trailer"),
    ] = None,
) -> None:
    """Run everything on real videos from Python packages, search them, and draw a contact sheet."""
    from components.isolation import start_forkserver

    start_forkserver()
    from workflows.demo.show import show
    from workflows.tables import output

    _exit_for(show(loaded_settings(), packages, output()))


@app.command(
    epilog="Examples: oriane submit s3://oriane-contents/instagram/ --watch · "
    "oriane submit clip.mp4 --watch · oriane submit --catch-up --limit 100 --gpu · "
    "oriane submit --catch-up --fused --videos-per-shard 32 --mb-per-shard 200"
)
def submit(
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATH", help="As for `run`; local videos are copied to S3 first"),
    ] = None,
    job_input: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help='JSON list of {"platform": …, "code": …}'),
    ] = None,
    catch_up: CatchUpOption = False,
    origin: OriginOption = "listing",
    limit: LimitOption = 0,
    older_than: OlderOption = "",
    platform: PlatformOption = "",
    videos_per_shard: Annotated[
        int, typer.Option(min=1, metavar="N", help="Most videos that one chain of pods handles")
    ] = 1,
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
        bool, typer.Option("--fused", help="Fetch, crop, frame and dedup of a shard in one pod")
    ] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Follow the run to its end")] = False,
    timeout: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help="Stop following after so long")
    ] = 24 * 3600,
    as_json: JsonOption = False,
) -> None:
    """Run every phase over videos, on a cluster with Argo Workflows (docs/cluster.md)."""
    from workflows.follow import follow
    from workflows.submit import ArgoServer, as_json_object, submit_videos

    settings = loaded_settings()
    options = {
        **plan_options(catch_up, origin, limit, older_than, platform),
        "videos_per_shard": videos_per_shard,
        "mb_per_shard": mb_per_shard,
        "shards_in_flight": shards_in_flight,
        "max_failed_percent": max_failed_percent,
    }
    server = ArgoServer(settings.cluster)
    name = submit_videos(
        server,
        settings,
        paths or [],
        job_input,
        lambda video: errors.print(f"copied {video}", highlight=False),
        gpu=gpu,
        fused=fused,
        options={key: _text(value) for key, value in options.items() if value is not None},
    )
    errors.print(f"{name}: {server.page(name)}", highlight=False, soft_wrap=True)
    progress = follow(server, name, timeout, errors) if watch else server.progress(name)
    if as_json:
        print(json.dumps(as_json_object(progress), ensure_ascii=False))
    if watch and progress.phase != "Succeeded":
        raise RunFailedError(f"{name} {progress.phase}: {progress.message or 'see its digest'}")


@app.command(epilog="Examples: oriane render · oriane render --check · oriane render --output out")
def render(
    output: Annotated[
        Path, typer.Option(metavar="DIR", help="Folder of the Kubernetes manifests")
    ] = Path("k8s"),
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing, fail if a file is stale")
    ] = False,
) -> None:
    """Render Argo's manifests from the components' contracts."""
    from workflows.manifests import rendered
    from workflows.rendering import refresh

    if not refresh({output / path: text for path, text in rendered().items()}, check=check):
        raise typer.Exit(1)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _exit_for(result: dict[str, Any]) -> None:
    """End with 75 if a video failed; rejected videos, which the log has named, are no failure."""
    from workflows.report import counts, shared_fault
    from workflows.versions import versions

    if fault := shared_fault(result):
        raise RunFailedError(
            f"every video failed with the same internal error, {fault}; that is a fault of oriane "
            "or of a package that it uses, not of the videos. Please report it with the traceback "
            f"above and this line: {versions()}"
        )
    failed = counts(result)["failed"]
    if failed:
        errors.print(f"[bold red]{failed} videos failed[/]; run the same command again")
    raise typer.Exit(EXIT_TRANSIENT if failed else EXIT_DONE)
