"""The page in a real browser: Debian's Chromium, over a deployment that a real run left."""

from __future__ import annotations

import csv
import io
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from components.errors import ConfigurationError
from components.records.rejected_marker import RejectedMarker
from components.records.watch import Watch, WatchedMoment, WatchNotice
from components.running.decoders import Decoders
from components.running.services import Services
from components.settings import StorageSettings
from tests.conftest import SharedDecoders, settings_below
from tests.deployment import copy
from tests.servers import serving
from workflows.local.s3_server import local_s3
from workflows.search import candidates
from workflows.serve.app import create_app
from workflows.serve.page import address as address_module
from workflows.serve.page import asking, results
from workflows.serve.page.address import Search, read_search
from workflows.serve.page.time_line import TimeLine
from workflows.watch.kept import KeptWatches

slow = pytest.mark.slow
CHROMIUM = shutil.which("chromium")
TOKEN = "0123456789abcdef-0123"
HOSTILE = "<img src=x onerror=document.title='hacked'>"


@pytest.fixture(scope="module")
def services(
    tmp_path_factory: pytest.TempPathFactory, deployment: Path, model: str, decoders: Decoders
) -> Iterator[Services]:
    folder = tmp_path_factory.mktemp("page")
    copy(deployment, folder)
    with (
        local_s3(folder / "s3", StorageSettings()) as storage,
        SharedDecoders(settings_below(folder, storage, model), decoders) as services,
    ):
        services.markers.write_rejected(rejected("tiktok", HOSTILE))
        watched(services)
        yield services


def watched(services: Services) -> None:
    """Have a standing question, and what it found in a run: a frame, and one that looks like it."""
    marker = services.markers.done("local", "one")
    assert marker
    best = marker.frames[0]
    moment = WatchedMoment(
        platform="local", code="one", start=0.0, end=1.0, second=best.second,
        frame_number=best.number, path=best.path, score=0.5, confidence=0.8,
        frames=(best.number,), folded=("local/two/0",),
    )  # fmt: skip
    kept = KeptWatches(services)
    asked_at = "2026-11-01T03:00:00+00:00"
    kept.keep(Watch(name="number", text=HOSTILE, confidence=0.6, added_at=asked_at))
    kept.keep_notice(
        WatchNotice(
            watch="number", text=HOSTILE, run="r1", asked_at=asked_at, model="m", confidence=0.6,
            frames=9, total=1, moments=(moment,),
        )
    )  # fmt: skip


def rejected(platform: str, code: str) -> RejectedMarker:
    return RejectedMarker(
        platform=platform, code=code, source=f"s3://oriane-contents/{platform}/v/video.mp4",
        etag="e", phase="fetch", reason="not_a_video", message=f"expected a video, found {code}",
        run="r1", recorded_at="2026-11-01T10:00:00+00:00",
    )  # fmt: skip


@pytest.fixture(scope="module")
def client(services: Services) -> Iterator[httpx.Client]:
    with serving(create_app(services, services.settings)) as client:
        yield client


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    if CHROMIUM is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--autoplay-policy=no-user-gesture-required"],
        )
        yield started
        started.close()


@pytest.fixture(scope="module")
def window(browser, client: httpx.Client) -> Iterator[object]:
    """One page for all tests: another would be another process, and load everything anew."""
    context = browser.new_context(base_url=str(client.base_url))
    page = context.new_page()
    page.set_default_timeout(20_000)
    yield page
    context.close()


@pytest.fixture
def page(window) -> Iterator[object]:
    """The page as it was at first; errors of scripts and of the content policy fail the test."""
    found: list[str] = []

    def failed(error: object) -> None:
        found.append(str(error))

    def said(message) -> None:
        if "Policy" in message.text:
            found.append(message.text)

    window.context.clear_cookies()
    window.set_viewport_size({"width": 1440, "height": 900})
    window.emulate_media(color_scheme="light", reduced_motion="no-preference")
    window.on("pageerror", failed)
    window.on("console", said)
    yield window
    window.goto("about:blank")
    window.remove_listener("pageerror", failed)
    window.remove_listener("console", said)
    assert not found


# Addresses and time lines


def test_an_address_holds_all_of_a_search() -> None:
    query = (
        "q=a+street&q=rain&not=cars&like=a/b/7&platform=tiktok&video=a/b&since=2026-01-02&until="
        "2026-02-03&longer=1.5&shorter=60&from=2&to=9&cropped=no&confidence=40&per_video=3&page=2"
    )
    search = read_search(list(httpx.QueryParams(query).multi_items()))
    again = httpx.QueryParams(search.address()[1:])
    assert read_search(list(again.multi_items())) == search
    assert len(search.conditions()) == 13
    assert search.having(texts=("x",)).page == 1
    assert search.broadened().texts == search.texts


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("since", "yesterday"), ("longer", "nan"), ("longer", "-1"), ("confidence", "101"),
        ("like", "a/b"), ("like", "a/b/../7"), ("video", "a"), ("page", "0"), ("page", "²"),
        ("picture", "../etc"), ("cropped", "perhaps"), ("q", "x" * 501), ("open", "a/b/c"),
    ],
)  # fmt: skip
def test_what_an_address_cannot_hold_is_named(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{name}: "):
        read_search([(name, value)])


def test_things_lie_on_the_line_where_they_are_in_time() -> None:
    line = TimeLine(200.0)
    assert [line.at(second) for second in (-1, 0, 50, 200, 900)] == [0, 0, 25, 100, 100]
    (brief,) = line.spans([("x", 199.9, 200.0)])
    assert brief.left + brief.width == pytest.approx(100)
    assert brief.width > 0.5
    assert 4 <= len(line.ticks()) <= 7
    assert TimeLine(0.0).at(3) == 0


# Without scripts


@slow
def test_the_first_page_of_results_needs_no_script(client: httpx.Client) -> None:
    answer = client.get("/", params={"q": "a cat", "confidence": "0"})
    assert answer.status_code == 200
    assert 'class="moment"' in answer.text
    assert "style=" not in answer.text
    assert not re.search(r"<script(?! type=\"module\" src=\"/static/)", answer.text)
    opened = re.search(r'class="open" href="/(\?[^"]+)"', answer.text)
    assert opened
    shown = client.get("/" + opened[1].replace("&amp;", "&")).text
    assert "<video" in shown
    assert 'class="span now"' in shown


@slow
@pytest.mark.parametrize(
    ("asked", "title"),
    [
        ({}, "Search"),
        ({"q": "a number", "confidence": "0"}, "a number: 1 moment"),
        ({"q": ["a", "b"], "confidence": "100"}, "a, b: nothing fits"),
        ({"like": "local/one/999999"}, "Like local/one/999999"),
        ({"q": "a", "since": "never"}, "a"),
    ],
)
def test_the_title_says_what_came_of_a_search(
    client: httpx.Client, asked: dict[str, Any], title: str
) -> None:
    """It is what a reader of screens says first."""
    shown = re.search("<title>(.*)</title>", client.get("/", params=asked).text)
    assert shown
    assert shown[1] == f"{title} · oriane"


@slow
def test_nothing_fits_is_said_with_the_nearest(client: httpx.Client) -> None:
    shown = client.get("/", params={"q": "a cat", "confidence": "100"}).text
    assert "Nothing fits" in shown
    assert 'class="moment"' in shown
    assert "hardly knows" not in shown
    none = {"q": "eine Katze", "since": "2100-01-01", "cropped": "yes"}
    shown = client.get("/", params=none).text
    assert "The model hardly knows “<bdi>eine Katze</bdi>”" in shown
    assert "No frame passes <b><bdi>since 2100-01-01</bdi></b> and <b><bdi>cropped: yes" in shown
    alone = client.get("/", params={"not": "cats", "platform": "local"})
    assert alone.status_code == 400
    assert "filters alone find nothing" in alone.text
    assert 'value="cats"' in alone.text, "nobody has to type it again"


@slow
def test_the_first_page_says_what_the_last_run_came_to(client: httpx.Client) -> None:
    shown = client.get("/").text
    last = client.get("/api/runs", params={"limit": 1}).json()["runs"][0]
    assert f'<a href="/runs/{last["run"]}">Last run</a>' in shown
    assert '<a href="/library?state=rejected">1 rejected</a>' in shown


@slow
def test_less_sure_moments_are_a_click_away(client: httpx.Client) -> None:
    shown = client.get("/", params={"q": "a number", "confidence": "1"}).text
    assert 'href="/?q=a%20number&amp;confidence=0"' in shown
    assert "1 of 100 random questions find nothing as good" in shown
    assert "less-sure" not in client.get("/", params={"q": "a number", "confidence": "0"}).text


@slow
def test_what_is_shown_can_be_taken_away(client: httpx.Client) -> None:
    asked = {"q": "a cat", "confidence": "0"}
    table = client.get("/export.csv", params=asked)
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert client.get("/export.json", params=asked).json()[0]["code"] == rows[0]["code"]
    from pyarrow import parquet

    written = parquet.read_table(io.BytesIO(client.get("/export.parquet", params=asked).content))
    assert written.num_rows == len(rows) >= 1
    assert client.get("/export.exe", params=asked).status_code == 400


@slow
def test_a_theme_is_kept(client: httpx.Client) -> None:
    elsewhere = {"Referer": "http://x//evil.example/a"}
    back = client.post("/theme", data={"theme": "dark"}, headers=elsewhere)
    assert back.headers["location"] == "/evil.example/a"
    assert 'data-theme="dark"' in client.get("/login").text
    client.cookies.clear()


@slow
@pytest.mark.parametrize(
    "address",
    [
        "/library/..%2f../passwd", "/library/a%00b/c", "/library/%2e%2e/%2e%2e", "/runs/a%00b",
        "/cover/..%5c../x", "/cover/%00/x", "/?open=../../7", "/?like=../../7", "/?q=%00",
        "/library?after=%00&name=%00", "/runs?after=%00", "/watches/..%2f..",
        "/static/..%2fpage.py",
        "/picture/..%2f..", "/export.csv%00?q=x", "/?q=a&open=local/one/999999999",
    ],
)  # fmt: skip
def test_no_address_makes_a_fault(client: httpx.Client, address: str) -> None:
    answer = client.get(address)
    assert answer.status_code < 500, answer.text
    assert "passwd" not in answer.text or answer.status_code == 404


# In the browser


@slow
def test_searching_and_playing_by_keyboard(page) -> None:
    from playwright.sync_api import expect

    page.goto("/")
    page.locator("body").click(position={"x": 5, "y": 600})
    page.keyboard.press("/")
    page.keyboard.type("a number")
    page.keyboard.press("Escape")
    assert page.locator("#q").input_value() == "a number"
    page.keyboard.press("/")
    page.keyboard.press("Enter")
    page.wait_for_url("**/?q=a+number")
    page.goto("/")
    page.locator("#q").focus()
    page.keyboard.press("ArrowDown")
    tiles = page.locator(".moments .open")
    expect(tiles.first).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(tiles.nth(1)).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(tiles.first).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(page.locator("#q")).to_be_focused()
    page.goto("/?q=a number&confidence=0")
    page.locator("#q").focus()
    page.keyboard.press("ArrowDown")
    tile = page.locator(".moments .open").first
    expect(tile).to_be_focused()
    page.keyboard.press("Enter")
    dialog = page.locator("dialog")
    expect(dialog).to_be_visible()
    second = float(dialog.locator(".player").get_attribute("data-second"))
    page.wait_for_function(
        "second => { const v = document.querySelector('dialog video');"
        " return v.readyState >= 2 && v.currentTime >= second - 0.25 }",
        arg=second,
    )
    assert "open=" in page.url
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    page.wait_for_url("**/?q=a%20number&confidence=0")
    expect(tile).to_be_focused()
    page.go_forward()
    expect(page.locator("dialog")).to_be_visible()
    page.go_back()
    expect(dialog).to_have_count(0)
    page.go_back()
    page.wait_for_url("**/")


@slow
def test_further_moments_are_in_the_address_and_in_exports(
    page, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from playwright.sync_api import expect

    monkeypatch.setattr(asking, "PAGE", 1)
    monkeypatch.setattr(candidates, "folded", list)  # the two videos look alike
    page.goto("/?q=a number&confidence=0")
    tiles = page.locator("#moments .moment")
    expect(tiles).to_have_count(1)
    page.get_by_role("link", name="Show more moments").click()
    expect(tiles).to_have_count(2)
    expect(page.locator("#found")).to_contain_text("2 moments")
    assert "page=2" in page.url
    names = page.locator("#moments .open").evaluate_all("all => all.map(one => one.dataset.name)")
    exported = page.get_by_role("link", name="JSON").get_attribute("href")
    rows = client.get(exported.removeprefix(str(client.base_url))).json()
    assert [f"{row['platform']}/{row['code']}/{row['frame_number']}" for row in rows] == names
    page.reload()
    expect(tiles).to_have_count(2)
    assert page.locator("#moments .open").first.get_attribute("data-name") == names[0]
    page.locator("#moments .open").first.click()
    page.locator("dialog .close").click()
    assert "page=2" in page.url


@slow
def test_an_impatient_click_loads_nothing_twice(page, monkeypatch: pytest.MonkeyPatch) -> None:
    from playwright.sync_api import expect

    monkeypatch.setattr(asking, "PAGE", 1)
    monkeypatch.setattr(candidates, "folded", list)
    page.goto("/?q=a number&confidence=0")
    page.locator(".further a").evaluate("link => { link.click(); link.click(); }")
    expect(page.locator(".further")).to_have_count(0)
    page.wait_for_load_state("networkidle")
    expect(page.locator("#moments .moment")).to_have_count(2)


@slow
def test_of_moments_clicked_one_after_the_other_the_last_plays(
    page, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    from playwright.sync_api import expect

    monkeypatch.setattr(candidates, "folded", list)
    asked = {"q": "a number", "confidence": "0"}
    page.goto("/?q=a number&confidence=0")
    tiles = page.locator("#moments .open")
    first, last = tiles.first.get_attribute("data-name"), tiles.last.get_attribute("data-name")
    assert first != last
    held: list[object] = []

    def is_slow(url: str) -> bool:
        return httpx.URL(url).params.get("open") == first

    def hold(route: object) -> None:
        held.append(route)

    page.route(is_slow, hold)
    tiles.first.click()
    page.locator("#moments .open").last.evaluate("tile => tile.click()")
    name = page.locator("dialog #player-name")
    expect(name).to_have_text(last.rpartition("/")[0])
    late = client.get("/", params={**asked, "open": first, "part": "player"}).text
    (route,) = held
    with suppress(Exception):  # nobody waits for it any more
        route.fulfill(body=late, content_type="text/html")
    page.unroute(is_slow)
    # What was answered before is shown by then.
    page.evaluate("fetch('/api/health/live').then(() => new Promise(requestAnimationFrame))")
    expect(name).to_have_text(last.rpartition("/")[0])
    assert httpx.URL(page.url).params["open"] == last


@slow
def test_the_last_page_says_how_to_see_others(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link to one further would be refused."""
    monkeypatch.setattr(asking, "PAGE", 1)
    monkeypatch.setattr(candidates, "folded", list)
    asked = {"q": "a number", "confidence": "0"}
    assert 'rel="next"' in client.get("/", params=asked).text
    for module in (address_module, results):
        monkeypatch.setattr(module, "MOST_PAGES", 1)
    shown = client.get("/", params=asked).text
    assert 'rel="next"' not in shown
    assert "as many as the page shows" in shown


@slow
def test_a_frame_that_is_no_longer_stored_is_told(page) -> None:
    from playwright.sync_api import expect

    frames = "**/api/frames/**"
    page.route(frames, lambda route: route.fulfill(status=404))
    page.goto("/?q=a number&confidence=0")
    expect(page.locator("#moments .picture.gone").first).to_be_visible()
    named = re.compile(r"^local.\w+ at \d:\d\d")
    expect(page.get_by_role("link", name=named).first).to_be_visible()
    page.unroute(frames)
    page.goto("/?q=a number&confidence=0")
    page.wait_for_load_state("networkidle")
    expect(page.locator(".gone")).to_have_count(0)


@slow
def test_times_are_in_the_zone_of_the_reader(browser, client: httpx.Client) -> None:
    page = browser.new_page(base_url=str(client.base_url), timezone_id="Asia/Kolkata")
    page.goto("/watches/number")
    asked = page.locator('time[datetime="2026-11-01T03:00:00Z"]').first
    assert asked.inner_text() == "2026-11-01 08:30 GMT+5:30"
    assert asked.get_attribute("title") == "2026-11-01 03:00 UTC"
    page.close()
    assert ">2026-11-01 03:00 UTC</time>" in client.get("/watches/number").text


@slow
@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_a_scene_is_stepped_through(page, motion: str) -> None:
    page.emulate_media(reduced_motion=motion)
    page.goto("/?q=a number&confidence=0")
    moment = page.locator('.moment[data-frames*=" "]').first
    picture = moment.locator("img.frame")
    best = picture.get_attribute("src")
    frames = moment.get_attribute("data-frames").split()
    moment.locator(".open").hover(position={"x": 3, "y": 20})
    assert f"/{frames[0]}?" in picture.get_attribute("src")
    moment.locator(".facts").hover()
    assert picture.get_attribute("src") == best
    page.locator("#q").focus()
    page.keyboard.press("Tab")
    while not moment.locator(".open").evaluate("open => open === document.activeElement"):
        page.keyboard.press("Tab")
    stepped = "([picture, best]) => picture.getAttribute('src') !== best"
    held = [picture.element_handle(), best]
    if motion == "reduce":
        # What would step is asked for by an interval: none may have been set.
        assert page.evaluate("new Promise(done => setTimeout(() => done(true), 900))")
        assert picture.get_attribute("src") == best
    else:
        page.wait_for_function(stepped, arg=held)


@slow
def test_filters_are_in_the_address(page) -> None:
    from playwright.sync_api import expect

    page.goto("/?q=a number&confidence=0")
    page.get_by_text("Refine").click()
    page.get_by_label("platform").fill("nowhere")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("No frame passes platform nowhere")).to_be_visible()
    assert "platform=nowhere" in page.url
    assert "video=" not in page.url
    page.get_by_label("No longer platform nowhere").click()
    expect(page.locator(".moment").first).to_be_visible()


@slow
def test_a_dropped_picture_finds_itself(page, client: httpx.Client) -> None:
    from playwright.sync_api import expect

    frames = client.get("/api/videos/local/two").json()["frames"]
    page.goto("/")
    drop(page, frames[0]["url"])
    page.wait_for_url("**/?picture=*")
    # Of two that look alike, one is folded under the other.
    expect(page.locator("#moments")).to_contain_text("local/two")
    expect(page.get_by_text("like your picture")).to_be_visible()


def drop(page, address: str) -> None:
    page.evaluate(
        """async (address) => {
          const content = await (await fetch(address)).blob();
          const carried = new DataTransfer();
          carried.items.add(new File([content], "dropped", {type: content.type}));
          window.dispatchEvent(new DragEvent("drop", {dataTransfer: carried, cancelable: true}));
        }""",
        address,
    )


@slow
def test_what_is_dropped_and_no_picture(page) -> None:
    from playwright.sync_api import expect

    page.goto("/")
    drop(page, "/static/page.css")
    expect(page.get_by_role("alert")).to_contain_text("expected a picture")
    drop(page, page.request.get("/api/videos/local/two").json()["url"])
    expect(page.get_by_role("alert")).to_contain_text("This is a video")


@slow
def test_more_like_a_frame(page) -> None:
    from playwright.sync_api import expect

    page.goto("/library/local/one")
    page.get_by_role("link", name="More like this").first.click()
    page.wait_for_url("**/?like=local/one/*")
    expect(page.get_by_text(re.compile("^like local/one/"))).to_be_visible()


@slow
def test_a_video_is_moved_by_its_time_line(page) -> None:
    page.goto("/library/local/one")
    page.wait_for_function("() => document.querySelector('video').readyState >= 1")
    mark = page.locator(".frames-line a").last
    second = float(mark.get_attribute("data-second"))
    mark.focus()
    page.keyboard.press("Enter")
    page.wait_for_function(
        "second => Math.abs(document.querySelector('video').currentTime - second) < 0.2", arg=second
    )
    assert page.url.endswith(f"?at={second:.2f}")


@slow
def test_the_player_goes_to_another_moment_of_its_video(page) -> None:
    from playwright.sync_api import expect

    page.goto("/?q=a number&confidence=0&per_video=9&open=local/two/0")
    other = page.locator("dialog .times a").last
    other.click()
    expect(other).to_have_attribute("aria-current", "true")
    expect(page.locator("dialog [data-at]")).to_have_text(other.get_attribute("data-clock"))
    opened = httpx.URL(page.url).params["open"]
    alike = page.get_by_role("link", name="More like this").last.get_attribute("href")
    assert httpx.URL(alike).params["like"] == opened


@slow
def test_names_are_text(page) -> None:
    page.goto("/library")
    assert page.get_by_text(f"tiktok/{HOSTILE}", exact=True).is_visible()
    page.get_by_text(f"tiktok/{HOSTILE}", exact=True).click()
    page.wait_for_url("**/library/tiktok/*")
    assert page.get_by_role("heading", level=1).inner_text() == f"tiktok/{HOSTILE}"
    assert "hacked" not in page.title().replace(HOSTILE, "")
    assert page.get_by_text(f"oriane delete tiktok/{HOSTILE}").is_visible()


@slow
def test_what_standing_questions_found_is_on_the_first_page_and_plays(page) -> None:
    from playwright.sync_api import expect

    page.goto("/")
    new = page.get_by_role("region", name="New moments")
    new.get_by_role("link", name=HOSTILE, exact=True).click()
    page.wait_for_url("**/watches/number")
    assert page.get_by_role("heading", level=1).inner_text() == HOSTILE
    expect(page.get_by_role("heading", level=2)).to_contain_text("1 new moment")
    page.get_by_text("+1 alike").click()
    expect(page.get_by_role("link", name="local/two")).to_be_visible()
    page.locator(".moment .open").click()
    page.wait_for_url("**open=local/one/*")
    expect(page.locator("dialog")).to_be_visible()
    page.goto("/watches")
    expect(page.get_by_text("1 new moment in its last run")).to_be_visible()


@slow
@pytest.mark.parametrize(
    ("address", "status", "told"),
    [
        ("/watches/none", 404, "there is no watch none"),
        ("/nowhere", 404, "There is no such page"),
        ("/library/local/none", 404, "local/none is not booked"),
        ("/runs/none", 404, "run none is not known"),
        ("/?q=x&since=never", 400, "since: expected a date"),
        ("/?q=x&longer=9&shorter=5", 400, "longer 9.0 is above shorter 5.0; swap them</p>"),
        (f"/?q={'x' * 5000}", 400, "Text: at most 500 characters a text, found 5000; say in"),
        ("/?like=local/one/999999", 400, "local/one/999999"),
        ("/?picture=0123456789abcdef", 400, "not kept any more"),
    ],
)
def test_errors_are_pages(client: httpx.Client, address: str, status: int, told: str) -> None:
    answer = client.get(address)
    assert answer.status_code == status
    assert told in answer.text.partition("<main")[2]


@slow
def test_a_store_that_is_down(services: Services, decoders: Decoders) -> None:
    nobody = {"url": "http://127.0.0.1:9", "attempts": 1, "grpc_port": 0}
    settings = services.settings.having("index", **nobody)
    with (
        SharedDecoders(settings, decoders) as without_index,
        serving(create_app(without_index, settings)) as client,
    ):
        answer = client.get("/", params={"q": "a cat"})
        assert answer.status_code == 503
        assert "<h1>A store does not answer</h1>" in answer.text
        assert '<a class="button" href="/?q=a+cat">Try again</a>' in answer.text
        assert client.get("/library/local/one").status_code == 200, "S3 answers still"


@slow
def test_before_there_is_a_collection_it_says_what_to_type(
    services: Services, decoders: Decoders
) -> None:
    settings = services.settings.having("index", collection="not_there")
    with (
        SharedDecoders(settings, decoders) as empty,
        serving(create_app(empty, settings)) as client,
    ):
        answer = client.get("/", params={"q": "a cat"})
        assert answer.status_code == 409
        assert "oriane run ~/videos" in answer.text
        assert "not_there" not in answer.text


@slow
def test_a_picture_that_is_too_large(services: Services) -> None:
    settings = services.settings.having("serve", picture_mb=0.1)
    with serving(create_app(services, settings)) as client:
        told = client.post("/picture", files={"picture": bytes(300_000)})
        assert told.status_code == 413
        assert "<h1>Too large</h1>" in told.text


@slow
def test_signing_in(browser, services: Services) -> None:
    settings = services.settings.having("serve", token=SecretStr(TOKEN))
    with serving(create_app(services, settings)) as client:
        page = browser.new_page(base_url=str(client.base_url))
        page.goto("/library?state=done")
        page.get_by_label("Token").fill("wrong")
        page.get_by_role("button", name="Sign in").click()
        assert page.get_by_role("alert").inner_text() == "That is not the token."
        check(page)
        page.get_by_label("Token").fill(TOKEN)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/library?state=done")
        assert page.get_by_text("local/one").is_visible()
        page.close()


VIEWS: dict[str, Callable[[object], None] | None] = {
    "/": None,
    "/?q=a number&confidence=0": None,
    "/?q=a number&q=two&not=cats&confidence=100": lambda page: page.get_by_text("Refine").click(),
    "/?q=a number&confidence=0&open=local/one/0": None,
    "/library": None,
    "/library/local/one": None,
    "/runs": None,
    "/watches": None,
    "/watches/number": None,
    "/nowhere": None,
}


@slow
@pytest.mark.parametrize("address", VIEWS)
def test_every_view_is_accessible_and_as_wide_as_the_screen(page, address: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(address)
    if prepare := VIEWS[address]:
        prepare(page)
    check(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    # As wide as 1280 at 400 %: WCAG 1.4.10.
    page.set_viewport_size({"width": 320, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    # The same elements: of the rules, contrast alone may tell otherwise.
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 1440, "height": 844})
    check(page, "color-contrast")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def check(page, *rules: str) -> None:
    """Fail on what axe finds, by all its rules or by these alone."""
    from axe_playwright_python.sync_playwright import Axe

    options = {"runOnly": {"type": "rule", "values": [*rules]}} if rules else None
    found = Axe().run(page, options=options).response["violations"]
    assert not [
        (one["id"], node["target"], node["failureSummary"])
        for one in found
        for node in one["nodes"]
    ]


@pytest.mark.parametrize("scheme", [0, 1])
def test_marks_stand_out_from_every_ground(scheme: int) -> None:
    """Focus, bars, borders of fields: WCAG 1.4.11, of which axe knows nothing."""
    style = (Path(results.__file__).parent / "static/page.css").read_text()
    found = re.findall(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)", style)
    colours = {name: pair[scheme] for name, *pair in found}
    for mark, grounds in {
        "mark": ("ground", "surface", "raised", "line"),
        "edge": ("ground", "surface"),
        "crop": ("surface",),
    }.items():
        for ground in grounds:
            assert contrast(colours[mark], colours[ground]) >= 3, (mark, ground)


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, as WCAG 2.2 defines it."""
    darker, lighter = sorted(map(luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    parts = (int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5))
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_a_search_for_nothing_asks_nothing() -> None:
    assert not Search(without=("cars",), platform="tiktok").asks
