"""`oriane serve`: the API over a deployment that a real run left, on a socket, as it runs."""

from __future__ import annotations

import asyncio
import gc
import io
import socket
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from pydantic import SecretStr, TypeAdapter

from components.errors import Reason, VideoRejectedError
from components.records.watch import Watch, WatchedMoment, WatchNotice
from components.running.decoders import Decoders
from components.running.services import Services
from components.settings import Settings, StorageSettings
from components.stores.s3 import split
from tests.conftest import SharedDecoders, settings_below
from tests.deployment import copy
from tests.servers import serving
from workflows.local.s3_server import local_s3
from workflows.search.answer import Answer
from workflows.search.question import Question
from workflows.serve import gate, server, sessions
from workflows.serve.app import create_app
from workflows.serve.ranges import PART_BYTES
from workflows.serve.rates import Rates
from workflows.serve.refusals import RefusedError
from workflows.serve.report import RunPage, VideoPage
from workflows.serve.routes.search import Asked
from workflows.serve.thumbnails import Thumbnails
from workflows.serve.work import Work
from workflows.watch.kept import KeptWatches

pytestmark = pytest.mark.slow

TOKEN = "0123456789abcdef-0123"


@pytest.fixture(scope="module")
def served_services(
    tmp_path_factory: pytest.TempPathFactory, deployment: Path, model: str, decoders: Decoders
) -> Iterator[Services]:
    folder = tmp_path_factory.mktemp("served")
    copy(deployment, folder)
    with (
        local_s3(folder / "s3", StorageSettings()) as storage,
        SharedDecoders(settings_below(folder, storage, model), decoders) as services,
    ):
        yield services


@pytest.fixture(scope="module")
def api(served_services: Services) -> Iterator[httpx.Client]:
    with serving(create_app(served_services, served_services.settings)) as client:
        yield client


def with_settings(services: Services, **values: object) -> Settings:
    return services.settings.having("serve", **values)


# What it answers


def test_the_model_goes_with_the_server(served_services: Services) -> None:
    app = create_app(served_services, served_services.settings)
    with serving(app) as client:
        assert client.get("/api/search", params={"texts": "a cat"}).is_success
        asker = weakref.ref(app.state.served.searching.asker())
    for thread in threading.enumerate():
        if thread.name == "warming":
            thread.join()
    assert asker() is None
    assert gc.get_freeze_count() == 0


def test_search_by_text(api: httpx.Client) -> None:
    asked = {"texts": ["a cat", "grass"], "limit": 3, "confidence": 0}
    found = api.get("/api/search", params=asked)
    assert found.status_code == 200, found.text
    answer = Answer.model_validate_json(found.content)
    assert answer.fits
    assert {moment.code for moment in answer.moments} <= {"one", "two"}
    minus = {"texts": "a cat", "without": "snow"}
    assert api.get("/api/search", params=minus).status_code == 200
    for wrong in ({}, {"texts": ""}, {"texts": "a", "limit": 0}, {"texts": "a", "nonsense": 1}):
        assert api.get("/api/search", params=wrong).status_code == 422
    told = api.get("/api/search", params={"texts": ["a", ""], "after": "yesterday"}).json()["error"]
    assert [part.partition(":")[0] for part in told.split("; ")] == ["after", "texts.1"]


def test_the_api_asks_all_that_a_question_can() -> None:
    assert {*Asked.model_fields} == {*Question.model_fields} - {"image"}


def test_an_answer_is_the_same_byte_for_byte_however_many_ask_at_once(
    served_services: Services,
) -> None:
    texts = [f"{number} {thing}" for number in range(4) for thing in ("cats", "a street, no cars")]
    with serving(create_app(served_services, served_services.settings)) as client:
        alone = [client.get("/api/search", params={"texts": text}).content for text in texts]
    # Another one, which has not embedded them yet.
    with (
        serving(create_app(served_services, served_services.settings)) as client,
        ThreadPoolExecutor(len(texts)) as pool,
    ):
        found = pool.map(lambda text: client.get("/api/search", params={"texts": text}), texts)
        assert [one.content for one in found] == alone


def test_what_nobody_waits_for_any_more_is_not_begun(served_services: Services) -> None:
    """Who types the next search has closed the connection of the one before."""
    begun: list[str] = []
    go_on = threading.Event()
    app = create_app(served_services, with_settings(served_services, threads=1))
    served = app.state.served

    def held(*_: Any) -> VideoPage:
        go_on.wait()
        return VideoPage(videos=(), next=None)

    def noted(**_: Any) -> RunPage:
        begun.append("runs")
        return RunPage(runs=(), next=None)

    served.listing.videos, served.library.runs = held, noted
    with serving(app) as client, ThreadPoolExecutor(1) as pool:
        assert client.get("/api/search", params={"texts": "a cat"}).status_code == 200
        first = pool.submit(client.get, "/api/videos")
        assert comes_true(lambda: served.work.pending == 1)
        where = (client.base_url.host, client.base_url.port)
        with socket.create_connection(where) as impatient:
            impatient.sendall(b"GET /api/runs HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert comes_true(lambda: served.work.pending == 2)
        is_ended = comes_true(lambda: served.work.pending == 1)
        go_on.set()
        assert first.result().status_code == 200
        assert is_ended
        assert client.get("/api/health/live").status_code == 200
    assert not begun


def comes_true(condition: Callable[[], bool]) -> bool:
    """Return whether it does, within a time that no machine needs."""
    until = time.monotonic() + 60
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


def first_frame(api: httpx.Client) -> str:
    url: str = api.get("/api/videos/local/one").json()["frames"][0]["url"]
    return url


def test_search_by_picture(api: httpx.Client) -> None:
    original = api.get(first_frame(api)).content
    asked = {"limit": 1, "confidence": 0}
    found = api.post("/api/search", files={"picture": original}, params=asked)
    assert found.status_code == 200, found.text
    assert found.json()["moments"][0]["score"] > 0.99


def test_more_like_a_frame(api: httpx.Client) -> None:
    number = int(first_frame(api).rpartition("/")[2])
    found = api.get(f"/api/similar/local/one/{number}", params={"confidence": 0})
    assert found.status_code == 200, found.text
    missing = api.get("/api/similar/local/one/999")
    assert missing.status_code == 404
    assert "local/one/999" in missing.json()["error"]


def test_routes_are_made_before_the_first_request(
    served_services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FastAPI would make their fields when first asked, with warnings off in all threads."""
    app = create_app(served_services, served_services.settings)
    made: list[object] = []
    make = TypeAdapter.__init__

    def counted(adapter: Any, of: Any, **options: Any) -> None:
        made.append(of)
        make(adapter, of, **options)

    monkeypatch.setattr(TypeAdapter, "__init__", counted)
    with serving(app) as client:
        assert client.get("/api/videos").status_code == 200
        assert client.get("/api/search").status_code == 422
    assert made == []


def test_library(api: httpx.Client) -> None:
    page = api.get("/api/videos", params={"limit": 1}).json()
    assert [one["video"] for one in page["videos"]] == ["local/one"]
    after = api.get("/api/videos", params={"after": page["next"]}).json()
    assert [one["video"] for one in after["videos"]] == ["local/two"]
    assert after["next"] is None
    assert api.get("/api/videos", params={"state": "failed"}).json()["videos"] == []
    assert len(api.get("/api/videos", params={"contains": "TW"}).json()["videos"]) == 1
    video = api.get("/api/videos/local/one").json()
    assert (video["width"], video["height"]) == (160, 90)
    assert video["frames"]
    missing = api.get("/api/videos/local/none")
    assert missing.status_code == 404
    assert missing.json()["remedy"].startswith("check the name")


def test_phases_are_those_of_the_last_run(api: httpx.Client, served_services: Services) -> None:
    marker = served_services.markers.done("local", "two")
    assert marker
    reused = marker.model_copy(update={"seconds": {**marker.seconds, "crop": None}})
    served_services.markers.replace_done(reused)
    phases = {one["phase"]: one for one in api.get("/api/videos/local/two").json()["phases"]}
    assert phases.keys() >= {"fetch", "crop", "frame", "dedup", "upload", "embed"}
    assert phases["embed"]["seconds"] > 0
    assert not phases["embed"]["reused"]
    assert (phases["crop"]["seconds"], phases["crop"]["reused"]) == (None, True)
    without = marker.model_copy(update={"seconds": {}})
    served_services.markers.replace_done(without)
    assert api.get("/api/videos/local/two").json()["phases"] == []
    served_services.markers.replace_done(marker)


def test_runs(api: httpx.Client) -> None:
    assert [one["run"] for one in api.get("/api/runs").json()["runs"]] == ["test1"]
    assert api.get("/api/runs/test1").json()["state"] == "broken_off"
    assert api.get("/api/runs/none").status_code == 404


def test_watches(api: httpx.Client, served_services: Services) -> None:
    assert api.get("/api/watches").json() == {"watches": []}
    kept = KeptWatches(served_services)
    watch = Watch(
        name="cats",
        text="a cat",
        confidence=0.5,
        webhook="https://example.com/secret",
        added_at="2026-01-01T00:00:00+00:00",
    )
    kept.keep(watch)
    seen = {"platform": "local", "code": "one", "start": 0, "end": 1, "second": 0.5}
    moment = WatchedMoment(**seen, frame_number=3, path="p", score=0.3, confidence=0.9, frames=(3,))
    for run, moments in (("night1", [moment]), ("night2", []), ("night3", [moment] * 101)):
        kept.keep_notice(
            WatchNotice(
                watch="cats", text="a cat", run=run, asked_at=watch.added_at, model="m",
                confidence=0.5, frames=4, total=len(moments), moments=tuple(moments),
            )
        )  # fmt: skip
    # Objects of one second have no order but that of their names.
    (listed,) = api.get("/api/watches").json()["watches"]
    assert (listed["name"], listed["runs"], listed["last_run"]) == ("cats", 3, "night3")
    assert "secret" not in str(listed)

    page = api.get("/api/watches/cats", params={"limit": 1}).json()
    assert [one["run"] for one in page["notices"]] == ["night3"]
    assert len(page["notices"][0]["moments"]) == 100
    after = api.get("/api/watches/cats", params={"after": page["next"]}).json()
    assert [one["run"] for one in after["notices"]] == ["night1"]
    assert after["next"] is None
    whole = api.get("/api/watches/cats", params={"empty": True}).json()
    assert [one["run"] for one in whole["notices"]] == ["night3", "night2", "night1"]
    for name, status in (("dogs", 404), ("..", 404), ("A", 422)):
        assert api.get(f"/api/watches/{name}").status_code == status


def test_health_and_metrics(api: httpx.Client) -> None:
    assert api.get("/api/health").json() == {"live": True, "ready": True, "problem": None}
    api.get("/api/anything-a-client-makes-up")
    metrics = api.get("/api/metrics").text
    assert 'oriane_serve_requests_total{method="GET",route="/api/health",status="200"}' in metrics
    assert 'route="other",status="404"' in metrics
    assert "anything" not in metrics


# Pictures and videos


def test_a_frame_is_given_once_and_its_thumbnail_made_once(
    api: httpx.Client, served_services: Services
) -> None:
    url = first_frame(api)
    original = api.get(url)
    assert original.headers["content-type"] == "image/png"
    known = api.get(url, headers={"If-None-Match": original.headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")
    thumbnail = api.get(url, params={"size": 160})
    with Image.open(io.BytesIO(thumbnail.content)) as picture:
        assert (picture.format, picture.size) == ("WEBP", (160, 90))
    assert api.get(url, params={"size": 160}).content == thumbnail.content
    metrics = api.get("/api/metrics").text
    assert "oriane_serve_thumbnails_made 1.0" in metrics
    assert "oriane_serve_thumbnails_reused 1.0" in metrics
    assert api.get(url, params={"size": 161}).status_code == 422


def test_frames_of_every_format_are_shown_as_what_they_are(
    api: httpx.Client, served_services: Services
) -> None:
    marker = served_services.markers.done("local", "two")
    assert marker
    number = marker.frames[0].number
    url = f"/api/frames/local/two/{number}"
    with Image.open(io.BytesIO(api.get(url).content)) as original:
        picture = original.convert("RGB")
    try:
        for kind in ("webp", "jpeg"):
            frame = marker.frames[0].model_copy(update={"format": kind})
            changed = {
                "frames": (frame, *marker.frames[1:]),
                "recorded_at": f"2026-01-0{len(kind)}",
            }
            fingerprints = {**marker.fingerprints, "dedup": kind}
            now = marker.model_copy(update={**changed, "fingerprints": fingerprints})
            served_services.markers.replace_done(now)
            file = io.BytesIO()
            picture.save(file, kind)
            bucket = served_services.settings.storage.frames_bucket
            served_services.store.put(f"s3://{bucket}/{now.path(frame)}", file.getvalue(), "")
            shown = api.get(url)
            assert (shown.headers["content-type"], shown.content) == (
                f"image/{kind}",
                file.getvalue(),
            )
            thumbnail = api.get(url, params={"size": 160})
            assert (thumbnail.status_code, thumbnail.content[8:12]) == (200, b"WEBP")
    finally:
        served_services.markers.replace_done(marker)


def test_a_dropped_frame_is_shown_while_the_artifacts_hold_it(
    api: httpx.Client, served_services: Services
) -> None:
    marker = served_services.markers.done("local", "one")
    assert marker
    dropped, *kept = marker.frames
    original = api.get(f"/api/frames/local/one/{dropped.number}").content
    now = marker.model_copy(update={"frames": tuple(kept), "duplicates_removed": 1})
    served_services.markers.replace_done(now)
    try:
        url = f"/api/frames/local/one/{dropped.number}"
        assert api.get(url).content == original
        with Image.open(io.BytesIO(api.get(url, params={"size": 160}).content)) as picture:
            assert picture.size == (160, 90)
        bucket = served_services.settings.storage.artifacts_bucket
        folder = f"s3://{bucket}/results/local/one/frame/"
        tars = [one.uri for one in served_services.store.objects(folder) if ".tar" in one.uri]
        kept_tars = {uri: served_services.store.get(uri) for uri in tars}
        served_services.store.delete_all(bucket, [split(uri)[1] for uri in tars])
        assert api.get(url).status_code == 404
        for uri, content in kept_tars.items():
            served_services.store.put(uri, bytes(len(content)), "application/x-tar")
        assert api.get(url).status_code == 404, "what is damaged is not shown, and not removed"
        assert all(served_services.store.exists(uri) for uri in tars)
        for uri, content in kept_tars.items():
            served_services.store.put(uri, content, "application/x-tar")
    finally:
        served_services.markers.replace_done(marker)


def png(colour: int) -> bytes:
    target = io.BytesIO()
    Image.effect_noise((320, 180), colour).convert("RGB").save(target, "PNG")
    return target.getvalue()


def test_thumbnails_stay_below_their_bound_over_restarts(tmp_path: Path) -> None:
    bound = 20_000
    thumbnails = Thumbnails(tmp_path, bound, 10**6)
    for number in range(12):
        thumbnails.get(f"frame {number}", 160, lambda number=number: png(number + 20))
        assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= bound
    assert thumbnails.made == 12
    (tmp_path / "x.part").write_bytes(b"half")
    again = Thumbnails(tmp_path, bound, 10**6)
    assert again.bytes == sum(path.stat().st_size for path in tmp_path.iterdir())
    again.get("frame 11", 160, lambda: pytest.fail("it is there"))
    again.get("frame 0", 160, lambda: png(20))
    assert (again.reused, again.made) == (1, 1)


def test_a_thumbnail_that_many_want_is_made_once(tmp_path: Path) -> None:
    thumbnails, calls, begun = Thumbnails(tmp_path, 10**6, 10**6), [], threading.Barrier(4)

    def original() -> bytes:
        calls.append(1)
        return png(30)

    def ask() -> None:
        begun.wait()
        thumbnails.get("frame", 160, original)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == 1


@pytest.fixture(scope="module")
def long_video(served_services: Services) -> bytes:
    """A source of more than one part, in place of a video's."""
    content = bytes(range(256)) * ((PART_BYTES + 2**20) // 256)
    bucket = served_services.settings.storage.videos_bucket
    served_services.store.put(f"s3://{bucket}/local/two/video.mp4", content, "video/mp4")
    return content


@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [("bytes=0-", 0, PART_BYTES - 1), ("bytes=10-19", 10, 19), ("bytes=-5", -5, None)],
)
def test_a_video_is_read_in_parts(
    api: httpx.Client, long_video: bytes, wanted: str, first: int, last: int | None
) -> None:
    part = api.get("/api/media/local/two", headers={"Range": wanted})
    assert part.status_code == 206
    expected = long_video[first:] if last is None else long_video[first : last + 1]
    assert part.content == expected
    start = first % len(long_video)
    end = start + len(expected) - 1
    assert part.headers["content-range"] == f"bytes {start}-{end}/{len(long_video)}"


def test_a_whole_video_and_ranges_that_there_are_not(api: httpx.Client, long_video: bytes) -> None:
    whole = api.get("/api/media/local/two")
    assert (whole.status_code, whole.content) == (200, long_video)
    beyond = api.get("/api/media/local/two", headers={"Range": "bytes=99999999-"})
    assert beyond.status_code == 416
    assert beyond.headers["content-range"] == f"bytes */{len(long_video)}"
    changed = {"Range": "bytes=0-1", "If-Range": '"another"'}
    assert api.get("/api/media/local/two", headers=changed).status_code == 200
    for odd in ("bytes=5-1", "bytes=-", "lines=1-2", "bytes=0-1,4-5"):
        assert api.get("/api/media/local/two", headers={"Range": odd}).status_code == 200


# What it refuses


@pytest.mark.parametrize(
    "path",
    [
        "/api/videos/..%2f..%2fetc/passwd",
        "/api/frames/..%2F../x/1",
        "/api/media/%2e%2e/%2e%2e",
        "/api/videos/a%00b/c",
        "/api/frames/local/one/-1",
        "/api/runs/.%2e",
    ],
)
def test_no_path_of_a_request_leaves_its_folder(api: httpx.Client, path: str) -> None:
    answer = api.get(path)
    assert answer.status_code in (404, 422)
    assert answer.json().keys() == {"status", "error", "remedy"}


@pytest.mark.parametrize("content", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n" + bytes(50)])
def test_a_picture_that_is_none(api: httpx.Client, content: bytes) -> None:
    refused = api.post("/api/search", files={"picture": content})
    assert refused.status_code == 422
    assert "picture" in refused.json()["error"]
    assert "/tmp" not in refused.text


def test_a_picture_of_too_many_pixels_is_not_decoded(api: httpx.Client) -> None:
    bomb = io.BytesIO()
    Image.new("1", (8_100, 8_100)).save(bomb, "PNG")
    assert len(bomb.getvalue()) < 200_000
    refused = api.post("/api/search", files={"picture": bomb.getvalue()})
    assert refused.status_code == 422
    assert "pixels" in refused.json()["error"]


def test_a_body_that_is_too_large(served_services: Services) -> None:
    settings = with_settings(served_services, picture_mb=0.1)
    with serving(create_app(served_services, settings)) as client:
        told = client.post("/api/search", files={"picture": bytes(300_000)})
        assert told.status_code == 413
        assert "VP_SERVE_PICTURE_MB" in told.json()["remedy"]

        def endless() -> Iterator[bytes]:
            while True:
                yield bytes(65536)

        with pytest.raises(httpx.HTTPError):
            # Refused while it is being sent, whose end never comes.
            client.post("/api/search", content=endless()).raise_for_status()


def test_a_body_that_comes_too_slowly(served_services: Services) -> None:
    settings = with_settings(served_services, timeout_s=0.2)
    with serving(create_app(served_services, settings)) as client:
        host, port = str(client.base_url.host), client.base_url.port
        with socket.create_connection((host, port), timeout=60) as connection:
            head = f"POST /api/search HTTP/1.1\r\nHost: {host}\r\nContent-Length: 99\r\n\r\nx"
            connection.sendall(head.encode())
            assert connection.recv(4096).startswith(b"HTTP/1.1 408 ")


def test_pictures_are_decoded_by_the_confined_workers_alone(
    api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = api.get(first_frame(api)).content

    def refuse(*_: object, **__: object) -> None:
        raise VideoRejectedError(Reason.NOT_A_VIDEO, "no worker today")

    monkeypatch.setattr(Decoders, "call", refuse)
    for path in ("/api/search", "/picture"):
        refused = api.post(path, files={"picture": original})
        assert refused.status_code == 422
        assert "no worker today" in refused.text


def test_a_token_is_asked_for(served_services: Services) -> None:
    settings = served_services.settings.having("serve", token=SecretStr(TOKEN))
    with serving(create_app(served_services, settings)) as client:
        refused = client.get("/api/videos")
        assert refused.status_code == 401
        assert refused.headers["www-authenticate"] == "Bearer"
        for shown in (f"Bearer {TOKEN}x", "Bearer", f"Basic {TOKEN}", f"Bearer {TOKEN[:-1]}"):
            assert client.get("/api/videos", headers={"Authorization": shown}).status_code == 401
        bearer = {"Authorization": f"Bearer {TOKEN}"}
        assert client.get("/api/videos", headers=bearer).status_code == 200
        assert client.get("/api/health/live").status_code == 200
        shown = client.get("/library?a=b")
        assert shown.status_code == 303
        assert shown.headers["location"] == "/login?next=%2Flibrary%3Fa%3Db"


@pytest.mark.parametrize(
    ("said", "secure"),
    [
        ("https", True),
        ("HTTPS", True),
        ("https, http", True),
        ("http", False),
        ("http, https", False),
    ],
)
def test_a_cookie_goes_back_as_it_came_to_the_first_proxy(
    served_services: Services, said: str, secure: bool
) -> None:
    settings = served_services.settings.having("serve", token=SecretStr(TOKEN))
    with serving(create_app(served_services, settings)) as client:
        shown = {"data": {"token": TOKEN}, "headers": {"X-Forwarded-Proto": said}}
        for door in ("/api/login", "/login"):
            cookie = client.post(door, **shown).headers["set-cookie"]
            assert ("; Secure" in cookie) == secure


def test_tokens_are_compared_in_constant_time(
    served_services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[bytes] = []

    def equal(one: bytes, other: bytes) -> bool:
        compared.extend((one, other))
        return True

    # Whatever is shown is right, once this says so: nothing else compares.
    monkeypatch.setattr(gate.secrets, "compare_digest", equal)
    monkeypatch.setattr(sessions.hmac, "compare_digest", equal)
    settings = served_services.settings.having("serve", token=SecretStr(TOKEN))
    with serving(create_app(served_services, settings)) as client:
        bearer = {"Authorization": "Bearer x"}
        assert client.get("/api/videos", headers=bearer).status_code == 200
        assert compared[-2:] == [b"x", TOKEN.encode()]
        assert client.post("/api/login", data={"token": "y"}).status_code == 303
        assert compared[-2:] == [b"y", TOKEN.encode()]
        client.cookies.set("oriane_session", "9999999999.z")
        assert client.get("/api/videos").status_code == 200
        assert compared[-2] == b"z"


def test_a_session_is_opened_by_the_token_and_ends_with_it(served_services: Services) -> None:
    settings = served_services.settings.having("serve", token=SecretStr(TOKEN))
    with serving(create_app(served_services, settings)) as client:
        wrong = client.post("/api/login", data={"token": "wrong"})
        assert wrong.status_code == 403
        assert "set-cookie" not in wrong.headers
        right = client.post("/api/login", data={"token": TOKEN, "next": "/library"})
        assert (right.status_code, right.headers["location"]) == (303, "/library")
        cookie = right.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "samesite=strict" in cookie.lower()
        assert TOKEN not in cookie
        assert "secure" not in cookie.lower()
        assert client.get("/api/videos").status_code == 200
        client.cookies.set("oriane_session", "9999999999." + "0" * 64)
        assert client.get("/api/videos").status_code == 401
    kept = right.cookies["oriane_session"]
    other = served_services.settings.having("serve", token=SecretStr(TOKEN + "-new"))
    with serving(create_app(served_services, other)) as client:
        client.cookies.set("oriane_session", kept)
        assert client.get("/api/videos").status_code == 401


@pytest.mark.parametrize(
    "target", ["https://evil.example", "//evil.example", "/\\evil.example", "/a\r\nX: y", "x"]
)
def test_a_login_leads_nowhere_else(served_services: Services, target: str) -> None:
    with serving(create_app(served_services, served_services.settings)) as client:
        sent = client.post("/api/login", data={"token": "any", "next": target})
        assert sent.headers["location"] == "/"
        assert "x" not in sent.headers


def test_only_names_of_the_server_are_answered(served_services: Services) -> None:
    settings = with_settings(served_services, hosts="videos.example.com")
    with serving(create_app(served_services, settings)) as client:
        for name in ("evil.example", "localhost.evil.example", "evil.example:80", "", "[::2]"):
            assert client.get("/api/runs", headers={"Host": name}).status_code in (400, 421)
        for name in (
            "localhost",
            "LOCALHOST:1",
            "127.0.0.1:8080",
            "[::1]:80",
            "videos.example.com",
        ):
            assert client.get("/api/runs", headers={"Host": name}).status_code == 200


def test_a_page_of_another_server_sends_nothing(api: httpx.Client) -> None:
    sent = api.post(
        "/api/search", files={"picture": b"x"}, headers={"Origin": "http://evil.example"}
    )
    assert sent.status_code == 403
    assert "access-control-allow-origin" not in sent.headers
    asked = api.options("/api/search", headers={"Origin": "http://evil.example"})
    assert "access-control-allow-origin" not in asked.headers


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_page_of_another_server_loads_nothing_but_may_link(api: httpx.Client, site: str) -> None:
    embedded = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors"}
    assert api.get("/api/search", params={"texts": "a"}, headers=embedded).status_code == 403
    followed = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate"}
    assert api.get("/", headers=followed).status_code == 200


def test_every_answer_says_what_a_browser_may_do(api: httpx.Client) -> None:
    for path in ("/api/videos", "/api/none", "/", "/api/health", first_frame(api)):
        headers = api.get(path).headers
        policy = headers["content-security-policy"]
        assert "unsafe-inline" not in policy
        assert "default-src 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in headers
        assert "server" not in headers


def test_names_are_data_wherever_they_are_shown(
    api: httpx.Client, served_services: Services
) -> None:
    odd = "<img onerror=alert(1)>"
    answer = api.get(f"/api/videos/local/{odd}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/json"
    turned = api.get("/api/videos/local/a\u202egpj.exe")
    assert turned.status_code == 422, "a bidirectional mark is no name's"


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: loc"])
def test_a_connection_without_a_request_is_closed(
    served_services: Services, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(server, "_IDLE_S", 0.05)
    with serving(create_app(served_services, served_services.settings)) as client:
        address = (client.base_url.host, client.base_url.port)
        with socket.create_connection(address, timeout=60) as connection:
            connection.sendall(sent)
            assert connection.recv(1) == b""
        assert client.get("/api/health/live").status_code == 200


def test_rates_are_counted_by_address() -> None:
    now = [0.0]
    rates = Rates(2, lambda: now[0])
    for _ in range(20):
        rates.count("a")
    with pytest.raises(RefusedError) as refused:
        rates.count("a")
    assert refused.value.refusal.status == 429
    assert refused.value.headers == {"Retry-After": "1"}
    rates.count("b")
    now[0] = 0.5
    rates.count("a")


def test_too_many_requests_are_told_so(served_services: Services) -> None:
    settings = with_settings(served_services, rate=0.1)
    with serving(create_app(served_services, settings)) as client:
        assert client.get("/api/videos").status_code == 200
        assert client.get("/api/videos").status_code == 429
        assert client.get("/api/health/live").status_code == 200


def test_work_that_takes_too_long_is_not_waited_for() -> None:
    release = threading.Event()

    async def ask() -> int:
        work = Work(1, 0.05)
        try:
            with pytest.raises(RefusedError) as slow:
                await work.run(release.wait)
            assert "VP_SERVE_TIMEOUT_SECS" in slow.value.refusal.error
            waiting = [asyncio.create_task(work.run(int)) for _ in range(8)]
            await asyncio.sleep(0)
            with pytest.raises(RefusedError) as full:
                await work.run(int)
            release.set()
            await asyncio.gather(*waiting, return_exceptions=True)
        finally:
            release.set()
            work.close()
        return full.value.refusal.status

    assert asyncio.run(ask()) == 503


def test_a_store_that_does_not_answer(served_services: Services, decoders: Decoders) -> None:
    nobody = {"url": "http://127.0.0.1:9", "attempts": 1, "grpc_port": 0}
    settings = served_services.settings.having("index", **nobody)
    with (
        SharedDecoders(settings, decoders) as services,
        serving(create_app(services, settings)) as client,
    ):
        answer = client.get("/api/search", params={"texts": "a cat"})
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        assert answer.json()["remedy"]
        assert client.get("/api/health/ready").status_code == 503
        assert client.get("/api/health/live").status_code == 200
        assert client.get("/api/videos/local/one").status_code == 200, "S3 answers still"
