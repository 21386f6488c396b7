"""The overlays, the example and the switches, as kustomize puts them together."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.pipeline import components

ROOT = Path(__file__).parents[1]
SWITCHES = sorted(path.name for path in (ROOT / "k8s" / "components").iterdir())
PHASES = [each.name for each in components()]
ON_GPU = [f"{each.name}-gpu" for each in components() if each.resources.gpu]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed"),
]


def built(folder: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the objects of a kustomization by kind and name."""
    done = subprocess.run(
        ["kubectl", "kustomize", str(folder)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    objects = yaml.load_all(done.stdout, yaml.CSafeLoader)  # the other takes ten times as long
    return {(one["kind"], one["metadata"]["name"]): one for one in objects}


@cache
def switched(folder: Path, overlay: str, switch: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the objects of an overlay with a switch of `k8s/components`; none for the overlay."""
    here = folder / f"{overlay}-{switch}"
    here.mkdir(parents=True, exist_ok=True)
    kustomization: dict[str, Any] = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [os.path.relpath(ROOT / "k8s" / "overlays" / overlay, here)],
    }
    if switch:
        component = os.path.relpath(ROOT / "k8s" / "components" / switch, here)
        kustomization["components"] = [component]
    (here / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    return built(here)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kustomize")


def pods(objects: dict[tuple[str, str], dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Return the templates with a container of each WorkflowTemplate."""
    return {
        name: found
        for (kind, name), one in objects.items()
        if kind == "WorkflowTemplate"
        and (found := [each for each in one["spec"]["templates"] if "container" in each])
    }


@pytest.mark.parametrize("switch", SWITCHES)
def test_every_switch_fits_and_changes_what_it_is_for(folder: Path, switch: str) -> None:
    plain, changed = (pods(switched(folder, "gpu", each)) for each in ("", switch))
    assert changed.keys() == plain.keys()
    differing = {name for name in plain if plain[name] != changed[name]}
    names = {*PHASES, *ON_GPU}
    expected = {
        "kueue": names,
        "small-nodes": names,
        "spot": names - {"plan", "digest"},
        "pull-secret": set(),
        "serve": set(),
        "model-volume": {"embed", "embed-gpu", "watch"},
    }
    assert differing == expected.get(switch, {*names, "leases", "watch"})


@pytest.mark.parametrize(("overlay", "wanted"), [("cpu", "require"), ("gpu", "best")])
def test_decoders_are_confined_whole_where_they_can_be(
    folder: Path, overlay: str, wanted: str
) -> None:
    """Not where a GPU decodes, whose driver does not work confined."""
    settings = switched(folder, overlay, "")[("ConfigMap", "oriane-work")]["data"]
    assert settings["VP_SANDBOX"] == wanted


def test_pods_are_in_the_queue_of_their_kind(folder: Path) -> None:
    for name, templates in pods(switched(folder, "gpu", "kueue")).items():
        if name in ("leases", "watch"):
            continue
        queue = "oriane-gpu" if name in ON_GPU else "oriane-cpu"
        for each in templates:
            assert each["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == queue


def test_no_pod_asks_small_nodes_for_more_than_they_have(folder: Path) -> None:
    for name, templates in pods(switched(folder, "gpu", "small-nodes")).items():
        for each in templates:
            asked = each["container"]["resources"]["requests"]
            assert int(asked["cpu"].removesuffix("m")) <= 500, name
            memory = asked["memory"]
            mib = int(memory[:-2]) * (1024 if memory.endswith("Gi") else 1)
            assert mib <= 1536, name


@cache
def with_server(folder: Path, *switches: str) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the objects of the cpu overlay with `serve`, and with switches after it."""
    here = folder / "-".join(("served", *switches))
    here.mkdir()
    shutil.copytree(ROOT / "k8s" / "examples" / "overlay", here, dirs_exist_ok=True)
    kustomization = yaml.safe_load((here / "kustomization.yaml").read_text())
    kustomization["resources"] = [os.path.relpath(ROOT / "k8s" / "overlays" / "cpu", here)]
    kustomization["components"] = [
        os.path.relpath(ROOT / "k8s" / "components" / each, here) for each in ("serve", *switches)
    ]
    (here / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    return built(here)


def test_the_server_is_added_to_an_overlay_and_changes_nothing_else(folder: Path) -> None:
    plain = built(ROOT / "k8s" / "examples" / "overlay")
    served = with_server(folder)
    added = {key: served[key] for key in served.keys() - plain.keys()}
    assert {name for _, name in added} == {"oriane-serve"}
    assert {kind for kind, _ in added} == {
        "ConfigMap", "Deployment", "HorizontalPodAutoscaler", "NetworkPolicy",
        "PodDisruptionBudget", "Service", "ServiceAccount",
    }  # fmt: skip
    assert {key: served[key] for key in plain} == plain
    for one in added.values():
        assert one["metadata"]["namespace"] == "oriane"
        labels = one["metadata"]["labels"]
        assert labels["app.kubernetes.io/component"] == "serve"
        assert labels["app.kubernetes.io/part-of"] == "oriane"
    (container,) = served["Deployment", "oriane-serve"]["spec"]["template"]["spec"]["containers"]
    assert container["image"].startswith("registry.example.com/videos/oriane-serve:")


def test_what_selects_the_servers_pods_selects_no_others(folder: Path) -> None:
    served = with_server(folder)
    spec = served["Deployment", "oriane-serve"]["spec"]
    selectors = [
        spec["selector"]["matchLabels"],
        served["Service", "oriane-serve"]["spec"]["selector"],
        served["PodDisruptionBudget", "oriane-serve"]["spec"]["selector"]["matchLabels"],
        served["NetworkPolicy", "oriane-serve"]["spec"]["podSelector"]["matchLabels"],
    ]
    assert all(each == selectors[0] for each in selectors)
    assert selectors[0].items() <= spec["template"]["metadata"]["labels"].items()
    for templates in pods(served).values():
        for each in templates:
            labels = each["metadata"]["labels"]
            assert not selectors[0].items() <= labels.items()


@pytest.mark.parametrize("switch", ["custom-ca", "proxy", "model-volume"])
def test_the_server_gets_what_the_phases_get(folder: Path, switch: str) -> None:
    plain, changed = (
        objects["Deployment", "oriane-serve"]["spec"]["template"]["spec"]
        for objects in (with_server(folder), with_server(folder, switch))
    )
    assert plain != changed
    mounted = {each["name"] for each in changed["containers"][0]["volumeMounts"]}
    assert mounted == {each["name"] for each in changed["volumes"]}


def test_who_names_the_stores_addresses_leaves_no_way_to_the_rest_of_the_world() -> None:
    """The example does; without it, HTTPS may go anywhere, for S3's addresses are not known."""
    policies = [
        one["spec"]
        for (kind, _), one in built(ROOT / "k8s/examples/overlay").items()
        if kind == "NetworkPolicy"
    ]
    blocks = {
        peer["ipBlock"]["cidr"]
        for spec in policies
        for rule in spec.get("egress", ())
        for peer in rule["to"]
        if "ipBlock" in peer
    }
    assert blocks
    assert all(not ip_network(cidr).is_global for cidr in blocks)
    assert not {"0.0.0.0/0", "::/0"} & blocks


def test_the_example_overlay_fits_together_and_every_image_is_of_the_registry() -> None:
    objects = built(ROOT / "k8s" / "examples" / "overlay")
    for templates in pods(objects).values():
        for each in templates:
            assert each["container"]["image"].startswith("registry.example.com/videos/oriane-")
    for one in objects.values():
        labels = one["metadata"].get("labels", {})
        assert labels.get("app.kubernetes.io/part-of") == "oriane", one["metadata"]


def test_two_installations_share_nothing_but_the_cluster(tmp_path: Path) -> None:
    here = tmp_path / "second"
    here.mkdir()
    (here / "kustomization.yaml").write_text(
        yaml.safe_dump(
            {
                "apiVersion": "kustomize.config.k8s.io/v1beta1",
                "kind": "Kustomization",
                "namespace": "oriane-staging",
                "resources": [os.path.relpath(ROOT / "k8s" / "overlays" / "cpu", here)],
            }
        )
    )
    for (kind, name), one in built(here).items():
        if kind == "Namespace":
            assert name == "oriane-staging"
        else:
            assert one["metadata"]["namespace"] == "oriane-staging", (kind, name)
