"""The API against what its own OpenAPI description allows, and what it does not: never a 500."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import DataObject, data

from components.running.decoders import Decoders
from components.settings import StorageSettings
from tests.conftest import SharedDecoders, settings_below
from tests.deployment import copy
from tests.servers import serving
from workflows.local.s3_server import local_s3
from workflows.serve.app import create_app

pytestmark = pytest.mark.slow

_EXAMPLES = 5
_PATHS = (
    "/api/search", "/api/similar/{platform}/{code}/{number}", "/api/overview", "/api/videos",
    "/api/videos/{platform}/{code}", "/api/runs", "/api/runs/{run}", "/api/login",
    "/api/frames/{platform}/{code}/{number}", "/api/media/{platform}/{code}", "/api/health",
    "/api/health/ready", "/api/health/live", "/api/metrics",
    "/api/about", "/api/watches", "/api/watches/{name}",
)  # fmt: skip


# Of what takes nothing, or parts of the path alone, there is nothing wrong to send.
_CAN_BE_WRONG = (*_PATHS[:4], "/api/runs", "/api/login", "/api/frames/{platform}/{code}/{number}")
_SENT = (*((path, "POSITIVE") for path in _PATHS), *((path, "NEGATIVE") for path in _CAN_BE_WRONG))


class Api(NamedTuple):
    """A server, what it says of itself, and what to send it, by path and mode."""

    client: httpx.Client
    described: dict[str, Any]
    cases: dict[tuple[str, str], list[Any]]


@pytest.fixture(scope="module")
def api(
    tmp_path_factory: pytest.TempPathFactory, deployment: Path, model: str, decoders: Decoders
) -> Iterator[Api]:
    folder = tmp_path_factory.mktemp("fuzzed")
    copy(deployment, folder)
    with (
        local_s3(folder / "s3", StorageSettings()) as storage,
        SharedDecoders(settings_below(folder, storage, model), decoders) as services,
    ):
        app = create_app(services, services.settings.having("serve", rate=0))
        described = app.openapi()
        # Made before there is a server: what Hypothesis reads of sources would be compiled beside
        # what the server's thread imports, at which Python 3.11 loses count (SystemError: AST
        # constructor recursion depth mismatch).
        cases = {(path, mode): _drawn(described, path, mode) for path, mode in _SENT}
        with serving(app) as client:
            yield Api(client, described, cases)


def _drawn(described: dict[str, Any], path: str, mode: str) -> list[Any]:
    import schemathesis

    schema = schemathesis.openapi.from_dict(described)
    drawn: list[Any] = []

    @seed(19)
    @settings(
        max_examples=_EXAMPLES,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(data())
    def draw(source: DataObject) -> None:
        for method in described["paths"][path]:
            operation = schema[path][method.upper()]
            drawn.append(source.draw(operation.as_strategy(generation_mode=of_mode)))

    of_mode = schemathesis.GenerationMode[mode]
    draw()
    return drawn


def test_every_route_is_fuzzed(api: Api) -> None:
    assert api.client.get("/api/openapi.json").json() == api.described
    assert {*api.described["paths"]} == {*_PATHS}


@pytest.mark.parametrize(("path", "mode"), _SENT)
def test_no_request_makes_a_fault(api: Api, path: str, mode: str) -> None:
    assert len(api.cases[path, mode]) >= len(api.described["paths"][path])
    for case in api.cases[path, mode]:
        answer = case.call(base_url=str(api.client.base_url))
        assert answer.status_code < 500, answer.text
        if answer.status_code >= 400:
            assert json.loads(answer.content).keys() == {"status", "error", "remedy"}
