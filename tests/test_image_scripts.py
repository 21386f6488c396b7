"""The scripts of the images: what they ask of pip, of the engine and of the registry."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml

from components.pipeline import COMPONENTS, components
from tests.locked_versions import IMAGES, lock, pins


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
