"""The commands' work: a run with its log, trace and progress; searches over what it indexed."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from logging import Handler
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console
from rich.logging import RichHandler
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.traceback import install

from components import logs, profiling
from components.contract import component
from components.encoders.identity import identity
from components.encoders.load import require_packages
from components.errors import ConfigurationError
from components.manifest import Entry, Video
from components.plan.naming import run_name
from components.services import Services
from components.settings import Settings
from workflows.intake import plan_parameters
from workflows.leases import kept_alive
from workflows.local import LocalRun, local_services, with_stand_ins
from workflows.metrics import export, run_metrics
from workflows.pipeline import video_to_embedding
from workflows.report import report
from workflows.search import search, with_indexed_model

if TYPE_CHECKING:
    from components.collection import Hit


def run_videos(
    settings: Settings,
    paths: Sequence[str],
    job_input: Path | None = None,
    *,
    videos_per_shard: int = 1,
    shards_in_flight: int,
    options: Mapping[str, Any] = {},
) -> dict[str, Any]:
    """Run the pipeline over what is given and return the report.

    Args:
        options: Further inputs of plan.

    Raises:
        PipelineError: the run as a whole could not be done.
    """
    name = run_name()
    console = Console(stderr=True)
    # What happens to each video goes to the log file; the terminal has the progress bar.
    level = "WARNING" if settings.work.log_level == "INFO" else settings.work.log_level
    file = settings.work.data_dir / "logs" / f"{name}.jsonl"
    start = time.monotonic()
    entries: list[Entry[Any]] = []
    profiling.start_trace()
    try:
        with logs.recording(level, file, _terminal_log(console)):
            with (
                _Display(console) as display,
                local_services(settings, display.advance) as services,
                kept_alive(services, name),
            ):
                _check(services)
                store, bucket = services.store, services.settings.storage.videos_bucket
                parameters = plan_parameters(paths, job_input, store, bucket, display.uploaded)
                pipeline = video_to_embedding()
                local = LocalRun(pipeline, services, shards_in_flight)
                known = local.plan(
                    **parameters, **options, videos_per_shard=videos_per_shard, run=name
                )
                display.expect(known[pipeline.once[-1].videos] * len(pipeline.each))
                for shard in local.shards(known):
                    entries += shard
                digest = component("digest")
                digest.run(digest.inputs(run=name, max_failed_percent=100), services)
            result = report(name, time.monotonic() - start, entries)
            export(settings.metrics, run_metrics(result, entries))
    finally:
        profiling.write_trace()
    return result


def search_frames(
    settings: Settings,
    queries: Sequence[str | Path],
    *,
    limit: int,
    platform: str | None = None,
    code: str | None = None,
) -> list[list[Hit]]:
    """Return the hits of each query (a text, or a file with a picture), best first.

    Raises:
        PipelineError: nothing is indexed, or the model or Qdrant cannot be used.
    """
    with logs.recording("WARNING"), Services(with_stand_ins(settings)) as services:
        services.collection.require()
        services.settings = with_indexed_model(services.settings, services.collection.model())
        return [
            search(services, query, limit=limit, platform=platform, code=code) for query in queries
        ]


def _check(services: Services) -> None:
    """Refuse to start work that could not be indexed or booked in the end.

    Raises:
        ConfigurationError: the collection holds vectors of another model; what the model runs on
            is not installed; Postgres's variables.
        TransientError: Qdrant or Postgres does not answer.
    """
    settings = services.settings
    require_packages(settings.embed)
    indexed, wanted = services.collection.model(), identity(settings.embed.model)
    if indexed is not None and indexed != wanted:
        raise ConfigurationError(
            f"collection {settings.index.collection!r} holds vectors of {indexed}, this run would "
            f"add some of {wanted}; set QDRANT_COLLECTION to another name, or CLIP_MODEL to the "
            "model the collection was made with"
        )


def _terminal_log(console: Console) -> Handler | None:
    """Return a handler that keeps the progress bar below the messages."""
    if not console.is_terminal:
        return None
    install(console=console, show_locals=False)
    return RichHandler(
        console=console, show_path=False, rich_tracebacks=True, log_time_format="[%X]"
    )


class _Display:
    """The progress bar on a terminal; nothing where there is none."""

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task = self._progress.add_task("starting", total=None)

    def uploaded(self, video: str) -> None:
        """Show that a local file is in the source bucket."""
        self._progress.update(self._task, description=f"copied {video}")

    def expect(self, steps: int) -> None:
        """Set how many steps there are: videos times phases."""
        self._progress.update(self._task, total=steps, description="running")

    def advance(self, phase: str, video: Video, outcome: str) -> None:
        """Count a video that left a phase."""
        self._progress.update(self._task, advance=1, description=f"{phase} {video} {outcome}")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()
