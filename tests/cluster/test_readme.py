"""README's block for a cluster, typed as it stands, with an overlay edited for this one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.conftest import Cluster
from tests.cluster.installation import ROOT, get, install, kubectl, secret

BUCKETS = ("my-videos", "my-frames", "my-artifacts")


@pytest.fixture
def checkout(cluster: Cluster, tmp_path: Path) -> Iterator[Path]:
    """A folder with what the commands need of the repository, and none of their objects there."""
    shutil.copytree(ROOT / "k8s", tmp_path / "k8s")
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    given = cluster.secrets
    kubectl("delete", "secret", "--ignore-not-found", *given, "oriane-postgres")
    (node,) = get("nodes")["items"]
    if "ephemeral-storage" not in node["status"]["capacity"]:
        # A node that measures no disk has none to give, and pods ask for some.
        disk = '{"status": {"capacity": {"ephemeral-storage": "200Gi"}}}'
        name = node["metadata"]["name"]
        kubectl("patch", "node", name, "--subresource=status", "--type=merge", f"--patch={disk}")
    yield tmp_path
    kubectl("delete", "secret", "oriane-postgres")
    for name, values in given.items():
        secret(name, values)
    install(cluster.folder / "overlay", "cpu", cluster.pod_settings)


def test_the_commands_for_a_cluster_in_their_order(
    cluster: Cluster, clip: Path, checkout: Path
) -> None:
    for bucket in BUCKETS:
        (cluster.folder / "s3" / bucket).mkdir()
    video = cluster.folder / "s3/my-videos/tiktok/clip/video.mp4"
    video.parent.mkdir(parents=True)
    shutil.copy(clip, video)
    images, copy, rest = block().split("\n", 2)
    assert images.startswith("make images")
    shell(copy, checkout)
    edit(checkout / "k8s/overlays/mine/kustomization.yaml", cluster)
    said = shell(filled_in(rest, cluster), checkout)
    (cluster.folder / "readme.txt").write_text(said)
    assert "ok      embed" in said
    assert "1 done, 0 rejected, 0 failed; s3://my-artifacts/runs/" in said


def block() -> str:
    """Return README's commands for a cluster."""
    section = (ROOT / "README.md").read_text().partition("\n## On a cluster\n")[2]
    return section.partition("```sh\n")[2].partition("```")[0]


def filled_in(commands: str, cluster: Cluster) -> str:
    """Return commands with values in place of …, and the server of this cluster."""
    values = {**cluster.secrets["oriane-s3"], **cluster.secrets["oriane-qdrant"]}
    values["DB_PASSWORD"] = "nobody asks"
    for name, value in values.items():
        commands = commands.replace(f"{name}=…", f"{name}={value!r}")
    assert "…" not in commands
    return commands.replace("argo.example.com:443", cluster.settings.cluster.address)


def edit(overlay: Path, cluster: Cluster) -> None:
    """Change what a reader would: registry, stores, and that the node is small."""
    index, ledger = cluster.pod_settings["index"], cluster.pod_settings["ledger"]
    endpoint = cluster.pod_settings["storage"]["AWS_ENDPOINT_URL"]
    changes = {
        "registry.example.com/videos/": os.environ.get("ORIANE_REGISTRY", "localhost/"),
        "# components:": "components:",
        "#   - ../../components/small-nodes": "  - ../../components/small-nodes",
        "# AWS_ENDPOINT_URL: http://minio.minio.svc:9000": f"AWS_ENDPOINT_URL: {endpoint}",
        '{QDRANT_URL: "http://qdrant.qdrant.svc:6333"}': json.dumps(index),
        "{DB_HOST: postgres.example.com, DB_NAME: videos, DB_USER: oriane, DB_SSLMODE: require}": (
            json.dumps(ledger)
        ),
    }
    text = overlay.read_text()
    for before, after in changes.items():
        assert before in text
        text = text.replace(before, after)
    overlay.write_text(text)


def shell(commands: str, folder: Path) -> str:
    """Run commands as typed in one shell, and return what they print."""
    done = subprocess.run(
        ["bash", "-eux", "-o", "pipefail"],
        input=commands,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout
