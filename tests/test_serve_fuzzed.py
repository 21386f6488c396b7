"""The API against what its own OpenAPI description allows, and what it does not: never a 500."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

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


@pytest.fixture(scope="module")
def api(
    tmp_path_factory: pytest.TempPathFactory, deployment: Path, model: str, decoders: Decoders
) -> Iterator[httpx.Client]:
    # Later, these would be compiled beside what the server's thread imports, at which Python 3.11
    # loses count (SystemError: AST constructor recursion depth mismatch).
    import schemathesis.specs.openapi.schemas  # noqa: F401

    folder = tmp_path_factory.mktemp("fuzzed")
    copy(deployment, folder)
    with (
        local_s3(folder / "s3", StorageSettings()) as storage,
        SharedDecoders(settings_below(folder, storage, model), decoders) as services,
        serving(create_app(services, services.settings.having("serve", rate=0))) as client,
    ):
        yield client


def test_every_route_is_fuzzed(api: httpx.Client) -> None:
    assert {*api.get("/api/openapi.json").json()["paths"]} == {*_PATHS}


# Of what takes nothing, or parts of the path alone, there is nothing wrong to send.
_CAN_BE_WRONG = (*_PATHS[:4], "/api/runs", "/api/login", "/api/frames/{platform}/{code}/{number}")


@pytest.mark.parametrize(
    ("path", "mode"),
    [
        *((path, "POSITIVE") for path in _PATHS),
        *((path, "NEGATIVE") for path in _CAN_BE_WRONG),
    ],
)
def test_no_request_makes_a_fault(api: httpx.Client, path: str, mode: str) -> None:
    import schemathesis

    described: dict[str, Any] = api.get("/api/openapi.json").json()
    schema = schemathesis.openapi.from_dict(described)
    for method in described["paths"][path]:
        operation = schema[path][method.upper()]

        @seed(19)
        @settings(
            max_examples=_EXAMPLES,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=schemathesis.GenerationMode[mode]))
        def never_a_fault(case: Any) -> None:
            answer = case.call(base_url=str(api.base_url))
            assert answer.status_code < 500, answer.text
            if answer.status_code >= 400:
                assert json.loads(answer.content).keys() == {"status", "error", "remedy"}

        never_a_fault()
