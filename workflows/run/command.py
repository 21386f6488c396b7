"""The command `run`, and the table that it prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from components.base.wording import counted
from components.errors import EXIT_DONE, EXIT_TRANSIENT, RunFailedError
from workflows.terminal.commands import RUN, command
from workflows.terminal.options import (
    AllOption,
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
from workflows.terminal.output import (
    MOST_ROWS,
    errors,
    listed_counts,
    output,
    print_json,
    print_table,
)

if TYPE_CHECKING:
    from components.records.run_report import RunReport, RunVideo
    from components.records.watch import WatchNotice
    from components.running.services import Services

commands = typer.Typer()


@command(
    commands,
    RUN,
    "oriane run clip.mp4",
    "oriane run ~/videos --json",
    "oriane run ~/downloads --platform tiktok --exclude '*draft*'",
    "oriane run s3://oriane-contents/instagram/",
    "oriane run --job-input job.json",
    "oriane run --catch-up --limit 500",
)
def run(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PATH",
            help="Video files, folders with videos below them, or an s3:// prefix; without one, "
            "--job-input or the variable JOB_INPUT",
        ),
    ] = None,
    job_input: JobInputOption = None,
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
    include: IncludeOption = None,
    exclude: ExcludeOption = None,
    replace: ReplaceOption = False,
    everything: AllOption = False,
    as_json: JsonOption = False,
) -> None:
    """Run every phase over videos, on this machine; what is done already is reused."""
    from components.base.allocator import few_arenas
    from components.running.wardens import start_forkserver
    from components.settings import Settings
    from workflows.intake.files import Selection
    from workflows.intake.given import given

    # Of this process, which is the run; who calls oriane.run keeps its own memory as it likes.
    few_arenas()
    settings = Settings.load()
    selection = Selection(platform, tuple(include or ()), tuple(exclude or ()))
    work = given(paths or [], job_input, settings, selection, replace=replace)
    # Mostly there is something new, and what decodes takes half a second to start: by then the plan
    # is made, on another core.
    start_forkserver()
    # Of local files, the platform is one of the selection; plan narrows by it what it finds itself.
    options = plan_options(catch_up, origin, limit, older_than, "" if work.files else platform)
    from workflows.local.run import run_videos

    report = run_videos(
        settings,
        work,
        videos_per_shard=videos_per_shard,
        shards_in_flight=shards_in_flight or settings.work.worker_count,
        options=options,
        afterwards=_watches_asked,
    )
    if as_json:
        print_json(report, videos=report.videos)
    else:
        print_run(report, everything=everything)
    end_as(report)


def _watches_asked(
    services: Services, run: str, videos: Sequence[RunVideo], tell: Callable[[str], None]
) -> Sequence[WatchNotice]:
    """Ask the standing questions; what that takes is imported once the videos are done."""
    from workflows.watch.after_run import after_run

    return after_run(services, run, videos, tell)


def end_as(report: RunReport) -> None:
    """End with 75 if a video failed or was left to another run; rejected ones are no failure.

    Raises:
        RunFailedError: every video met the same fault of the program.
    """
    from workflows.terminal.versions import versions

    if fault := report.shared_fault:
        raise RunFailedError(
            f"every video failed with the same internal error, {fault}; that is a fault of oriane "
            "or of a package that it uses, not of the videos. Please report it with the traceback "
            f"above and this line: {versions()}"
        )
    failed = report.counts["failed"]
    if failed:
        failures = Text(f"{counted(failed, 'video')} failed", style="bold red")
        errors().print(Text.assemble(failures, "; run the same command again"))
    if report.leased:
        errors().print(
            f"{counted(report.leased, 'video')} left to other runs, which `oriane status` names; "
            "run the same command again when they have ended"
        )
    raise typer.Exit(EXIT_TRANSIENT if failed or report.leased else EXIT_DONE)


def print_run(report: RunReport, *, everything: bool = False) -> None:
    """Print a row a video, what did not end well first where not all are shown, and the sum."""
    cut = not everything and len(report.videos) > MOST_ROWS
    videos = sorted(report.videos, key=lambda video: video.status == "done" and cut)
    print_table(
        ("video", "status", "length", "frames", "duplicates", "crop", "reused", "seconds"),
        ("length", "frames", "duplicates", "seconds"),
        [_row(video) for video in videos],
        most=MOST_ROWS if cut else len(videos),
        title=f"run {report.run}: {report.seconds:.1f} s",
    )
    output().print(summary(report), highlight=False, markup=False)
    for line in costs(report):
        output().print(line, highlight=False, markup=False)


def summary(report: RunReport) -> str:
    """Return what a run came to, in a line."""
    counts = report.counts
    if not report.videos:
        held = " that no other run holds" if report.leased else ""
        return f"nothing to do: no video is due{held}"
    parts = [counted(counts["done"], "video") + " done"]
    for status in ("rejected", "failed"):
        if counts[status]:
            reasons = Counter(str(v.reason) for v in report.videos if v.status == status)
            parts.append(
                f"{counts[status]} {status} ({listed_counts(dict(reasons.most_common()))})"
            )
    done = [video for video in report.videos if video.status == "done"]
    parts.append(counted(sum(len(video.frames) for video in done), "frame"))
    parts.append(f"{report.seconds:.1f} s")
    # What was taken over from earlier runs says nothing of how fast this one worked.
    worked = sum(video.duration or 0.0 for video in done if len(video.reused) < len(video.seconds))
    if worked:
        parts.append(f"{worked / report.seconds:.1f} hours of video an hour")
    return ", ".join(parts)


def costs(report: RunReport) -> Iterator[str]:
    """Yield what the run cost where there are prices, and how near it came to the limit."""
    from components.costs import bill, limit

    if report.bill and report.bill.total is not None:
        yield f"cost: {bill.told(report.bill)}"
    if report.limit:
        yield limit.told(report.limit)


def _row(video: RunVideo) -> list[str]:
    if video.status != "done":
        return [video.name, f"{video.status}: {video.reason}", "", "", "", "", "", ""]
    crop = video.crop
    all_reused = len(video.reused) == len(video.seconds)
    return [
        video.name,
        "done",
        f"{video.duration:.1f} s",
        str(len(video.frames)),
        str(video.duplicates_removed),
        f"{crop.width}x{crop.height}+{crop.x}+{crop.y}" if crop else "none",
        "all" if all_reused else ", ".join(video.reused) or "none",
        f"{sum(video.seconds.values()):.1f}",
    ]
