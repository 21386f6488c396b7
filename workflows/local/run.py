"""A run on this machine, with its log, its trace and its progress."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from components.base import logs, profiling
from components.base.model_names import identity
from components.base.run_names import run_name
from components.encoders.load import require_packages
from components.errors import ConfigurationError
from components.pipeline import component, video_to_embedding
from components.records.manifest import Entry
from components.records.run_report import RunReport
from components.running.phase import run
from components.running.services import Services
from components.settings import Settings
from workflows.intake import plan_parameters
from workflows.local.deployment import local_services
from workflows.local.display import Display, terminal_log
from workflows.local.engine import LocalRun
from workflows.local.leases import kept_alive
from workflows.local.metrics import export, run_metrics
from workflows.terminal.environment_file import file_that_was_read
from workflows.terminal.output import errors


def run_videos(
    settings: Settings,
    paths: Sequence[str],
    job_input: Path | None = None,
    *,
    videos_per_shard: int = 1,
    shards_in_flight: int,
    options: Mapping[str, Any] = {},
) -> RunReport:
    """Run the pipeline over what is given and return the report.

    Args:
        options: Further inputs of plan.

    Raises:
        PipelineError: the run as a whole could not be done.
    """
    name = run_name()
    console = errors()
    # What happens to each video goes to the log file; the terminal has the progress bar.
    level = "WARNING" if settings.work.log_level == "INFO" else settings.work.log_level
    file = settings.work.data_dir / "logs" / f"{name}.jsonl"
    start = time.monotonic()
    entries: list[Entry[Any]] = []
    profiling.start_trace()
    try:
        with logs.recording(level, file, terminal_log(console)):
            logs.log.info("settings: %s", _settings_from())
            with (
                Display(console) as display,
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
                run(digest, digest.inputs(run=name, max_failed_percent=100), services)
            leased = known[pipeline.once[-1].leased]
            result = RunReport.of(name, time.monotonic() - start, entries, leased)
            confined = services.decoders.confined_parts()
            export(settings.metrics, run_metrics(result, entries, confined))
    finally:
        profiling.write_trace()
    return result


def _settings_from() -> str:
    file = file_that_was_read()
    return f"the environment and {file}" if file else "the environment"


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
