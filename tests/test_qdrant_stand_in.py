"""The stand-in for a Qdrant server answers as one does, so far as the pipeline asks it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from pydantic import SecretStr

from components.errors import ConfigurationError
from components.settings import IndexSettings
from components.stores.vectors.open import open_store
from tests.cluster.stores import qdrant_server
from tests.points import all_points
from tests.vectors import framed, unit

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[IndexSettings]:
    server, settings = qdrant_server(
        "", tmp_path_factory.mktemp("qdrant"), "127.0.0.1", "read-only"
    )
    with server:
        yield settings.model_copy(update={"attempts": 1})


def test_points_are_written_read_found_and_removed(served: IndexSettings) -> None:
    video, rows = framed(), unit(2)
    with closing(open_store(served)) as store:
        assert not store.collection().exists()
        collection = store.collection()
        collection.ensure("m", 4)
        collection.ensure("m", 4)
        collection.replace(video, rows, "m")
        assert (collection.model(), collection.dim()) == ("m", 4)
        assert all_points(collection).keys() == {video.point_id(each) for each in video.frames}
        assert collection.holds(video, "m")
        hit, _ = collection.search(rows[1], 2)
        assert hit.score == pytest.approx(1, abs=1e-4)
        collection.remove([video.point_id(video.frames[0])])
        assert not collection.holds(video, "m")
        assert [each.name for each in store.collections()] != []


def test_a_wrong_key_is_refused(served: IndexSettings) -> None:
    wrong = served.model_copy(update={"key": SecretStr("wrong")})
    with (
        closing(open_store(wrong)) as store,
        pytest.raises(ConfigurationError, match="refused the key"),
    ):
        store.collection().exists()
