"""Tests that need built images or a cluster; they run where ORIANE_CLUSTER_TESTS=1 is set.

`make test-cluster` sets it. KUBECONFIG and ARGO_SERVER name a cluster whose pods reach this machine
at CLUSTER_HOST; ORIANE_QDRANT_BIN is the program of a Qdrant server, without which a stand-in
serves (`qdrant_stand_in`). docs/cluster.md says more.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

import pytest
from qdrant_client import QdrantClient

from components.settings import ClusterSettings, Settings, StorageSettings
from components.stores.s3 import Store
from components.stores.vectors.qdrant.store import QdrantStore
from tests.clips import ffmpeg
from tests.cluster.installation import install, secret
from tests.cluster.stores import Server, postgres_server, qdrant_server, s3_server

collect_ignore_glob = [] if os.environ.get("ORIANE_CLUSTER_TESTS") == "1" else ["test_*.py"]
_NEEDED = ("KUBECONFIG", "ARGO_SERVER", "CLUSTER_HOST")


def pytest_report_header() -> str:
    """Say which Qdrant the tests meet."""
    program = os.environ.get("ORIANE_QDRANT_BIN")
    return f"Qdrant: {program or 'a stand-in (tests/cluster/qdrant_stand_in.py)'}"


@dataclass(frozen=True)
class Cluster:
    """The installed pipeline and the stores that its pods use."""

    folder: Path
    s3: Server
    store: Store
    qdrant: QdrantClient
    qdrant_reading_key: str
    secrets: dict[str, dict[str, str]]
    settings: Settings
    pod_settings: dict[str, dict[str, str]]
    postgres: str

    def measured(self, line: str) -> None:
        """Keep a measurement for whoever reads the folder afterwards."""
        with (self.folder / "measured.txt").open("a") as file:
            file.write(f"{line}\n")


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Stores on this machine, and the cpu overlay applied with settings that reach them."""
    missing = [name for name in _NEEDED if not os.environ.get(name)]
    if missing:
        pytest.skip(f"{', '.join(missing)} not set")
    host = os.environ["CLUSTER_HOST"]
    folder = tmp_path_factory.mktemp("cluster")
    s3, storage = s3_server(folder, host)
    program, reading = os.environ.get("ORIANE_QDRANT_BIN", ""), token_hex(20)
    qdrant, index = qdrant_server(program, folder / "qdrant", host, reading)
    with (
        s3,
        qdrant,
        closing(QdrantStore.open(index)) as vectors,
        postgres_server(folder, host) as (socket_folder, database),
    ):
        subprocess.run(
            ["kubectl", "create", "namespace", "oriane"], check=False, capture_output=True
        )
        assert index.key
        given = {
            "oriane-s3": credentials(storage),
            "oriane-qdrant": {"QDRANT_KEY": index.key.get_secret_value()},
        }
        for name, values in given.items():
            secret(name, values)
        pod_settings = {
            "storage": {"AWS_ENDPOINT_URL": str(storage.endpoint_url), "VP_S3_ATTEMPTS": "2"},
            "index": {
                "QDRANT_URL": str(index.url),
                "QDRANT_GRPC_PORT": str(index.grpc_port),
            },
            "ledger": database,
            "embed": {"CLIP_MODEL": "packaged:conse", "VP_BATCH_SIZE": "1"},
        }
        install(folder / "overlay", "cpu", pod_settings)
        argo = ClusterSettings(ARGO_SERVER=os.environ["ARGO_SERVER"], ARGO_SECURE=False)
        settings = Settings.load().having("storage", **storage.model_dump())
        settings = settings.having("cluster", **argo.model_dump())
        yield Cluster(
            folder=folder,
            s3=s3,
            store=Store(storage),
            qdrant=vectors.collection().connection.client,
            # The stand-in knows one key.
            qdrant_reading_key=reading if program else index.key.get_secret_value(),
            secrets=given,
            settings=settings,
            pod_settings=pod_settings,
            postgres=f"host={socket_folder} user=postgres dbname=postgres",
        )


def credentials(storage: StorageSettings) -> dict[str, str]:
    """Return what a Secret says of who asks S3."""
    assert storage.access_key_id
    assert storage.secret_access_key
    return {
        "AWS_ACCESS_KEY_ID": storage.access_key_id,
        "AWS_SECRET_ACCESS_KEY": storage.secret_access_key.get_secret_value(),
    }


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real video of 4 s."""
    return _encoded(tmp_path_factory.mktemp("clips") / "clip.mp4", "480x270", 4)


@pytest.fixture(scope="session")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video that keeps each phase busy for long enough to be killed at it."""
    return _encoded(tmp_path_factory.mktemp("clips") / "long.mp4", "1280x720", 15)


def _encoded(path: Path, size: str, seconds: int) -> Path:
    source = f"testsrc2=size={size}:rate=25:duration={seconds}"
    ffmpeg("-f", "lavfi", "-i", source, "-c:v", "libx264", "-pix_fmt", "yuv420p", path)
    return path
