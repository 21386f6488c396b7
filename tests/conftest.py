"""What tests run against: a real S3 server, services on it, a tiny real model."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from components.base import redaction
from components.base.allocator import few_arenas
from components.base.model_names import PACKAGED
from components.dag import Item
from components.pipeline import video_to_embedding
from components.records.manifest import Entry, Manifest
from components.records.record import Record
from components.records.videos import SourceVideo, Video
from components.running.decoders import Decoders
from components.running.phase import run
from components.running.services import Services
from components.settings import LimitSettings, Settings, StorageSettings
from tests.deployment import deployment, ledgered  # noqa: F401
from tests.postgres import database, postgres  # noqa: F401
from tests.storage import SharedS3, shared_s3  # noqa: F401

# An example that takes long on a slow machine is not wrong. Continuous integration takes more of
# them than a person waits for: --hypothesis-profile=thorough.
for _profile, _examples in (("thorough", 100), ("usual", 30)):
    hypothesis.settings.register_profile(
        _profile,
        max_examples=_examples,
        deadline=None,
        suppress_health_check=[hypothesis.HealthCheck.too_slow],
    )
hypothesis.settings.load_profile("usual")

# Variables of the developer's shell must not reach the tests; but for those on a cluster, which are
# told by them where it is.
_FOREIGN = ("VP_", "S3_", "DB_", "QDRANT_", "ORIANE_SERVER", "ORIANE_TOKEN")
if os.environ.get("ORIANE_CLUSTER_TESTS") != "1":
    _FOREIGN = (*_FOREIGN, "ARGO_", "KUBECONFIG")
for name in [name for name in os.environ if name.startswith(_FOREIGN)]:
    del os.environ[name]
for name in ("CLIP_MODEL", "JOB_INPUT", "LOCAL_MODE", "AWS_ENDPOINT_URL", "PROFILE_JSON"):
    os.environ.pop(name, None)
# What these need takes seconds to import.
collect_ignore = [
    name
    for name, needed in (
        ("cluster", os.environ.get("ORIANE_CLUSTER_TESTS") == "1"),
        ("test_qdrant_server.py", "ORIANE_QDRANT_BIN" in os.environ),
    )
    if not needed
]
# Else each of the processes that tests start compiles every module.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
os.environ["AWS_EC2_METADATA_DISABLED"] = "true"
os.environ["HF_HUB_OFFLINE"] = "1"
# Hundreds of tests start threads, which would leave a gigabyte in sixteen.
few_arenas()


# Fixtures that start servers or workers, make videos or load models.
_SLOW = {"clip_model", "database", "decoders", "deployment", "model", "postgres", "shared_s3"}


@pytest.hookimpl(tryfirst=True)  # before xdist looks at groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what `make test-quick` leaves out, and what one worker is to run, by the fixtures."""
    for item in items:
        fixtures = {*getattr(item, "fixturenames", ())}
        if _SLOW & fixtures:
            item.add_marker(pytest.mark.slow)
        # What a module makes once for its tests is not made by every worker, nor torch imported.
        if item.get_closest_marker("xdist_group"):
            continue
        if "torch" in fixtures:
            item.add_marker(pytest.mark.xdist_group("torch"))
        elif _made_for_a_module(item):
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))


def _made_for_a_module(item: pytest.Item) -> bool:
    fixtures = item._fixtureinfo.name2fixturedefs if isinstance(item, pytest.Function) else {}
    return any(made.scope == "module" for made, *_ in fixtures.values())


@pytest.fixture(autouse=True)
def _no_secrets_of_other_tests() -> Iterator[None]:
    yield
    redaction.forget()


@pytest.fixture(scope="session", autouse=True)
def _little_waiting() -> Iterator[None]:
    """Have retries in this process, as many as ever, follow each other sooner."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("components.base.retries._FIRST_WAIT_S", 0.01)
        yield


@pytest.fixture
def storage(tmp_path: Path, shared_s3: SharedS3) -> Iterator[StorageSettings]:  # noqa: F811
    """Settings that reach an S3 server over `tmp_path/s3`."""
    with shared_s3.over(tmp_path / "s3") as settings:
        yield settings


@pytest.fixture(scope="session")
def decoders() -> Iterator[Decoders]:
    """Worker processes that tests share, because starting some takes a second."""
    pool = Decoders(2, LimitSettings())
    yield pool
    pool.close()


@pytest.fixture(scope="session")
def model() -> str:
    """The model that most tests run, as CLIP_MODEL names it: one that needs no torch."""
    return PACKAGED


@pytest.fixture(scope="session")
def torch() -> Any:
    """What takes four seconds to import: tests that ask for it are run by one worker."""
    return pytest.importorskip("torch", reason="needs torch: make models")


@pytest.fixture(scope="session")
def clip_model(tmp_path_factory: pytest.TempPathFactory, torch: Any) -> Path:
    """A CLIP with random weights, small enough to load in no time."""
    from tests.models import save_clip

    return save_clip(tmp_path_factory.mktemp("models") / "tiny-clip")


@pytest.fixture
def settings(tmp_path: Path, storage: StorageSettings, model: str) -> Settings:
    return settings_below(tmp_path, storage, model)


def settings_below(folder: Path, storage: StorageSettings, model: str) -> Settings:
    """Return settings for that S3 server which keep everything else below a folder."""
    loaded = Settings.load().having("storage", **storage.model_dump())
    loaded = loaded.having("work", data_dir=folder, scratch_dir=folder / "scratch", stand_ins=True)
    loaded = loaded.having("ledger", local_mode=True)
    loaded = loaded.having("index", url=str(folder / "qdrant"))
    return loaded.having("embed", model=model)


@pytest.fixture
def services(settings: Settings, decoders: Decoders) -> Iterator[Services]:
    with SharedDecoders(settings, decoders) as services:
        yield services


class SharedDecoders(Services):
    """Services that use worker processes which outlive them."""

    def __init__(self, settings: Settings, decoders: Decoders, **options: bool) -> None:
        super().__init__(settings, **options)
        self._shared = decoders

    @property
    def decoders(self) -> Decoders:
        return self._shared


class Corpus:
    """Puts videos into the source bucket and runs phases over them."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.videos: list[Video] = []
        self._runs = 0

    def add(self, path: Path | bytes, code: str = "", platform: str = "local") -> Video:
        """Upload a file (or bytes) as `platform/code`; the code defaults to the file's stem."""
        content = path if isinstance(path, bytes) else path.read_bytes()
        code = code or (path.stem if isinstance(path, Path) else "bytes")
        bucket = self.services.settings.storage.videos_bucket
        video = Video(
            platform=platform, code=code, source=f"s3://{bucket}/{platform}/{code}/video.mp4"
        )
        self.services.store.put(video.source, content, content_type="video/mp4")
        self.videos.append(video)
        return video

    def through(self, *phases: str) -> list[Entry[Record]]:
        """Run the phases over all videos, wired as in the DAG; return the last one's entries."""
        self._runs += 1
        bucket = self.services.settings.storage.artifacts_bucket
        entries = [Entry[Video](video=video, result=video) for video in self.videos]
        uri = f"s3://{bucket}/runs/test{self._runs}/000000/plan.jsonl"
        pipeline = video_to_embedding(fused="prepare" in phases)
        shard = Manifest[Video].write(self.services.store, uri, entries)
        known: dict[object, object] = {Item(pipeline.over): shard}
        for step in [step for step in pipeline.each if step.name in phases]:
            arguments = {
                name: known[source] for name, source in step.arguments.items() if source in known
            }
            outputs = run(step.component, step.component.inputs(**arguments), self.services)
            known[step.manifest] = outputs.manifest
        return outputs.manifest.read(self.services.store)  # type: ignore[no-any-return]


@pytest.fixture
def corpus(services: Services) -> Corpus:
    return Corpus(services)


def source_of(path: Path, limits: LimitSettings | None = None) -> SourceVideo:
    """Probe a local file, as fetch does."""
    from components.fetch.probe import probe
    from components.stores.objects import Stored

    video = Video(platform="local", code=path.stem, source=f"s3://videos/local/{path.stem}/v.mp4")
    stored = Stored(video.source, path.stat().st_size, "etag", datetime.now(UTC))
    return probe(path, video, stored, limits or LimitSettings())
