"""A run on this machine, with its log, its trace and its progress."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from components.base import logs, profiling
from components.base.disk import require_space
from components.base.model_names import identity
from components.base.run_names import run_name
from components.digest.summary import Summary
from components.encoders.load import require_packages
from components.errors import (
    ConfigurationError,
    NotFoundError,
    PipelineError,
    RunFailedError,
)
from components.frame.detectors import require_detector
from components.pipeline import component, video_to_embedding
from components.plan.contract import PlanInputs
from components.plan.decide import check_inputs
from components.records.digest import Digest
from components.records.manifest import Entry
from components.records.plan import Plan, plan_uri
from components.records.run_report import RunReport, RunVideo
from components.records.run_start import RUN_START, RunStart
from components.records.watch import WatchNotice
from components.running.calibration import calibrate_run, longest
from components.running.leases import kept_alive
from components.running.phase import run
from components.running.services import Services
from components.running.wardens import start_forkserver
from components.settings import Settings
from workflows.intake.copies import faults_told
from workflows.intake.given import Given
from workflows.local.deployment import local_services
from workflows.local.display import Display, terminal_log
from workflows.local.engine import LocalRun
from workflows.local.indexed_model import following_collection, model_line
from workflows.local.signs_of_life import alive
from workflows.local.sole_writer import sole_writer
from workflows.local.stand_ins import deployed, names_an_s3, stores_line
from workflows.terminal import environment
from workflows.terminal.output import errors

# Stands for the list of local files, of which the names are known once they are copied.
_FILES_TO_COME = "[]"

# What may be asked of a run's videos once they are indexed, and how lines about it are told.
Afterwards = Callable[
    [Services, str, Sequence[RunVideo], Callable[[str], None]], Sequence[WatchNotice]
]


def _nothing(*_: object) -> Sequence[WatchNotice]:
    return ()


def run_videos(
    settings: Settings,
    work: Given,
    *,
    videos_per_shard: int = 1,
    shards_in_flight: int,
    options: Mapping[str, Any] = {},
    afterwards: Afterwards = _nothing,
) -> RunReport:
    """Run the pipeline over what is given and return the report.

    Args:
        options: Further inputs of plan.
        afterwards: Asks the standing questions of the videos.

    Raises:
        PipelineError: the run as a whole could not be done.
    """
    _require_work(work, settings, options)
    name = run_name()
    inputs = PlanInputs(
        source=work.source,
        job_input=_FILES_TO_COME if work.files else work.job_input,
        **options,
        videos_per_shard=videos_per_shard,
        run=name,
    )
    check_inputs(inputs, settings.plan)
    given = deployed(settings)
    settings = _with_usable_model(given)
    console = errors()
    # What happens to each video goes to the log file; the terminal has the progress bar.
    level = "WARNING" if settings.work.log_level == "INFO" else settings.work.log_level
    file = settings.work.data_dir / "logs" / f"{name}.jsonl"
    start = time.monotonic()
    videos: list[RunVideo] = []
    profiling.start_trace()
    try:
        with logs.recording(level, file, terminal_log(console)):
            logs.log.info("settings: %s", _settings_from())
            if not names_an_s3(settings):
                require_space(settings.work.data_dir)
            with (
                Display(console) as display,
                sole_writer(settings),
                local_services(settings, display.advance) as services,
                alive(services, name),
                kept_alive(services, name),
            ):
                display.tell(stores_line(settings))
                display.tell(model_line(settings, given))
                _check(services)
                inputs = inputs.model_copy(update=_copied(work, services, display))
                with _error_booked(name, services):
                    summary = _summed(inputs, services, shards_in_flight, display, videos)
                watches = afterwards(services, name, videos, display.tell)
                digest = _digest(name, services) or summary.digest()
            left_out = work.files.faults if work.files else ()
            report = RunReport.of(name, time.monotonic() - start, videos, left_out, digest.leased)
            costs = {"bill": digest.bill, "limit": digest.limit}
            report = report.model_copy(update={"watches": tuple(watches), **costs})
            _export_metrics(report, digest, services)
            return report
    finally:
        profiling.write_trace()


def _require_work(work: Given, settings: Settings, options: Mapping[str, Any]) -> None:
    named = work.files or work.source or work.job_input or settings.plan.job_input
    if not named and not options.get("catch_up"):
        raise ConfigurationError(
            "nothing to run: give files, folders or an s3:// prefix, --job-input FILE, or "
            "--catch-up for what is due in the source bucket"
        )


def _settings_from() -> str:
    file = environment.file()
    return f"the environment and {file}" if file else "the environment"


def _with_usable_model(settings: Settings) -> Settings:
    """Return the settings with the model of the run, checked before anything is started or copied.

    Raises:
        ConfigurationError: CLIP_MODEL names none, or what it runs on is not installed.
    """
    settings = following_collection(settings)
    identity(settings.embed.model)
    require_packages(settings.embed)
    return settings


def _copied(work: Given, services: Services, display: Display) -> dict[str, str]:
    """Copy local files to the source bucket, say what was left out, and return plan's inputs."""
    if work.files:
        display.tell(work.files.summary)
    bucket = services.settings.storage.videos_bucket
    parameters = work.parameters(services.store, bucket, display.uploaded)
    for line in faults_told(work.files.faults if work.files else ()):
        display.tell(line)
    return parameters


def _summed(
    inputs: PlanInputs,
    services: Services,
    shards_in_flight: int,
    display: Display,
    videos: list[RunVideo],
) -> Summary:
    """Plan, take every shard through the phases, and leave the digest; return what it sums up.

    Of each video no more than its row of the report is kept, in `videos`.
    """
    pipeline = video_to_embedding()
    local = LocalRun(pipeline, services, shards_in_flight)
    known = local.plan(**dict(inputs))
    summary = Summary(inputs.run, _plan(inputs.run, services))
    videos += services.reused
    services.reused.clear()
    planned = known[pipeline.once[-1].videos]
    if planned:
        # What the workers import takes a second, in which the first videos are fetched.
        start_forkserver()
    display.expect(planned * len(pipeline.each))
    sample: list[Entry[Any]] = []
    for shard in local.shards(known):
        summary.add_shard(shard)
        videos += map(RunVideo.of, shard)
        sample = longest([*sample, *shard])
    calibrate_run(services, sample, summary.worked_s)
    digest = component("digest")
    # Only what is left to other runs fails here, which the report says as well.
    with suppress(RunFailedError):
        run(digest, digest.inputs(run=inputs.run, max_failed_percent=100), services)
    return summary


def _digest(name: str, services: Services) -> Digest | None:
    """Return what the digest says of the run; None where it was not summed up."""
    uri = f"s3://{services.settings.storage.artifacts_bucket}/runs/{name}/digest.json"
    try:
        return Digest.model_validate_json(services.store.get(uri))
    except NotFoundError:
        return None


def _export_metrics(report: RunReport, digest: Digest, services: Services) -> None:
    metrics = services.settings.metrics
    if metrics.wanted:
        from workflows.local.metrics import export, run_metrics

        export(metrics, run_metrics(report, digest, services.decoders.confined_parts()))


def _plan(name: str, services: Services) -> Plan:
    """Return what the run set out to do."""
    uri = plan_uri(services.settings.storage.artifacts_bucket, name)
    return Plan.model_validate_json(services.store.get(uri))


@contextmanager
def _error_booked(name: str, services: Services) -> Iterator[None]:
    """Have `oriane runs` tell what broke the run off, where that can still be written."""
    try:
        yield
    except PipelineError as error:
        uri = f"s3://{services.settings.storage.artifacts_bucket}/runs/{name}/{RUN_START}"
        with suppress(PipelineError):
            start = RunStart.model_validate_json(services.store.get(uri))
            start = start.model_copy(update={"error": str(error)})
            services.store.put(uri, start.model_dump_json().encode(), "application/json")
        raise


def _check(services: Services) -> None:
    """Refuse to start work that could not be indexed or booked in the end.

    Raises:
        ConfigurationError: the collection holds vectors of another model; what the scene detector
            runs on is not installed; Postgres's variables.
        TransientError: Qdrant or Postgres does not answer.
    """
    settings = services.settings
    require_detector(settings.frame)
    indexed, wanted = services.collection.model(), identity(settings.embed.model)
    if indexed is not None and indexed != wanted:
        raise ConfigurationError(
            f"collection {settings.index.collection!r} holds vectors of {indexed}, this run would "
            f"add some of {wanted}; set QDRANT_COLLECTION to another name, or CLIP_MODEL to the "
            "model the collection was made with"
        )
