"""The compiled components and pipeline really run: kfp's DockerRunner on the built images.

Needs what docs/kubeflow.md lists under "Run it on this machine".
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from kfp import components as kfp_components
from kfp import local

from components.dag import Item, Output, Pipeline, PipelineInput, Source, Step
from components.pipeline import component, video_to_embedding
from components.records.manifest import Entry, Manifest
from components.records.videos import CroppedVideo, EmbeddedVideo, RecordedVideo, Rectangle
from components.settings import Settings, StorageSettings
from components.stores.s3 import Store
from components.stores.vectors.open import open_store
from tests.clips import bordered_video
from workflows.kubeflow import Target, kubeflow_pipeline, rendered_kubeflow

TARGET = Target(registry="localhost", gpu=False, parallelism=1)
# Kubernetes puts a command in the place of the image's entry point, Docker appends it. The runner
# removes a container that has ended and may yet ask about it, so one that is quick stays a while.
LINGERING = ["sh", "-c", '"$@"; code=$?; sleep 2; exit $code', "sh"]
STEPS = tuple(video_to_embedding().steps())


def _missing() -> str:
    """Return what these tests lack here, or nothing."""
    if not os.environ.get("DOCKER_HOST"):
        return "DOCKER_HOST is not set: no Docker API to run containers with"
    try:
        import docker
    except ImportError:
        return "the package docker is not installed, which kfp's DockerRunner needs"
    client = docker.from_env()
    built = {tag for image in client.images.list() for tag in image.tags}
    client.close()
    lacking = {TARGET.image(component(step.name)) for step in STEPS} - built
    return f"images are not built: {', '.join(sorted(lacking))}" if lacking else ""


pytestmark = [
    pytest.mark.skipif(bool(reason := _missing()), reason=reason),
    # The local runner ignores requests and limits, and says so for each task.
    pytest.mark.filterwarnings("ignore:Task .* have no effect in the current local:UserWarning"),
]


class Bench:
    """An S3 server with a letterboxed video in it, and containers that reach it."""

    def __init__(self, storage: StorageSettings, folder: Path) -> None:
        self.storage, self.store, self.folder = storage, Store(storage), folder
        self.qdrant = folder / "qdrant"
        for shared in (folder, self.qdrant):
            shared.mkdir(exist_ok=True)
            # Containers run as a user of their own.
            shared.chmod(0o777)
        secret = storage.secret_access_key
        assert secret is not None
        environment = {
            "AWS_ENDPOINT_URL": str(storage.endpoint_url),
            "AWS_ACCESS_KEY_ID": str(storage.access_key_id),
            "AWS_SECRET_ACCESS_KEY": secret.get_secret_value(),
            "AWS_EC2_METADATA_DISABLED": "true",
            "VP_SCRATCH_DIR": "/tmp",
            "QDRANT_URL": str(self.qdrant),
            "LOCAL_MODE": "1",
        }
        runner = local.DockerRunner(
            network_mode="host", environment=environment, entrypoint=LINGERING
        )
        local.init(runner, pipeline_root=str(folder))
        files = rendered_kubeflow(TARGET, folder)
        for path, text in files.items():
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)

    def loaded(self, name: str) -> Callable[..., Any]:
        """Return the component from its compiled file."""
        path = self.folder / "components" / f"{name}.yaml"
        made: Callable[..., Any] = kfp_components.load_component_from_file(str(path))
        return made

    def add(self, path: Path, code: str) -> None:
        uri = f"s3://{self.storage.videos_bucket}/tiktok/{code}/video.mp4"
        self.store.put(uri, path.read_bytes(), content_type="video/mp4")

    def only(self, manifest: Manifest[Any]) -> Entry[Any]:
        (entry,) = manifest.read(self.store)
        assert entry.problem is None, entry.problem
        return entry

    def keys(self, bucket: str, prefix: str = "") -> list[str]:
        return [stored.uri for stored in self.store.objects(f"s3://{bucket}/{prefix}")]


@pytest.fixture
def bench(storage: StorageSettings, tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(storage, tmp_path / "kubeflow")
    clip = bordered_video(tmp_path / "clip.mp4", inside=(320, 180), bars=(40, 40, 0, 0))
    bench.add(clip, "letterboxed")
    yield bench
    local.config.LocalExecutionConfig.instance = None


def test_components_run_one_by_one(bench: Bench) -> None:
    """Run plan to embed, each loaded from its file and wired as the DAG wires them."""
    made: dict[Any, Any] = {}
    for step in STEPS:
        if step.name in ("index", "record"):
            continue
        arguments = {
            name: made[source] for name, source in step.arguments.items() if source in made
        }
        if step.name == "plan":
            arguments = {"source": f"s3://{bench.storage.videos_bucket}/", "run": "single"}
        outputs = bench.loaded(step.name)(**arguments).outputs
        for name, field in step.component.outputs.model_fields.items():
            made[Output(step.name, name, field.annotation)] = outputs[f"out_{name}"]
        if step.name == "plan":
            (made[Item(step.shards)],) = outputs["out_shards"]
        else:
            assert (outputs["out_done"], outputs["out_failed"]) == (1, 0)
    steps = {step.name: step for step in STEPS}

    cropped = bench.only(Manifest[CroppedVideo](made[steps["crop"].manifest])).result
    assert cropped.rectangle == Rectangle(x=0, y=40, width=320, height=180)
    embedded = bench.only(Manifest[EmbeddedVideo](made[steps["embed"].manifest])).result
    assert embedded.model.startswith("packaged:conse")
    vectors = np.load(io.BytesIO(bench.store.get(embedded.vectors)))
    assert vectors.shape == (len(embedded.framed.frames), embedded.dim)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    published = bench.keys(bench.storage.frames_bucket, "tiktok/letterboxed/")
    wanted = {embedded.framed.path(frame) for frame in embedded.framed.frames}
    assert {uri.split("/", 3)[3] for uri in published} == wanted


def over_given_shards() -> Pipeline:
    """Return the DAG after plan, whose outputs become parameters.

    kfp 2.17.0's local runner loops over parameters only, and over an output called Output.
    """
    pipeline = video_to_embedding()
    given = {
        Output("plan", name, source.type): PipelineInput(name, source.type)
        for name, source in [("shards", pipeline.over), ("run", Output("plan", "run", str))]
    }

    def rewired(source: Source) -> Source:
        if isinstance(source, Item):
            return Item(given[source.of])  # type: ignore[arg-type]
        return given.get(source, source)  # type: ignore[call-overload,no-any-return]

    return replace(
        pipeline,
        parameters=tuple(given.values()),
        once=(),
        over=given[pipeline.over],  # type: ignore[arg-type]
        each=tuple(
            Step(step.component, {name: rewired(of) for name, of in step.arguments.items()})
            for step in pipeline.each
        ),
    )


def test_the_loop_runs_for_every_shard(bench: Bench, tmp_path: Path) -> None:
    """Run the compiled ParallelFor over two shards, up to Qdrant and the markers."""
    clip = bordered_video(tmp_path / "second.mp4", inside=(200, 180), bars=(0, 0, 60, 60))
    bench.add(clip, "pillarboxed")
    source = f"s3://{bench.storage.videos_bucket}/"
    planned = bench.loaded("plan")(source=source, run="whole").outputs
    assert len(planned["out_shards"]) == 2
    kubeflow_pipeline(over_given_shards(), TARGET)(shards=planned["out_shards"], run="whole")
    frames = 0
    for number in range(2):
        uri = f"s3://{bench.storage.artifacts_bucket}/runs/whole/{number:06d}/record.jsonl"
        recorded = bench.only(Manifest[RecordedVideo](uri)).result
        frames += len(recorded.indexed.framed.frames)
        assert recorded.marker in bench.keys(bench.storage.frames_bucket)
    settings = Settings.load().having("index", url=str(bench.qdrant))
    vectors = open_store(settings.index)
    try:
        vector = [1.0] + [0.0] * (recorded.indexed.dim - 1)
        assert len(vectors.collection().search(vector, 100)) == frames
    finally:
        vectors.close()
