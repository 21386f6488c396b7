"""`oriane serve`: the API over a deployment that a real run left."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from components.running.services import Services
from tests.deployment import copied
from tests.servers import serving
from workflows.serve.app import create_app

storage = copied
pytestmark = pytest.mark.slow

TOKEN = "0123456789abcdef-0123"


@pytest.fixture
def api(services: Services) -> Iterator[httpx.Client]:
    with serving(create_app(services, services.settings)) as client:
        yield client


def test_search_by_text(api: httpx.Client) -> None:
    found = api.get("/api/search", params={"text": "a cat", "limit": 3})
    assert found.status_code == 200, found.text
    assert len(found.json()) == 3


def test_search_by_picture(api: httpx.Client) -> None:
    frames = api.get("/api/videos/local/one").json()["frames"]
    original = api.get(frames[0]["url"]).content
    found = api.post("/api/search", files={"picture": original}, params={"limit": 1})
    assert found.status_code == 200, found.text
    assert found.json()[0]["score"] > 0.99


def test_library(api: httpx.Client) -> None:
    page = api.get("/api/videos", params={"limit": 1}).json()
    assert [one["video"] for one in page["videos"]] == ["local/one"]
    after = api.get("/api/videos", params={"after": page["next"]}).json()
    assert [one["video"] for one in after["videos"]] == ["local/two"]
    assert after["next"] is None
    video = api.get("/api/videos/local/one").json()
    assert (video["width"], video["height"]) == (160, 90)
    assert video["frames"]


def test_phases_are_those_of_the_last_run(api: httpx.Client, services: Services) -> None:
    assert api.get("/api/videos/local/one").json()["phases"] == []
    marker = services.markers.done("local", "one")
    assert marker
    services.markers.replace_done(marker.model_copy(update={"run": "test1"}))
    phases = {one["phase"]: one for one in api.get("/api/videos/local/one").json()["phases"]}
    assert phases.keys() >= {"fetch", "crop", "frame", "dedup", "upload", "embed"}
    assert phases["embed"]["seconds"] > 0
    assert not phases["embed"]["reused"]
