"""A new phase is a folder and a line: everything else follows from its contract.

Two phases that pass videos through are added to a copy of the project, as CONTRIBUTING says: one in
the chain, and one beside upload and embed, on whose results index builds as well.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.clips import numbered_video
from tests.commands import environment
from workflows.reference.tree import ROOT

pytestmark = pytest.mark.slow

NAME, BESIDE = "score", "tone"
CONTRACT = '''"""What score takes, gives and needs."""

from __future__ import annotations

from pydantic import Field

from components.contract import Component, Inputs, Resources, ShardOutputs
from components.records.manifest import Manifest
from components.records.videos import FramedVideo


class ScoreInputs(Inputs):
    manifest: Manifest[FramedVideo] = Field(description="Framed videos of one shard")


class ScoreOutputs(ShardOutputs):
    manifest: Manifest[FramedVideo] = Field(description="The same videos")


COMPONENT = Component(
    name="score",
    purpose="Say how good frames are",
    inputs=ScoreInputs,
    outputs=ScoreOutputs,
    resources=Resources(cpu=1, memory_gib=1, disk_gib=4),
    settings=(),
)
'''
RUN = '''"""Passes every video on."""

from __future__ import annotations

from components.running.services import Services
from components.running.shard import run_each
from components.score.contract import COMPONENT, ScoreInputs, ScoreOutputs


def run(inputs: ScoreInputs, services: Services) -> ScoreOutputs:
    return run_each(COMPONENT, inputs.manifest, services, lambda job: job.input)
'''
TYPES = """
import json, sys
from typer.testing import CliRunner
from workflows.cli.app import app
for command in json.loads(sys.argv[1]):
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, (command, done.exception, done.output)
    print(done.stdout.strip())
"""
WITH_THEM = ("fetch", "crop", "frame", NAME, "dedup", "upload", BESIDE, "embed", "index", "record")
# What the phases that take their results say of that.
EDITS = (
    ("components/pipeline.py", '"frame", "dedup")', f'"frame", "{NAME}", "dedup")'),
    (
        "components/pipeline.py",
        """{"published": published.manifest, "embedded": embedded.manifest}
    )""",
        """{
            "published": published.manifest,
            "toned": (toned := Step(_declared("tone"), {"manifest": kept})).manifest,
            "embedded": embedded.manifest,
        },
    )""",
    ),
    (
        "components/pipeline.py",
        "published, embedded, indexed",
        "published, toned, embedded, indexed",
    ),
    (
        "components/index/contract.py",
        "    embedded: Manifest",
        """    toned: Manifest[FramedVideo] = Field(description="The same videos")
    embedded: Manifest""",
    ),
    (
        "components/index/contract.py",
        "import EmbeddedVideo, ",
        "import EmbeddedVideo, FramedVideo, ",
    ),
    ("components/index/contract.py", '("embedded",)', '("embedded", "toned")'),
    (
        "components/index/run.py",
        "joined(embedded, published)",
        "joined(embedded, published, inputs.toned.read(services.store))",
    ),
)


class Copy:
    """A copy of the project with the two phases in it, and a place for its data."""

    def __init__(self, folder: Path, model: str) -> None:
        self.root = folder / "project"
        ignored = shutil.ignore_patterns("__pycache__", ".*", "data", "tests", "benchmarks")
        shutil.copytree(ROOT, self.root, ignore=ignored)
        (folder / "data").mkdir()
        own = {"CLIP_MODEL": model, "PYTHONPATH": self.root, "LOCAL_MODE": "1"}
        self._environment = environment(folder / "data", **own)
        for name in (NAME, BESIDE):
            phase = self.root / "components" / name
            phase.mkdir()
            (phase / "__init__.py").write_text(f'"""The phase {name}."""\n')
            for file, text in (("contract.py", CONTRACT), ("run.py", RUN)):
                own = text.replace("score", name).replace("Score", name.title())
                (phase / file).write_text(own)
        for edit in EDITS:
            self.edit(*edit)

    def edit(self, file: str, before: str, after: str) -> None:
        text = (self.root / file).read_text()
        assert text.count(before) == 1, file
        (self.root / file).write_text(text.replace(before, after))

    def python(self, *arguments: object) -> str:
        return subprocess.check_output(
            [sys.executable, *map(str, arguments)], env=self._environment, cwd=self.root, text=True
        )

    def oriane(self, *commands: list[object]) -> list[Any]:
        """Type the commands, one after the other in one process; return what each prints."""
        typed = json.dumps([[*map(str, command), "--json"] for command in commands])
        return [json.loads(line) for line in self.python("-c", TYPES, typed).splitlines()]

    def yaml(self, file: str) -> list[Any]:
        return list(yaml.load_all((self.root / file).read_text(), yaml.CSafeLoader))


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory, model: str) -> Copy:
    made = Copy(tmp_path_factory.mktemp("new-phase"), model)
    made.python("-c", "from workflows.cli.app import main; main()", "render", "all")
    return made


def test_argo_has_a_template_of_it_and_runs_it_in_its_place(copy: Copy) -> None:
    (template,) = copy.yaml(f"k8s/base/{NAME}.yaml")
    component, check = template["spec"]["templates"]
    assert (component["name"], check["name"]) == (NAME, "check")
    assert component["container"]["image"].startswith(f"oriane-{NAME}:")
    (pipeline,) = copy.yaml("k8s/base/video-to-embedding-batch.yaml")
    tasks = {
        task["name"]: task
        for template in pipeline["spec"]["templates"]
        for task in template.get("dag", {}).get("tasks", ())
    }
    taken = [
        parameter["value"]
        for task in (tasks[NAME], tasks["dedup"])
        for parameter in task["arguments"]["parameters"]
    ]
    assert taken == [
        "{{tasks.frame.outputs.parameters.manifest}}",
        f"{{{{tasks.{NAME}.outputs.parameters.manifest}}}}",
    ]
    (listing,) = copy.yaml("k8s/base/kustomization.yaml")
    assert f"{NAME}.yaml" in listing["resources"]


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed")
def test_the_switches_of_an_installation_take_it_along(copy: Copy) -> None:
    switches = ("kueue", "priority", "proxy", "small-nodes", "spot")
    overlay = copy.root / "k8s/overlays/mine"
    overlay.mkdir()
    kustomization = {
        "resources": ["../cpu"],
        "components": [f"../../components/{switch}" for switch in switches],
    }
    (overlay / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    built = subprocess.check_output(["kubectl", "kustomize", overlay], text=True)
    templates = {
        one["metadata"]["name"]: one["spec"]["templates"]
        for one in yaml.load_all(built, yaml.CSafeLoader)
        if one["kind"] == "WorkflowTemplate"
    }
    for phase in (NAME, "dedup"):
        work, check = templates[phase]
        assert work["tolerations"][0]["key"] == "spot"
        for each in (work, check):
            assert each["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "oriane-cpu"
            assert each["priorityClassName"] == "oriane"
            assert {"configMapRef": {"name": "oriane-proxy"}} in each["container"]["envFrom"]
            assert each["container"]["resources"]["requests"]["cpu"] == "100m"


def test_kubeflow_has_a_component_of_it_and_runs_it_in_its_place(copy: Copy) -> None:
    assert copy.yaml(f"k8s/kubeflow/components/{NAME}.yaml")
    spec, *_ = copy.yaml("k8s/kubeflow/pipeline.yaml")
    loop = next(each for each in spec["components"].values() if NAME in str(each.get("dag")))
    tasks = loop["dag"]["tasks"]
    assert tasks[NAME]["dependentTasks"] == ["frame"]
    assert tasks["dedup"]["dependentTasks"] == [NAME]
    assert tasks["index"]["dependentTasks"] == ["embed", BESIDE, "upload"]


def test_documents_and_images_list_it(copy: Copy) -> None:
    assert f"\n## {NAME}\n" in (copy.root / "docs/components.md").read_text()
    (overlay,) = copy.yaml("k8s/examples/overlay/kustomization.yaml")
    assert f"oriane-{NAME}" in {image["name"] for image in overlay["images"]}
    table = (copy.root / "images/components.txt").read_text().splitlines()
    assert f"{NAME} phase - {NAME}" in table
    assert f"prepare phase cuda fetch,crop,frame,{NAME},dedup" in table
    said = subprocess.check_output([copy.root / "images/build", "--help"], text=True)
    assert f" frame {NAME} dedup " in said


def test_a_run_a_plan_and_a_digest_know_it(copy: Copy, tmp_path: Path) -> None:
    clip = numbered_video(tmp_path / "clip.mp4", [number / 5 for number in range(20)])
    first, again, plan, (_, began) = copy.oriane(["run", clip], ["run", clip], ["plan"], ["runs"])
    (video,), (repeated,) = first["videos"], again["videos"]
    assert tuple(video["seconds"]) == WITH_THEM
    assert tuple(repeated["reused"]) == tuple(video["seconds"]), "made under the predicted names"
    assert plan["due"] == [], "booked under the predicted ones"
    assert began["run"] == first["run"]
    assert NAME in began["seconds"]

    copy.edit(f"components/{NAME}/contract.py", "settings=(),", "settings=(),\n    version=2,")
    planned, run = copy.oriane(["plan"], ["run", clip])
    assert planned["stale_from"] == {NAME: 1}
    later = WITH_THEM[WITH_THEM.index(NAME) :]
    assert tuple(planned["forecast"]["minutes"]) == later
    (redone,) = run["videos"]
    # Of the same frames, what is published stays.
    assert redone["reused"] == ["fetch", "crop", "frame", "upload"]

    copy.edit(f"components/{BESIDE}/contract.py", "settings=(),", "settings=(),\n    version=2,")
    planned, run = copy.oriane(["plan"], ["run", clip])
    assert planned["stale_from"] == {BESIDE: 1}
    assert tuple(planned["forecast"]["minutes"]) == (BESIDE, "index", "record")
    (redone,) = run["videos"]
    # Nothing is embedded again for what is beside it.
    assert redone["reused"] == [*WITH_THEM[: WITH_THEM.index(BESIDE)], "embed"]
