"""Buckets of another layout than <platform>/<code>/video.mp4, and keys that cannot be videos."""

from __future__ import annotations

import pytest

from components.errors import ConfigurationError
from components.pipeline import component
from components.plan.layout import Layout, UnsafeNameError
from components.running.phase import run
from components.running.services import Services
from components.settings import PlanSettings, Settings
from workflows.operations.verify.verify import verify

pytestmark = pytest.mark.slow

PLAN = component("plan")
BY_DAY = r"[\d-]+/(?P<code>[^/]+)\.(?P<platform>tiktok|youtube)\.(mov|mp4)"


def put(services: Services, *keys: str) -> None:
    for key in keys:
        services.store.put(f"s3://oriane-contents/{key}", key.encode(), "video/mp4")


def planned(services: Services, **inputs: object) -> dict[str, str]:
    """Return the sources of what a run would take, by video."""
    outputs = run(PLAN, PLAN.inputs(**inputs), services)
    entries = [entry for shard in outputs.shards for entry in shard.read(services.store)]
    return {str(entry.video): entry.video.source.split("/", 3)[3] for entry in entries}


@pytest.fixture
def by_day(services: Services) -> Services:
    services.settings = services.settings.having("plan", source_pattern=BY_DAY)
    put(
        services,
        "2026-01-02/zoo.tiktok.mp4", "2026-01-03/ant.youtube.mov", "2026-01-04/ant.tiktok.mp4",
        "2026-01-04/notes.txt",
    )  # fmt: skip
    return services


def test_a_bucket_of_another_layout(by_day: Services) -> None:
    everything = {
        "tiktok/ant": "2026-01-04/ant.tiktok.mp4",
        "tiktok/zoo": "2026-01-02/zoo.tiktok.mp4",
        "youtube/ant": "2026-01-03/ant.youtube.mov",
    }
    assert planned(by_day, catch_up=True) == everything
    assert planned(by_day, source="s3://oriane-contents/") == everything
    assert planned(by_day, source="s3://oriane-contents/2026-01-03/").keys() == {"youtube/ant"}
    assert planned(by_day, catch_up=True, platform="tiktok").keys() == {"tiktok/ant", "tiktok/zoo"}
    found = verify(by_day)
    assert (found.videos, found.foreign["videos"]) == (3, 1)


def test_what_is_booked_is_found_again_in_another_layout(by_day: Services) -> None:
    """Its listing is not in the order of the bookings, which are read side by side with it."""
    store = by_day.store
    etag = store.head("s3://oriane-contents/2026-01-02/zoo.tiktok.mp4").etag
    rejected = {
        "platform": "tiktok", "code": "zoo", "etag": etag, "phase": "fetch", "reason": "truncated",
        "source": "s3://oriane-contents/2026-01-02/zoo.tiktok.mp4", "message": "cut", "run": "r",
        "recorded_at": "2026-01-02T03:04:05+00:00",
    }  # fmt: skip
    import json

    text = json.dumps(rejected).encode()
    store.put("s3://oriane-frames/tiktok/zoo/rejected.json", text, "application/json")
    assert planned(by_day, catch_up=True).keys() == {"tiktok/ant", "youtube/ant"}


def test_a_pattern_that_makes_one_video_of_two_objects(by_day: Services) -> None:
    put(by_day, "2026-01-09/zoo.tiktok.mov")
    with pytest.raises(ConfigurationError) as caught:
        planned(by_day, catch_up=True)
    assert "2026-01-02/zoo.tiktok.mp4 and " in str(caught.value)
    assert "2026-01-09/zoo.tiktok.mov: tiktok/zoo" in str(caught.value)


def test_no_two_objects_are_one_video(services: Services) -> None:
    """deep/er/tiktok/x used to be tiktok/x as well, and one overwrote the other."""
    put(services, "tiktok/x/video.mp4", "deep/er/tiktok/x/video.mp4")
    assert planned(services, source="s3://oriane-contents/") == {
        "tiktok/x": "tiktok/x/video.mp4"
    }  # fmt: skip
    with pytest.raises(ConfigurationError, match=r"deep/er/tiktok/x/video\.mp4, is <platform>"):
        planned(services, source="s3://oriane-contents/deep/")


def test_a_bucket_without_a_video_is_not_done(services: Services) -> None:
    assert planned(services, catch_up=True) == {}, "an empty one is"
    put(services, "tiktok/x.mp4")
    with pytest.raises(ConfigurationError, match="VP_SOURCE_PATTERN"):
        planned(services, catch_up=True)


def test_an_odd_key_costs_itself(services: Services, caplog: pytest.LogCaptureFixture) -> None:
    put(services, "tiktok/good/video.mp4", "tiktok/wait...what/video.mp4")
    assert planned(services, catch_up=True).keys() == {"tiktok/good"}
    assert "bad_name: s3://oriane-contents/tiktok/wait...what/video.mp4: code" in caplog.text


@pytest.mark.parametrize("pattern", ["(", "(?P<code>.*)", "(?P<platform>.*)/.*"])
def test_a_pattern_has_to_name_videos(pattern: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VP_SOURCE_PATTERN", pattern)
    with pytest.raises(ConfigurationError, match=r"VP_SOURCE_PATTERN .*expected"):
        Settings.load()


def test_whole_keys_have_to_match() -> None:
    layout = Layout(PlanSettings())
    assert str(layout.video("s3://b/x/y/video.mp4")) == "x/y"
    for other in ("video.mp4", "x/video.mp4", "d/x/y/video.mp4", "x/y/video.mp4.part"):
        assert layout.video(f"s3://b/{other}") is None
    with pytest.raises(UnsafeNameError, match="platform"):
        layout.video("s3://b/../y/video.mp4")
