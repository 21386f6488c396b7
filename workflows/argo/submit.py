"""Submits runs to an Argo server, their videos and lists by the cluster's S3."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer

from components.base.run_names import run_name
from components.errors import ConfigurationError
from components.pipeline import video_to_embedding
from components.settings import Settings
from components.stores.s3 import Store
from workflows.argo.pipeline_templates import SEMAPHORES, run_template_name
from workflows.argo.server import ArgoServer, Progress
from workflows.intake.copies import faults_told
from workflows.intake.given import Given
from workflows.local.stand_ins import names_an_s3

# Argo parameters end up in an etcd object of at most 1.5 MB together with the run's status.
_LONGEST_PARAMETER = 8192


def submit_videos(
    server: ArgoServer,
    settings: Settings,
    work: Given,
    told: Callable[[str], None],
    *,
    gpu: bool,
    fused: bool | None = None,
    options: dict[str, str],
) -> str:
    """Start a run in the cluster and return the workflow's name.

    Local videos are copied to the source bucket first, so this needs the S3 that the cluster uses.

    Args:
        fused: Left open, media phases share a pod, which costs less at every size of shard; but not
            where it would hold a GPU for phases that use none.

    Raises:
        PipelineError: the input is wrong, or S3 or the Argo server cannot be used.
    """
    in_flight = options.get("shards_in_flight")
    if in_flight and in_flight not in SEMAPHORES:
        raise ConfigurationError(
            f"--shards-in-flight: expected one of {', '.join(SEMAPHORES)}, found {in_flight}"
        )
    parameters = dict(options)
    if work.source:
        parameters["source"] = work.source
    elif work.files or work.job_input:
        parameters |= _given(settings, work, told)
    elif settings.plan.job_input:
        parameters["job_input"] = _short(settings.plan.job_input, settings)
    elif "catch_up" not in options:
        raise ConfigurationError(
            "nothing to submit; give paths, an s3:// prefix, --job-input FILE or --catch-up"
        )
    for name, value in parameters.items():
        if "{{" in value:
            raise ConfigurationError(
                f"{name}: {value!r} holds '{{{{', which Argo would take for a parameter of its own"
            )
    pipeline = video_to_embedding(fused=not gpu if fused is None else fused)
    return server.submit(run_template_name(pipeline, gpu), parameters)


def _given(settings: Settings, work: Given, told: Callable[[str], None]) -> dict[str, str]:
    if not names_an_s3(settings):
        raise ConfigurationError(
            "local videos and lists go to the cluster by its S3; set S3_VIDEOS_BUCKET or "
            "AWS_ENDPOINT_URL and credentials, or give an s3:// prefix"
        )
    if work.files:
        told(work.files.summary)
    parameters = work.parameters(
        Store(settings.storage),
        settings.storage.videos_bucket,
        lambda video: told(f"copied {video}"),
    )
    for line in faults_told(work.files.faults if work.files else ()):
        told(line)
    return {"job_input": _short(parameters["job_input"], settings)}


def _short(job_input: str, settings: Settings) -> str:
    """Return the list itself if it is short, else the address of a copy in S3.

    Argo replaces `{{…}}` in what it is given as it does in a template, so a video of such a name
    would be another one. Inside JSON, where two braces only stand in names, one can be escaped.
    """
    shown = job_input.replace("{{", "{\\u007b")
    if len(shown.encode()) <= _LONGEST_PARAMETER:
        return shown
    uri = f"s3://{settings.storage.artifacts_bucket}/jobs/{run_name()}.json"
    Store(settings.storage).put(uri, job_input.encode(), content_type="application/json")
    return uri


class Submitted(BaseModel):
    """Where a run in the cluster stands, as `oriane submit --json` prints it.

    The counts of videos and the address of the digest are there once the digest is.
    """

    model_config = ConfigDict(frozen=True)

    workflow: str
    phase: str
    message: str
    digest: str | None
    videos: int | None = None
    done: int | None = None
    rejected: int | None = None
    failed: int | None = None
    leased: int | None = None

    @classmethod
    def of(cls, progress: Progress) -> Self:
        """Return what is printed of a run's progress."""
        return cls.model_validate(
            {
                "workflow": progress.name,
                "phase": progress.phase,
                "message": progress.message,
                "digest": progress.digest.get("digest"),
                **{name: int(progress.digest[name]) for name in _COUNTS & progress.digest.keys()},
            }
        )

    @model_serializer(mode="wrap")
    def _without_counts_to_come(self, dump: SerializerFunctionWrapHandler) -> dict[str, object]:
        known: dict[str, object] = dump(self)
        return {
            name: value for name, value in known.items() if name not in _COUNTS or value is not None
        }


_COUNTS = frozenset({"videos", "done", "rejected", "failed", "leased"})
