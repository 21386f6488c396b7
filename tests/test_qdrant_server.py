"""What only a Qdrant server does: gRPC, quantization, building an index, several processes at once.

Runs where ORIANE_QDRANT_BIN names the program of a server.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import pytest
from pydantic import SecretStr
from qdrant_client import models

from components.errors import ConfigurationError, PipelineError, TransientError
from components.settings import IndexSettings
from components.stores.vectors.qdrant import aliases, schema
from components.stores.vectors.qdrant.collection import QdrantCollection
from components.stores.vectors.qdrant.store import QdrantStore
from tests.cluster.stores import qdrant_server
from tests.vectors import framed, unit

PROGRAM = os.environ.get("ORIANE_QDRANT_BIN", "")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not PROGRAM, reason="ORIANE_QDRANT_BIN not set")]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IndexSettings]:
    program, settings = qdrant_server(
        PROGRAM, tmp_path_factory.mktemp("qdrant"), "127.0.0.1", "read-only"
    )
    with program:
        yield settings.model_copy(update={"attempts": 2, "timeout_s": 5})


@pytest.fixture
def settings(server: IndexSettings, request: pytest.FixtureRequest) -> IndexSettings:
    """Settings with an alias of the test's own."""
    return server.model_copy(update={"collection": request.node.name})


@contextmanager
def connected(settings: IndexSettings, **changed: object) -> Iterator[QdrantStore]:
    with closing(QdrantStore.open(settings.model_copy(update=changed))) as store:
        yield store


@contextmanager
def opened(settings: IndexSettings, **changed: object) -> Iterator[QdrantCollection]:
    with connected(settings, **changed) as store:
        yield store.collection()


def config_of(collection: QdrantCollection) -> models.CollectionConfig:
    return collection.connection.client.get_collection(collection.name).config


def test_a_collection_is_made_as_the_settings_say(settings: IndexSettings) -> None:
    with opened(settings, hnsw_m=8, shards=2, hnsw_on_disk=True) as collection:
        collection.ensure("owner/model", 4)
        config = config_of(collection)
        info = collection.connection.client.get_collection(collection.name)
    assert isinstance(config.params.vectors, models.VectorParams)
    assert config.params.vectors.on_disk
    assert (config.params.shard_number, config.params.replication_factor) == (2, 1)
    assert (config.hnsw_config.m, config.hnsw_config.on_disk) == (8, True)
    assert isinstance(config.quantization_config, models.ScalarQuantization)
    assert config.quantization_config.scalar.always_ram
    assert set(info.payload_schema) == {
        *("video_code", "platform", "model", "frame_second", "duration", "cropped", "dated")
    }


def test_floats_in_memory(settings: IndexSettings) -> None:
    with opened(settings, quantization="none", on_disk=False) as collection:
        collection.ensure("owner/model", 4)
        config = config_of(collection)
    assert config.quantization_config is None
    assert isinstance(config.params.vectors, models.VectorParams)
    assert not config.params.vectors.on_disk


@pytest.mark.parametrize("over_grpc", [True, False])
def test_points_arrive_over_grpc_and_over_rest(settings: IndexSettings, over_grpc: bool) -> None:
    port = settings.grpc_port if over_grpc else 0
    video, rows = framed(), unit(2, 64)
    with opened(settings, grpc_port=port, upsert_batch=1) as collection:
        collection.ensure("owner/model", 64)
        collection.replace(video, rows, "owner/model", "f")
        assert collection.holds(video, "owner/model", "f")
        assert not collection.holds(video, "owner/model", "g")
        (hit, _) = collection.search(rows[1].tolist(), 2, "instagram", None)
    assert (hit.frame_number, hit.second, hit.scene_end) == (75, 10.0, 12)
    assert hit.score == pytest.approx(1.0, abs=1e-4), "of the vector, not of its quantized stand-in"


def test_a_grpc_port_that_does_not_answer_is_named(settings: IndexSettings) -> None:
    with opened(settings, grpc_port=9) as collection:
        collection.ensure("owner/model", 4)
        with pytest.raises(TransientError, match=r"gRPC port 9; check QDRANT_GRPC_PORT"):
            collection.replace(framed(), unit(2), "owner/model")


@pytest.mark.parametrize("over_grpc", [True, False])
def test_a_wrong_key_is_named_and_not_shown(settings: IndexSettings, over_grpc: bool) -> None:
    with opened(settings) as right:
        right.ensure("owner/model", 4)
    changed = {"key": SecretStr("hunter2"), "grpc_port": settings.grpc_port if over_grpc else 0}
    told = pytest.raises(ConfigurationError, match="check QDRANT_KEY")
    with opened(settings, **changed) as collection, told as caught:
        collection.replace(framed(), unit(2), "owner/model")
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("over_grpc", [True, False])
def test_a_request_that_qdrant_refuses(settings: IndexSettings, over_grpc: bool) -> None:
    told = pytest.raises(ConfigurationError, match=r"NOT_FOUND|404|has no collection")
    port = settings.grpc_port if over_grpc else 0
    with opened(settings, grpc_port=port) as collection, told:
        collection.replace(framed(), unit(2), "owner/model")


def test_an_index_that_is_put_off_is_built_in_the_end(settings: IndexSettings) -> None:
    with connected(settings) as store:
        other = store.begin("owner/model", 1024)
        assert config_of(other).optimizer_config.indexing_threshold == 0
        video = framed()
        frames = tuple(
            video.frames[0].model_copy(update={"number": number}) for number in range(8000)
        )
        many = video.model_copy(update={"frames": frames})
        other.replace(many, unit(len(frames), 1024), "owner/model")
        client = other.connection.client
        assert client.get_collection(other.name).indexed_vectors_count == 0
        store.finish(other)
        assert client.get_collection(other.name).indexed_vectors_count
        (member,) = store.members()
    assert (member.role, member.model, member.dim) == ("prepared", "owner/model", 1024)
    assert (member.points, member.status) == (8000, "green")


def test_switch_and_rollback_move_the_alias(settings: IndexSettings) -> None:
    video = framed()
    with connected(settings) as store:
        collection = store.collection()
        collection.ensure("owner/one", 4)
        collection.replace(video, unit(2), "owner/one")
        other = store.begin("owner/two", 8)
        other.replace(video, unit(2, 8), "owner/two")
        store.switch(other)
        assert collection.model() == "owner/two"
        assert [member.role for member in store.members()] == ["previous", "current"]
        former = store.previous()
        assert former
        store.roll_back(former)
        assert collection.model() == "owner/one"
        assert store.previous() is None
        assert len(collection.sample(10, seed=0)) == 2
        assert set(other.vectors([point.id for point in collection.sample(10, seed=0)])) == {
            video.point_id(frame) for frame in video.frames
        }


def test_several_processes_start_at_once(settings: IndexSettings) -> None:
    def start(_: int) -> str | None:
        with opened(settings) as collection:
            collection.ensure("owner/model", 4)
            return aliases.target(collection.connection, settings.collection)

    with ThreadPoolExecutor(8) as starters:
        names = set(starters.map(start, range(8)))
    assert names == {schema.collection_name(settings.collection, "owner/model", 4)}


def test_what_a_killed_start_left_is_completed(settings: IndexSettings) -> None:
    with opened(settings) as collection:
        schema.create(
            collection.connection,
            name := schema.collection_name(settings.collection, "owner/model", 4),
            "owner/model",
            4,
            deferred=True,
        )
        collection.ensure("owner/model", 4)
        info = collection.connection.client.get_collection(name)
        assert set(info.payload_schema) == {
            *("video_code", "platform", "model", "frame_second", "duration", "cropped", "dated")
        }
        assert not schema.is_deferred(info)


@pytest.mark.parametrize(
    ("vectors", "why"),
    [
        ({"a": models.VectorParams(size=4, distance=models.Distance.COSINE)}, "named vectors"),
        (models.VectorParams(size=4, distance=models.Distance.DOT), "by Dot"),
    ],
)
def test_somebody_elses_collection_is_refused(
    settings: IndexSettings, vectors: object, why: str
) -> None:
    with opened(settings) as collection:
        name = collection.name
        collection.connection.client.create_collection(name, vectors_config=vectors)  # type: ignore[arg-type]
        with pytest.raises(PipelineError, match=f"made by another program .*{why}"):
            collection.ensure("owner/model", 4)


def test_an_existing_plain_collection_goes_on_working(settings: IndexSettings) -> None:
    with connected(settings) as store:
        collection = store.collection()
        params = models.VectorParams(size=4, distance=models.Distance.COSINE)
        collection.connection.client.create_collection(collection.name, vectors_config=params)
        collection.ensure("owner/model", 4)
        collection.replace(framed(), unit(2), "owner/model")
        assert collection.holds(framed(), "owner/model")
        with pytest.raises(ConfigurationError, match="no alias"):
            store.current()
