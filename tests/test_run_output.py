"""What a run, and what is booked of it, look like to a person."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime

import pytest
from rich.console import Console

from components.costs import bill
from components.costs.machine import Machine
from components.records.booking import Booking, Event
from components.records.limit import Limit
from components.records.run_report import RunFrame, RunReport, RunVideo
from components.records.videos import Video
from components.settings import PriceSettings
from workflows.local.display import Display
from workflows.operations.status.report import VideoStatus
from workflows.operations.status.words import print_video
from workflows.run.command import costs, print_run, summary
from workflows.terminal.output import time


def video(code: str, status: str = "done", reason: str | None = None, **values: object) -> RunVideo:
    done = {"duration": 90.0, "frames": (RunFrame(number=0, second=0.0, path="p", scene_start=0.0,
            scene_end=1.0),) * 3, "seconds": {"fetch": 1.0, "frame": 2.0}}  # fmt: skip
    values = {**(done if status == "done" else {"seconds": {}}), "reused": (), **values}
    return RunVideo(
        platform="tiktok", code=code, status=status, reason=reason, message=None, **values
    )  # type: ignore[arg-type]


def report(*videos: RunVideo) -> RunReport:
    return RunReport(run="r", seconds=10.0, videos=videos)


def test_a_line_sums_a_run_up() -> None:
    mixed = report(
        video("a"), video("b", reused=("fetch", "frame")), video("c", "rejected", "truncated"),
        video("d", "rejected", "truncated"), video("e", "rejected", "empty"),
        video("f", "failed", "unavailable"),
    )  # fmt: skip
    assert summary(mixed) == (
        "2 videos done, 3 rejected (2 truncated, 1 empty), 1 failed (1 unavailable), 6 frames, "
        "10.0 s, 9.0 hours of video an hour"
    )
    assert summary(report(video("a", frames=()))).startswith("1 video done, 0 frames, 10.0 s")
    assert summary(report()).startswith("nothing to do: no video is due")


def test_a_long_table_is_cut_with_what_went_wrong_first(capsys: pytest.CaptureFixture[str]) -> None:
    many = report(*(video(f"v{number:02}") for number in range(30)), video("z", "failed", "x"))
    print_run(many)
    cut = capsys.readouterr().out
    assert "tiktok/z" in cut
    assert "tiktok/v18" in cut
    assert "tiktok/v19" not in cut
    assert "… and 11 more; --all shows them" in cut
    print_run(many, everything=True)
    assert "tiktok/v29" in capsys.readouterr().out


def test_a_run_says_what_it_cost_where_there_are_prices_and_how_near_the_limit_it_came() -> None:
    held = bill.held_here({"frame": 30.0, "embed": 10.0}, 3600, Machine("x", 4))
    stored = bill.Stored(2000, 10**9)
    free, priced = (
        bill.billed(held, stored, 7200, PriceSettings(**prices))
        for prices in ({}, {"VP_PRICE_CORE_HOUR": 0.001})
    )
    limit = Limit(
        core_s=7200.0, gpu_s=0.0, of_cores=0.5, of_gpus=None,
        measured_at="2026-11-27T00:00:00+00:00",
    )  # fmt: skip
    done = report(video("a"))
    assert list(costs(done)) == []
    assert list(costs(done.model_copy(update={"bill": free}))) == [], "nobody asked for core hours"
    cost, near = costs(done.model_copy(update={"bill": priced, "limit": limit}))
    assert cost.startswith("cost: 0.004 USD for 4.00 core hours")
    assert "2.00 USD per 1,000 hours of video; frame 75%, embed 25%" in cost
    assert near.startswith("50% of the limit")
    assert "bill" not in json.loads(done.model_dump_json()), "as it was where nothing is known"


def test_progress_is_lines_where_there_is_no_terminal() -> None:
    said = io.StringIO()
    one = Video(platform="tiktok", code="a", source="s3://b/tiktok/a/video.mp4")
    with Display(Console(file=said), line_every_s=0) as display:
        display.expect(4)
        display.advance("fetch", one, "done")
        display.advance("crop", one, "reused")
    lines = said.getvalue().splitlines()
    assert lines[0].startswith("1 of 4 steps, about ")
    assert lines[1].endswith("left; last: crop tiktok/a reused")
    silent = io.StringIO()
    with Display(Console(file=silent)) as display:
        display.expect(4)
        display.advance("fetch", one, "done")
    assert silent.getvalue() == "", "but not a line a step"


def test_a_video_is_shown_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    booking = Booking(
        platform="tiktok", code="a", state="done", run="r", frames=3, updated_at=at,
        bytes=1_500_000, seconds={"fetch": 0.01, "frame": 2.0, "embed": 1.0},
        fingerprints={"fetch": "0f" * 32},
        source="s3://b/tiktok/a/video.mp4",
    )  # fmt: skip
    details = {"reason": None, "message": None, "frames": 3, "seconds": {"frame": 2.0}}
    event = Event(at=at, event="done", run="r", details=details)
    print_video(VideoStatus(video="tiktok/a", booking=booking, events=(event,)))
    said = capsys.readouterr().out
    assert "worked on: 3.0 s (frame 2.0 s, embed 1.0 s)" in said
    assert "frames 3, 2.0 s (frame 2.0 s)" in said
    assert f"booked: {time(at)} by run r" in said
    for raw in ("None", "{", "0f0f"):
        assert raw not in said
    rejected = Booking(
        platform="tiktok", code="b", state="rejected", phase="fetch", reason="truncated"
    )
    print_video(VideoStatus(video="tiktok/b", booking=rejected, events=()))
    assert "state: rejected, truncated in fetch" in capsys.readouterr().out


def test_times_name_their_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = time(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    assert shown == time("2026-01-02T03:04:05+00:00")
    assert shown.split()[2], "a zone"
    assert time(None) == ""
