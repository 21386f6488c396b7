"""Pages of the library: all of it together, and each read with no more than it shows."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from components.records.booking import Booking, Wanted
from components.records.done_marker import DoneMarker
from components.records.rejected_marker import RejectedMarker
from components.records.run_start import RUN_START, RunStart
from components.running.services import Services
from components.settings import LedgerSettings, Settings
from tests.postgres import query
from tests.s3_requests import counted
from tests.servers import serving
from workflows.local.sole_writer import sole_writer
from workflows.operations.runs.history import Runs, runs
from workflows.serve.app import create_app
from workflows.serve.counted import CountedVideos
from workflows.serve.page.rendering import _environment
from workflows.serve.refusals import busy
from workflows.serve.report import RunPage, VideoPage

FRAMES = "oriane-frames"


def done(
    services: Services,
    platform: str,
    code: str,
    run: str = "r",
    at: str = "2026-11-27T00:00:00+00:00",
) -> None:
    """Leave a done video with some frames beside its marker."""
    for number in range(3):
        uri = f"s3://{FRAMES}/{platform}/{code}/{number}_{number}.00.png"
        services.store.put(uri, b"png", "image/png")
    marker = DoneMarker(
        platform=platform,
        code=code,
        source=f"s3://oriane-contents/{platform}/{code}/video.mp4",
        etag="e",
        frames=(),
        collection="c",
        model="m",
        dim=1,
        fingerprints={},
        run=run,
        recorded_at=at,
    )
    services.markers.write_done(marker)


def rejected(services: Services, platform: str, code: str) -> None:
    """Book a rejection beside what may be there."""
    marker = RejectedMarker(
        platform=platform,
        code=code,
        source=f"s3://oriane-contents/{platform}/{code}/video.mp4",
        etag="e",
        phase="fetch",
        reason="truncated",
        message="m",
        run="r",
        recorded_at="2026-11-27T00:00:00+00:00",
    )
    services.markers.write_rejected(marker)


def pages(services: Services, wanted: Wanted, size: int) -> list[str]:
    """Return the names of all that is wanted, read page by page."""
    found: list[str] = []
    while page := services.bookings.page(wanted, found[-1] if found else "", size):
        found += [booking.video for booking in page]
    return found


@pytest.fixture
def library(services: Services) -> Services:
    for platform in ("a", "a-b", "c"):
        for code in ("x", "x-1", "x1", "y"):
            done(services, platform, code)
        rejected(services, platform, "y")
    services.store.put(f"s3://{FRAMES}/a/half/0_0.00.png", b"png", "image/png")
    return services


@pytest.mark.parametrize("size", [1, 3, 50])
@pytest.mark.parametrize(
    "wanted", [Wanted(), Wanted(platform="a"), Wanted(state="rejected"), Wanted(contains="B/X")]
)
def test_pages_of_markers_together_are_all_that_is_wanted(
    library: Services, wanted: Wanted, size: int
) -> None:
    everything = list(library.markers.bookings())
    assert len(everything) == 12
    assert pages(library, wanted, size) == [one.video for one in everything if wanted.fits(one)]


def test_a_page_may_begin_after_a_video_that_is_gone(library: Services) -> None:
    firsts = {"a": "a/x-1", "a-b/x-0": "a-b/x-1", "a-b/z": "a/x-1", "b/q": "c/x-1"}
    for after, first in firsts.items():
        assert library.bookings.page(Wanted(), after, 1)[0].video == first
    assert library.bookings.page(Wanted(), "c/y", 1) == []
    assert library.bookings.page(Wanted(platform="a-b"), "a/x", 1) == []


def test_the_last_page_asks_no_more_of_s3_than_the_first(services: Services) -> None:
    for number in range(90):
        done(services, "p", f"v{number:03}")
    with counted(services) as first:
        services.bookings.page(Wanted(), "", 5)
    with counted(services) as last:
        services.bookings.page(Wanted(), "p/v080", 5)
    assert sum(last.values()) <= sum(first.values()) < 90


def test_pages_of_runs_read_what_they_show(services: Services) -> None:
    for number in range(30):
        # Neither their names nor the order in which they are listed says when they began.
        start = RunStart.now(f"r{number * 7 % 30:02}").model_copy(
            update={"began_at": f"2026-11-{number + 1:02}T02:00:00.000+00:00"}
        )
        uri = f"s3://oriane-artifacts/runs/{start.run}/{RUN_START}"
        services.store.put(uri, start.model_dump_json().encode(), "application/json")
    known, found = Runs(services), list[str]()
    asked = 0
    more = True
    while more:
        with counted(services) as requests:
            page, more = known.page(found[-1] if found else "", 7)
        found += [one.run for one in page]
        asked = requests["GetObject"]
    assert found == [one.run for one in runs(services)]
    assert asked <= 3 * 2, "the last page shows two runs"


def test_videos_are_counted_again_once_something_changed(
    database: LedgerSettings, settings: Settings
) -> None:
    seconds, asked = 0.0, 0
    with Services(settings.having("ledger", **database.model_dump())) as services:
        ledger = services.ledger
        assert ledger
        count = ledger.counts

        def counts(platform: str = "") -> list[dict[str, Any]]:
            nonlocal asked, seconds
            asked, seconds = asked + 1, seconds + 1
            return count(platform)

        ledger.counts = counts  # type: ignore[method-assign]
        videos = CountedVideos(services, clock=lambda: seconds)
        assert videos.states(60) == ()
        ledger.book([Booking(platform="tiktok", code="v", state="done", run="r")])
        seconds += 9
        assert videos.states(60) == (), "counting took a second, and takes a tenth of the time"
        seconds += 1
        (found,) = videos.states(60) or ()
        assert (found.state, found.videos, asked) == ("done", 1, 2)
        seconds += 40
        assert videos.states(60) == (found,)
        assert asked == 2, "nothing changed"
        seconds += 20
        assert videos.states(60) == (found,)
        assert asked == 3, "what an event told too late is seen after a minute"


def test_a_page_does_not_wait_for_counts(services: Services) -> None:
    """Without a ledger, of many videos, they take minutes."""
    done(services, "tiktok", "v")
    go_on, all_bookings = threading.Event(), services.bookings.all

    def slow(platform: str = "", folder: str = "") -> Iterator[Booking]:
        go_on.wait()
        return all_bookings(platform, folder)

    services.bookings.all = slow  # type: ignore[method-assign]
    seconds = 0.0
    videos = CountedVideos(services, clock=lambda: seconds)
    assert videos.states(0) is None
    seconds = 3600
    second_one = threading.Thread(target=videos.newest, args=(3600,), daemon=True)
    second_one.start()
    second_one.join(30)
    assert not second_one.is_alive(), "the counting has had its time already"
    assert _environment().get_template("library.html").render(
        path="/library", theme="", counts=None, found=VideoPage(videos=(), next=None), last=None,
        asked=dict.fromkeys(("state", "reason", "name", "run", "order", "after"), ""),
    ).count("?state=") == 3  # fmt: skip
    go_on.set()
    (found,) = videos.states(7200) or ()
    assert (found.state, found.videos) == ("done", 1)


@pytest.fixture(params=["markers", "ledger"])
def three_nights(
    request: pytest.FixtureRequest, services: Services, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[httpx.Client, Callable[..., None]]]:
    """A server over videos of three nights, and what books another one."""
    # Markers are read again for each request.
    monkeypatch.setattr("workflows.serve.counted._RESTS", -1)
    if request.param == "ledger":
        database: LedgerSettings = request.getfixturevalue("database")
        services.settings = replace(services.settings, ledger=database)

    def book(night: int, *names: str) -> None:
        for name in names:
            platform, code = name.split("/")
            done(services, platform, code, run=f"night-{night}", at=f"2026-11-{night:02}T03:00:00Z")
        if services.ledger:
            services.ledger.book(services.markers.bookings())
            query(
                services.settings.ledger,
                "UPDATE videos SET updated_at = '2026-11-01T03:00:00Z'::timestamptz"
                " + make_interval(days => split_part(run, '-', 2)::integer - 1) RETURNING 1",
            )

    book(20, "tiktok/m", "tiktok/b")
    book(22, "youtube/z")
    book(21, "instagram/q", "instagram/p", "a/x")
    with serving(create_app(services, services.settings)) as client:
        yield client, book


NEWEST = ["youtube/z", "a/x", "instagram/p", "instagram/q", "tiktok/b", "tiktok/m"]


@pytest.mark.parametrize("size", [1, 4])
def test_the_newest_come_first_and_pages_hold_while_others_come(
    three_nights: tuple[httpx.Client, Callable[..., None]], size: int
) -> None:
    client, book = three_nights
    found: list[str] = []
    asked: dict[str, Any] = {"order": "newest", "limit": size}
    while True:
        page = client.get("/api/videos", params=asked).json()
        assert page["order"] == "newest"
        found += [one["video"] for one in page["videos"]]
        if page["next"] is None:
            break
        # A run goes on meanwhile.
        book(23 + len(found), f"tiktok/a{len(found)}")
        asked["after"] = page["next"]
    assert found == NEWEST
    now = client.get("/api/videos", params={"order": "newest", "limit": 1}).json()["videos"]
    assert now[0]["video"].startswith("tiktok/a"), "what came meanwhile"


def test_what_a_run_brought_is_a_click_away(
    three_nights: tuple[httpx.Client, Callable[..., None]],
) -> None:
    client, _ = three_nights
    brought = client.get("/library", params={"run": "night-21"}).text
    assert names_in(brought) == NEWEST[1:4]
    assert names_in(client.get("/library").text) == NEWEST
    assert names_in(client.get("/").text) == NEWEST
    of_run = {"run": "night-21", "limit": 2, "order": "newest"}
    first = client.get("/api/videos", params=of_run).json()
    rest = client.get("/api/videos", params={**of_run, "after": first["next"]}).json()
    assert [one["video"] for one in (*first["videos"], *rest["videos"])] == NEWEST[1:4]
    refused = client.get("/api/videos", params={"order": "newest", "after": "a/x"})
    assert (refused.status_code, "expected a time" in refused.json()["error"]) == (422, True)


def test_addresses_of_before_there_was_an_order_go_on_by_name(
    three_nights: tuple[httpx.Client, Callable[..., None]],
) -> None:
    client, _ = three_nights
    assert names_in(client.get("/library?after=instagram/p").text) == sorted(NEWEST)[2:]
    assert names_in(client.get("/library?order=name&state=done").text) == sorted(NEWEST)
    page = client.get("/api/videos", params={"after": "instagram/q"}).json()
    assert ([one["video"] for one in page["videos"]], page["order"]) == (sorted(NEWEST)[3:], "name")


def test_the_first_run_is_said_to_be_under_way(services: Services) -> None:
    start = RunStart.now("first").model_copy(update={"videos": 3})
    uri = f"s3://oriane-artifacts/runs/first/{RUN_START}"
    services.store.put(uri, start.model_dump_json().encode(), "application/json")
    with (
        serving(create_app(services, services.settings)) as client,
        sole_writer(services.settings),
    ):
        asked = client.get("/", params={"q": "a cat"})
        assert (asked.status_code, asked.headers["retry-after"]) == (503, "5")
        for shown in (asked.text, client.get("/").text, client.get("/library").text):
            assert "<h2>Nothing is indexed yet</h2>" in shown
            assert 'A <a href="/runs/first">run</a> is under way since <time' in shown
            assert "oriane demo" not in shown
            assert "A store does not answer" not in shown


def test_too_much_to_do_is_not_a_store_that_is_down(services: Services) -> None:
    app = create_app(services, services.settings)

    def refused(**_: Any) -> RunPage:
        raise busy("9 requests are under way, as many as this server takes on")

    app.state.served.library.runs = refused
    with serving(app) as client:
        shown = client.get("/runs")
        assert shown.status_code == 503
        assert "<h1>Too much to do</h1>" in shown.text
        told = client.get("/api/runs").json()
        assert {*told} == {"status", "error", "remedy"}


def test_a_name_that_nothing_can_have_finds_nothing(
    three_nights: tuple[httpx.Client, Callable[..., None]],
) -> None:
    """As Persian is written, with a joiner that takes no place; it found everything."""
    client, _ = three_nights
    shown = client.get("/library", params={"name": "قطه\u200cها"}).text
    assert names_in(shown) == []
    assert "No such video." in shown


def names_in(page: str) -> list[str]:
    """Return the videos that a page of the library, or the first page, lists."""
    return re.findall(r'<a (?:class="open" )?href="/library/([^/"?]+/[^/"?]+)">', page)
