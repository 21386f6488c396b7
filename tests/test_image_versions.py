"""Versions in the images: locked, of one lock, known by their hashes, no phase with another's."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from components.pipeline import COMPONENTS, component, components
from tests.locked_versions import BY_ITSELF, IMAGES, lock, pins
from workflows.reference.tree import ROOT

LOCKS = sorted(p for p in (IMAGES / "requirements").glob("*.txt") if p.stem != BY_ITSELF)
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# Those run models.
MODELS = {"embed", "embed-cuda", "embed-jina", "embed-packaged", "frame-transnet"}
MEDIA = {"av", "ffmpeg-python", "imageio-ffmpeg", "opencv-python-headless"}


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
