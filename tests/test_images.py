"""The images, as far as they can be proved without building them.

What is proved: versions are locked and agree, an image holds its phase's dependencies and code and
no other's, and it does not run as root.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from components.contract import COMPONENTS, PHASES, component
from workflows.reference import ROOT

IMAGES = ROOT / "images"
# Of one package, whose own dependencies nobody needs, the lock knows nothing.
BY_ITSELF = "embed-packaged-text"
LOCKS = sorted(p for p in (IMAGES / "requirements").glob("*.txt") if p.stem != BY_ITSELF)
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# What may be chosen to be in the embed image beside its own requirements.
ADDED = {"embed": ("embed-cuda", "embed-jina", "embed-packaged")}
TARGETS = [*COMPONENTS, "crop-cuda", "frame-cuda", "prepare-cuda", "embed-cuda"]
MEDIA = {"av", "ffmpeg-python", "imageio-ffmpeg", "opencv-python-headless"}
IN_THE_IMAGE = {
    "implementation_name": "cpython",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "python_full_version": "3.11.2",
    "python_version": "3.11",
    "sys_platform": "linux",
}


# Locked versions


def pins(path: Path) -> dict[str, str]:
    """Return name and version of every line, refusing one that pins nothing."""
    found = {}
    for line in path.read_text().splitlines():
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate(IN_THE_IMAGE):
            exact = re.fullmatch(r"==([^*]+)", str(requirement.specifier))
            assert exact, f"{path.name}: {line} is no exact version"
            found[canonicalize_name(requirement.name)] = exact[1]
    return found


def lock(name: str) -> dict[str, str]:
    return pins(IMAGES / "requirements" / f"{name}.txt")


def installed(phase: str) -> dict[str, str]:
    """Return all that an image of the phase may hold."""
    return {k: v for name in (phase, *ADDED.get(phase, ())) for k, v in lock(name).items()}


def extra(name: str) -> list[Requirement]:
    """Return what an extra asks for, with that of other extras in place of their names."""
    asked = map(Requirement, PYPROJECT["optional-dependencies"].get(name, []))
    return [
        requirement
        for given in asked
        for requirement in (
            [found for other in sorted(given.extras) for found in extra(other)]
            if given.name == PYPROJECT["name"]
            else [given]
        )
    ]


@pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.stem)
def test_versions_are_those_of_the_constraints(path: Path) -> None:
    constraints = pins(ROOT / "constraints.txt")
    differing = {k: v for k, v in pins(path).items() if constraints.get(k) != v}
    assert differing == {}, "run make lock"


@pytest.mark.parametrize("phase", [*COMPONENTS, "embed-jina", "embed-packaged"])
def test_what_the_project_asks_for_is_locked(phase: str) -> None:
    group, _, added = phase.partition("-")
    core = map(Requirement, PYPROJECT["dependencies"])
    wanted = [*core, *extra(group), *(extra(added) if added else [])]
    held = lock(group) | lock(phase)
    for requirement in wanted:
        version = held.get(canonicalize_name(requirement.name))
        assert version, f"{phase} lacks {requirement}; run make lock"
        assert requirement.specifier.contains(version), f"{requirement}: {version} is locked"


def test_only_the_images_of_models_and_media_hold_theirs() -> None:
    for path in LOCKS:
        held = set(pins(path))
        if not path.stem.startswith("embed"):
            assert held.isdisjoint({"torch", "transformers"}), path.stem
        if path.stem not in ("fetch", "crop", "frame", "prepare"):
            assert held.isdisjoint(MEDIA), path.stem
    assert not any(name.startswith("nvidia-") for name in lock("embed")), "the CPU build needs none"


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


@cache
def code_in(name: str) -> set[Path]:
    """Return the files of the repository that a stage holds, in the places where they lie here."""
    held: set[Path] = set()
    for stage in ancestry(name):
        for keyword, rest in stage.instructions:
            if keyword != "COPY" or ("components" not in rest and "/app" not in rest):
                continue
            *sources, target = rest.split()
            if sources[0].startswith("--from="):
                assert sources[1] == target, rest
                inside = Path(target).relative_to("/app")
                taken = code_in(sources[0].removeprefix("--from="))
                held |= {path for path in taken if path.is_relative_to(inside)}
            else:
                held |= copied(sources, Path(target.removeprefix("/app/")))
    return held


def copied(sources: list[str], target: Path) -> set[Path]:
    found: set[Path] = set()
    for path in (path for source in sources for path in ROOT.glob(source)):
        below = sorted(path.rglob("*")) if path.is_dir() else [path]
        relative = path.relative_to(ROOT)
        assert target == (relative if path.is_dir() else relative.parent), f"{path} to {target}"
        found |= {p.relative_to(ROOT) for p in below if "__pycache__" not in p.parts}
    return found


@pytest.mark.parametrize("target", TARGETS)
def test_every_phase_has_an_image_that_runs_it(target: str) -> None:
    phase = target.removesuffix("-cuda")
    keywords = dict(stages()[target].instructions)
    assert keywords["ENTRYPOINT"] == f'["python", "-m", "components", "{phase}"]'
    assert f'image.title="oriane-{phase}"' in keywords["LABEL"]
    own = f"--from=code-{phase} /app/components/{phase} /app/components/{phase}"
    copies = [rest for keyword, rest in stages()[target].instructions if keyword == "COPY"]
    assert copies[-1] == own, "a change in a phase must rebuild its last layer only"


@pytest.mark.parametrize("target", TARGETS)
def test_no_image_runs_as_root(target: str) -> None:
    users = [
        rest
        for stage in ancestry(target)
        for keyword, rest in reversed(stage.instructions)
        if keyword == "USER"
    ]
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", users[0])


@pytest.mark.parametrize("phase", ["crop", "frame", "prepare", "embed"])
def test_a_variant_holds_the_same_code(phase: str) -> None:
    assert code_in(f"{phase}-cuda") == code_in(phase)
    assert any(
        "NVIDIA_DRIVER_CAPABILITIES=compute,video,utility" in str(stage.instructions)
        for stage in ancestry(f"{phase}-cuda")
    )


# Imports


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
    tree = ast.parse((ROOT / "components" / "services.py").read_text())
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
        lazily = module != "components.services"
        waiting += imports(tree.body, inside_functions=lazily)
        waiting += [
            name for wanted in services_of(tree) for name in service_imports().get(wanted, [])
        ]
        if "." in module:
            waiting.append(module.rpartition(".")[0])
    return files, packages - set(sys.stdlib_module_names)


@pytest.mark.parametrize("phase", COMPONENTS)
def test_what_a_phase_imports_is_in_its_image(phase: str) -> None:
    if phase == "embed":
        pytest.importorskip("torch", reason="needs torch: make models")
    runs = component(phase).runs or (phase,)
    modules = [f"components.{name}.{part}" for name in runs for part in ("contract", "run")]
    files, packages = needed("components.__main__", f"components.{phase}.contract", *modules)
    assert {Path(f"components/{name}/run.py") for name in runs} <= files
    assert sorted(files - code_in(phase)) == []
    held = installed(phase)
    for package in packages:
        assert distributions()[package] & set(held), f"{package} is missing; add it to the extra"


def test_what_loads_a_model_is_there_when_one_is_baked_in() -> None:
    files, _ = needed("components.encoders.load", "components.settings")
    assert sorted(files - code_in("loader")) == []
    assert code_in("model") == code_in("model-cuda") == code_in("loader")


@pytest.mark.parametrize("phase", COMPONENTS)
def test_other_phases_stay_outside(phase: str) -> None:
    folders = {path.parts[1] for path in code_in(phase) if len(path.parts) > 2}
    shared = {
        "index": "collection",
        **dict.fromkeys(("fetch", "crop", "frame", "prepare"), "media"),
    }
    own = {phase, *component(phase).runs}
    contracts = {*PHASES} if phase == "plan" else own
    assert folders == {"encoders", "ledger", "settings", shared.get(phase, phase)} | contracts
    assert not any(path.parts[0] != "components" for path in code_in(phase))
    others = {path.name for path in code_in(phase) if path.parts[1] in {*COMPONENTS} - own}
    assert others <= {"__init__.py", "contract.py"}
    if phase != "embed":
        encoders = {path.name for path in code_in(phase) if path.parts[1] == "encoders"}
        assert encoders <= {"__init__.py", "identity.py", "encoder.py"}
    if phase not in ("plan", "record", "digest"):
        ledger = {path.name for path in code_in(phase) if path.parts[1] == "ledger"}
        assert ledger == {"__init__.py", "booking.py"}


# The script


def build(*arguments: str, path: Path | None = None, **variables: str) -> tuple[int, str]:
    """Run images/build; return its exit code and all it says."""
    inherited = {"PATH": f"{path}:{os.environ['PATH']}" if path else os.environ["PATH"]}
    command = [str(IMAGES / "build"), *arguments]
    done = subprocess.run(
        command, env=inherited | variables, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "variables", "said"),
    [
        (["crab"], {}, "PHASE=crab: no such phase; expected one of plan fetch crop"),
        ([], {}, "no phase given"),
        (["plan"], {"VARIANT": "cuda"}, "plan has no such variant; crop frame prepare embed"),
        (["crop"], {"VARIANT": "rocm"}, "VARIANT=rocm"),
        (["crop"], {"ENGINE": "kaniko"}, "ENGINE=kaniko: expected docker, podman or buildah"),
        (["embed"], {"WHEELS": "/nowhere"}, "WHEELS=/nowhere: no such folder"),
    ],
)
def test_a_wrong_request_is_explained(
    arguments: list[str], variables: dict[str, str], said: str
) -> None:
    code, output = build(*arguments, **variables)
    assert code == 2
    assert said in output


def test_help_shows_every_phase_and_an_example() -> None:
    code, output = build("--help")
    assert code == 0
    assert f"phases: {' '.join(COMPONENTS)}\n" in output
    assert "examples:\n  images/build crop" in output


def test_the_engine_is_asked_for_the_right_image(tmp_path: Path) -> None:
    engine = tmp_path / "podman"
    engine.write_text("#!/bin/sh\necho called: $*\n")
    engine.chmod(0o755)
    variables = {"ENGINE": "podman", "REGISTRY": "registry.example.com/videos/", "TAG": "7"}
    code, output = build("crop", path=tmp_path, VARIANT="cuda", BUILD_FLAGS="--pull", **variables)
    assert code == 0
    assert "--target crop-cuda --tag registry.example.com/videos/oriane-crop:7-cuda " in output
    assert " --pull " in output
