"""`oriane search` asks a running server, answers the same without one, and opens its page."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
from PIL import Image

from components.settings import Settings
from tests.commands import environment, oriane_here
from tests.deployment import copy
from tests.test_light_commands import loaded_by
from tests.test_serve_command import served
from workflows.local.deployment_mark import deployment_mark
from workflows.search.client import Server, WillNotAnswerError, ask, query
from workflows.search.question import Question
from workflows.serve.page.address import read_search
from workflows.serve.page.of_question import page_address
from workflows.serve.routes.search import Asked

TOKEN = "0123456789abcdef-0123"


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory, deployment: Path) -> Path:
    folder = tmp_path_factory.mktemp("asked")
    copy(deployment, folder)
    return folder


@pytest.fixture(scope="module")
def address(deployed: Path) -> Iterator[str]:
    with served(deployed, ORIANE_TOKEN=TOKEN) as (url, _):
        yield url


def asking(data: Path, *arguments: object, code: int = 0, **variables: object) -> tuple[str, str]:
    """Run `oriane search` over a folder; return what it says on stdout and on stderr."""
    env = environment(data, LOCAL_MODE=1, **{"ORIANE_TOKEN": TOKEN, **variables})
    done = oriane_here("search", *arguments, env=env, code=code)
    return done.stdout, done.stderr


def frame(data: Path) -> Path:
    return min((data / "s3/oriane-frames/local/one").glob("*.png"))


@pytest.mark.slow
def test_an_answer_is_the_same_with_a_server_and_without(
    deployed: Path, address: str, tmp_path: Path
) -> None:
    del address
    questions = [
        ["a cat", "--json", "--confidence", 0],
        ["a cat", "grass", "--without", "snow", "--limit", 3],
        ["--image", frame(deployed), "--json", "--per-video", 0],
        ["a cat", "--after", "2020-01-01", "--platform", "local", "--cropped"],
    ]
    found = [asking(deployed, *question) for question in questions]
    assert not any(said for _, said in found)
    announced = deployed / "server.json"
    away = announced.rename(tmp_path / "server.json")
    try:
        alone = [asking(deployed, *question) for question in questions]
    finally:
        away.rename(announced)
    assert [said for said, _ in found] == [said for said, _ in alone]


@pytest.mark.slow
def test_with_a_server_nothing_heavy_is_loaded(deployed: Path, address: str) -> None:
    del address
    found = loaded_by(deployed, ["search", "a cat"], ORIANE_TOKEN=TOKEN)["search"]
    assert not found & {"numpy", "qdrant_edge", "tokenizers", "PIL", "boto3", "urllib3"}


@pytest.mark.slow
def test_a_named_server_is_asked_or_the_command_ends(
    deployed: Path, address: str, tmp_path: Path
) -> None:
    found, said = asking(tmp_path, "a cat", "--json", ORIANE_SERVER=address)
    assert (json.loads(found)["model"], said) == ("packaged:conse", "")
    for variables, code, told in (
        ({"ORIANE_SERVER": "http://127.0.0.1:1"}, 75, "does not answer"),
        ({"ORIANE_SERVER": "127.0.0.1:8080"}, 78, "ORIANE_SERVER"),
        ({"ORIANE_SERVER": "http://127.0.0.1:port"}, 78, "ORIANE_SERVER"),
        ({"ORIANE_SERVER": f"{address}/elsewhere"}, 78, "expected an oriane server"),
        ({"ORIANE_SERVER": address, "ORIANE_TOKEN": TOKEN + "x"}, 78, "set ORIANE_TOKEN"),
        ({"ORIANE_SERVER": address, "QDRANT_COLLECTION": "other"}, 78, "QDRANT_COLLECTION"),
    ):
        _, said = asking(tmp_path, "a cat", code=code, **variables)
        assert told in said, said
    _, said = asking(tmp_path, "a", "--limit", 101, code=78, ORIANE_SERVER=address)
    assert "limit" in said
    _, said = asking(tmp_path, "a", "--frames", code=78, ORIANE_SERVER=address)
    assert "--frames" in said
    _, said = asking(tmp_path, "--like", "local/one/999", code=78, ORIANE_SERVER=address)
    assert "local/one/999 is not in the collection" in said
    picture = tmp_path / "none.png"
    picture.write_bytes(b"no picture")
    _, said = asking(tmp_path, "--image", picture, code=78, ORIANE_SERVER=address)
    assert "expected a picture" in said


@contextmanager
def answering(data: Path, *answers: tuple[int, object]) -> Iterator[str]:
    """Announce a server over the folder that gives each answer once, and the last one on."""
    left = list(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = left.pop(0) if len(left) > 1 else left[0]
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        (data / "server.json").write_text(json.dumps({"url": url, "pid": os.getpid()}))
        try:
            yield url
        finally:
            server.shutdown()
            thread.join()


_ABOUT = {"version": metadata.version("oriane"), "collection": "watched_frames"}


@pytest.mark.parametrize(
    ("answers", "told", "code"),
    [
        ([(404, {"error": "GET /api/about: Not Found", "remedy": ""})], "older", 78),
        ([(200, ["something else"])], "expected an oriane server", 78),
        ([(200, {**_ABOUT, "version": "0.0.1", "deployment": ""})], "0.0.1", 78),
        ([(200, {**_ABOUT, "deployment": "another"})], "other stores", 78),
        ([(503, {"error": "too many requests", "remedy": "try again"})], "too many requests", 75),
        ([(401, {"error": "a token", "remedy": ""})], "set ORIANE_TOKEN", 78),
        ([(302, "")], "expected an oriane server", 78),
        ([(200, {**_ABOUT, "deployment": "own"}), (200, {"fits": 1})], "expected an oriane", 78),
        ([(200, {**_ABOUT, "deployment": "own"}), (503, {"error": "no", "remedy": ""})], "no", 75),
    ],
)
def test_a_server_that_would_not_do(
    tmp_path: Path, settings: Settings, answers: list[tuple[int, Any]], told: str, code: int
) -> None:
    for _, body in answers:
        if isinstance(body, dict) and body.get("deployment") == "own":
            body["deployment"] = deployment_mark(settings)
    with answering(tmp_path, *answers) as url:
        server = Server(url, is_named=False)
        with pytest.raises(WillNotAnswerError, match=told) as raised:
            ask(server, Question(texts=("a cat",)), settings)
    assert raised.value.why.exit_code == code


@pytest.mark.slow
def test_a_server_that_would_not_do_is_passed_over(tmp_path: Path, deployment: Path) -> None:
    copy(deployment, tmp_path)
    with answering(tmp_path, (404, {"error": "Not Found", "remedy": ""})) as url:
        found, said = asking(tmp_path, "a cat", "--json")
        assert json.loads(found)["model"] == "packaged:conse"
        (line,) = said.splitlines()
        assert line.startswith(f"searching without the server: {url}")
        _, said = asking(tmp_path, "a cat", code=78, ORIANE_SERVER=url)
        assert "older" in said


@pytest.mark.slow
def test_the_page_of_a_question_opens(deployed: Path, address: str, tmp_path: Path) -> None:
    opened = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {opened}\n')
    browser.chmod(0o755)
    token = {"Authorization": f"Bearer {TOKEN}"}
    for question in (
        ["a cat & <more>", "--without", "snow", "--before", "2030-01-01"],
        ["grass", "--image", frame(deployed)],
    ):
        found, said = asking(deployed, *question, "--open", BROWSER=f"{browser} %s")
        assert "confidence" in found
        url = said.strip()
        assert opened.read_text() == url
        assert url.startswith(f"{address}/?")
        page = httpx.get(url, headers=token, timeout=600)
        assert page.status_code == 200, page.text
        assert "a cat &amp; &lt;more&gt;" in page.text or "/picture/" in page.text
    _, said = asking(deployed, "a cat", "--open", "--per-video", 0, code=78)
    assert "the page cannot ask this" in said


@pytest.mark.slow
def test_a_picture_of_a_kind_that_no_worker_decodes(tmp_path: Path, deployment: Path) -> None:
    copy(deployment, tmp_path)
    picture = tmp_path / "picture.tif"
    Image.new("RGB", (8, 8)).save(picture)
    _, said = asking(tmp_path, "--image", picture, code=78)
    assert "give JPEG, PNG" in said


@pytest.mark.slow
def test_without_a_server_it_says_how_to_open_the_page(tmp_path: Path) -> None:
    _, said = asking(tmp_path, "a cat", "--open", code=78)
    assert "oriane serve --open" in said
    _, said = asking(tmp_path, "a cat", "--open", "--frames", code=78)
    assert "--frames" in said


_WHOLE = Question(
    texts=("a b", "ü&="), without=("c",), platform="p", video="v",
    after=datetime(2026, 1, 2, 3, tzinfo=UTC), before=datetime(2026, 3, 1, tzinfo=UTC),
    min_duration=1.5, max_duration=3, from_second=0, to_second=1e6, cropped=False,
    confidence=0.07, limit=7, per_video=0, offset=3, like="a/b/1",
)  # fmt: skip


def test_the_api_is_asked_the_same_question() -> None:
    given: dict[str, object] = {}
    for name, value in parse_qsl(query(_WHOLE)):
        if name in ("texts", "without"):
            given.setdefault(name, []).append(value)  # type: ignore[attr-defined]
        else:
            given[name] = value
    assert Question(**dict(Asked.model_validate(given))) == _WHOLE


def test_the_page_is_asked_the_same_question() -> None:
    days = _WHOLE.model_copy(update={"after": datetime(2026, 1, 2)})
    address = page_address(days)
    assert address is not None
    search = read_search(parse_qsl(address.partition("?")[2]))
    assert (search.texts, search.without, search.like) == (days.texts, days.without, "a/b/1")
    assert (search.since, search.until) == (date(2026, 1, 2), date(2026, 2, 28))
    assert (search.video, search.confidence, search.cropped) == ("p/v", 7, "no")
    assert (search.longer, search.shorter, search.first, search.last) == (1.5, 3, 0, 1e6)
    assert page_address(_WHOLE) is None, "no times of day"
    for values in (
        {"before": date.min},
        {"video": "code"},
        {"per_video": 0},
        {"texts": ("x" * 501,)},
    ):
        assert page_address(Question(**{"texts": ("x",), **values})) is None
