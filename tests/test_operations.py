"""plan, status, retry and runs: what an operator is told, and what is asked for."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from components.errors import ConfigurationError
from components.pipeline import VIDEO_PHASES, component
from components.plan.contract import PlanInputs
from components.records.booking import Booking
from components.records.digest import Digest, PhaseSeconds, Worked
from components.records.run_start import RunStart
from components.running.phase import run
from components.running.services import Services
from components.settings import LedgerSettings
from tests.clips import numbered_video
from tests.commands import invoked
from tests.conftest import Corpus
from tests.s3_requests import counted
from workflows.operations.plan.forecast import forecast
from workflows.operations.plan.plan import planned
from workflows.operations.plan.report import Planned, PlanReport
from workflows.operations.retry.retry import retry
from workflows.operations.runs.history import averages, digests, runs
from workflows.operations.runs.history import run as past_run
from workflows.operations.status.status import of_video, overview


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return numbered_video(tmp_path / "clip.mp4", [number / 5 for number in range(20)])


@pytest.fixture
def with_ledger(services: Services, database: LedgerSettings) -> Services:
    services.settings = replace(services.settings, ledger=database)
    return services


@pytest.fixture(params=["markers", "ledger"])
def with_or_without(
    services: Services, database: LedgerSettings, request: pytest.FixtureRequest
) -> Services:
    """Services of a deployment without Postgres, and of one with it."""
    if request.param == "ledger":
        services.settings = replace(services.settings, ledger=database)
    return services


def summed_up(corpus: Corpus, name: str) -> None:
    """Take the videos through all phases and write the digest."""
    corpus.through(*VIDEO_PHASES)
    summing = component("digest")
    run(summing, summing.inputs(run=name, max_failed_percent=100), corpus.services)


def test_a_forecast_comes_close_to_the_requests_of_a_real_run(corpus: Corpus, clip: Path) -> None:
    corpus.add(clip, "a")
    summed_up(corpus, "test1")
    past = averages(digests(corpus.services))
    assert past
    assert (past.videos, past.source_bytes) == (1, clip.stat().st_size)
    corpus.add(clip, "b")
    corpus.videos = corpus.videos[1:]
    with counted(corpus.services) as calls:
        corpus.through(*VIDEO_PHASES)
    expected = forecast([None], past, corpus.services.settings, gpu=False)
    # What the manifests of a shard cost is shared by its videos, and not in the forecast: that of
    # plan is written and read, and each phase of one process writes its own.
    manifests = 2 + len(VIDEO_PHASES)
    assert expected.s3_requests == calls.total() - manifests, calls


def of_run(**values: Any) -> Digest:
    counts = {"shards": 1, "videos": 1, "done": 1, "rejected": 0, "failed": 0, "reused": 0}
    when = datetime.now(UTC).isoformat()
    whole = {"run": "r", "written_at": when, "reasons": (), "seconds": {}, **counts, **values}
    return Digest.model_validate(whole)


def test_a_forecast_leaves_out_what_is_reused(services: Services) -> None:
    past = averages(
        [
            of_run(
                seconds={
                    "frame": PhaseSeconds(total=120.0, videos=1, most=1.0),
                    "embed": PhaseSeconds(total=60.0, videos=2, most=1.0),
                },
                worked=Worked(videos=1, frames=10, source_bytes=1000, tar_bytes=100),
            )
        ]
    )
    assert past
    both = forecast([None, "embed"], past, services.settings, gpu=True)
    assert (both.gpu_minutes, both.cpu_minutes) == (1.0, 2.0)
    stale = forecast(["embed"], past, services.settings, gpu=False)
    assert (stale.s3_bytes_read, stale.s3_bytes_written) == (100, 0)
    assert "frame" not in stale.minutes
    sent_again = forecast(["upload"], past, services.settings, gpu=False)
    assert sent_again.minutes.keys() == {"upload", "record"}
    assert averages([]) is None


def looked(services: Services) -> PlanReport:
    found = planned(services, PlanInputs(catch_up=True), gpu=False)
    assert isinstance(found, Planned)
    return found.report.model_copy(update={"due": tuple(found.due)})


def test_a_plan_says_what_why_and_what_is_left(services: Services) -> None:
    corpus = Corpus(services)
    corpus.add(b"no video", "bad")
    corpus.through(*VIDEO_PHASES)
    corpus.add(b"x", "new")
    services.store.put("s3://oriane-contents/readme.txt", b"x", "text/plain")
    report = looked(services)
    assert (report.videos, report.why, report.left) == (1, {"new": 1}, {"booked": 1})
    assert report.skipped == 1
    assert report.forecast is None
    assert [one.video for one in report.due] == ["local/new"]
    assert not list(services.store.objects("s3://oriane-artifacts/runs/2")), "a look, no run"


def test_a_rejected_video_is_judged_anew_on_request(with_or_without: Services) -> None:
    services = with_or_without
    corpus = Corpus(services)
    corpus.add(b"no video", "bad")
    corpus.add(b"", "empty")
    corpus.through(*VIDEO_PHASES)
    assert looked(services).videos == 0
    assert retry(services, reason="not_a_video") == ["local/bad"]
    (one,) = looked(services).due
    assert (one.video, one.why) == ("local/bad", "requested" if services.ledger else "new")
    kept = services.store.objects("s3://oriane-artifacts/results/local/bad/fetch/")
    assert not list(kept), "or the rejection would be reused"
    assert retry(services, ["local/empty"]) == ["local/empty"]
    assert looked(services).videos == 2


def test_retry_takes_what_is_asked_for_and_not_what_runs_work_on(with_ledger: Services) -> None:
    ledger = with_ledger.ledger
    assert ledger
    for code in ("a", "b", "busy"):
        problem = {"state": "failed", "phase": "embed", "reason": "unavailable"}
        ledger.book([Booking(platform="p", code=code, run="r", **problem)])  # type: ignore[arg-type]
    ledger.lease([("p", "busy")], "other", 1)
    assert retry(with_ledger, failed=True, platform="q") == []
    assert retry(with_ledger, failed=True, limit=1) == ["p/a"]
    assert retry(with_ledger, reason="unavailable") == ["p/b"]
    with pytest.raises(ConfigurationError, match="p/x is not booked"):
        retry(with_ledger, ["p/x"])


def test_without_a_ledger_there_is_no_failed_video(services: Services) -> None:
    with pytest.raises(ConfigurationError, match="leave out --failed"):
        retry(services, failed=True)


def test_status_counts_and_tells_of_one(with_or_without: Services) -> None:
    services = with_or_without
    corpus = Corpus(services)
    corpus.add(b"no video", "bad")
    corpus.add(b"none either", "worse")
    corpus.through(*VIDEO_PHASES)
    (group,) = overview(services, "").states
    assert (group.state, group.reason, group.videos) == ("rejected", "not_a_video", 2)
    assert overview(services, "tiktok").states == ()
    known = of_video(services, "local", "bad")
    assert known.booking
    assert known.booking.reason == "not_a_video"
    assert [event.event for event in known.events] == ["rejected"] * bool(services.ledger)
    with pytest.raises(ConfigurationError, match="nobody/nothing is not booked"):
        of_video(services, "nobody", "nothing")


def begun(services: Services, start: RunStart) -> None:
    uri = f"s3://oriane-artifacts/runs/{start.run}/run.json"
    services.store.put(uri, start.model_dump_json().encode(), "text/json")


def test_runs_are_listed_newest_first_with_how_they_stand(services: Services) -> None:
    for number, name in enumerate(("old", "new", "newest")):
        written = datetime(2026, 1, 1 + number, tzinfo=UTC).isoformat()
        content = of_run(run=name, written_at=written).model_dump_json().encode()
        services.store.put(f"s3://oriane-artifacts/runs/{name}/digest.json", content, "text/json")
    services.store.put("s3://oriane-artifacts/runs/broken/digest.json", b"{", "text/json")
    services.store.put("s3://oriane-artifacts/runs/none/000000/plan.jsonl", b"", "text/json")
    here = RunStart.now("here").model_copy(update={"videos": 7})
    for start in (
        here,
        here.model_copy(update={"run": "killed", "process": "another"}),
        here.model_copy(update={"run": "failed", "error": "Qdrant is gone"}),
        here.model_copy(update={"run": "pod", "host": "plan-x7k2p"}),
    ):
        begun(services, start)
    found = {one.run: one for one in runs(services)}
    assert [name for name in found if found[name].state == "ended"] == ["newest", "new", "old"]
    assert {name for name in found if found[name].state == "running"} == {"here", "pod"}
    assert {name for name in found if found[name].state == "broken_off"} == {
        "broken", "none", "killed", "failed",
    }  # fmt: skip
    assert (found["here"].videos, found["failed"].error) == (7, "Qdrant is gone")
    assert past_run(services, "old").state == "ended"
    with pytest.raises(ConfigurationError, match="nosuch/ is empty"):
        past_run(services, "nosuch")


def test_a_lease_shows_that_a_run_in_a_cluster_goes_on(with_ledger: Services) -> None:
    assert with_ledger.ledger
    start = RunStart.now("pod").model_copy(update={"host": "plan-x7k2p"})
    begun(with_ledger, start)
    with_ledger.ledger.lease([("local", "a")], "pod", 1)
    assert past_run(with_ledger, "pod").state == "running"


def test_a_plan_books_the_run_before_it_chooses(services: Services) -> None:
    plan = component("plan")
    with pytest.raises(ConfigurationError, match="nothing lies below"):
        run(plan, plan.inputs(source="s3://oriane-contents/x/", run="wrong"), services)
    assert past_run(services, "wrong").began_at
    run(plan, plan.inputs(job_input='[{"platform": "a", "code": "b"}]', run="right"), services)
    assert past_run(services, "right").videos == 1


@pytest.mark.slow
def test_the_commands_print_json_or_tables(tmp_path: Path, clip: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()

    def said(*arguments: str, code: int = 0) -> str:
        variables = {"LOCAL_MODE": 1, "COLUMNS": 200, "CLIP_MODEL": "packaged:conse"}
        ended, text = invoked(*arguments, data=data, **variables)
        assert ended == code, text
        return text

    assert "nothing is booked" in said("status")
    assert "no run has begun" in said("runs")
    video = data / "s3" / "oriane-contents" / "tiktok" / "bad" / "video.mp4"
    video.parent.mkdir(parents=True)
    video.write_bytes(b"no video")
    said("run", "--catch-up", "--platform", "tiktok")
    assert json.loads(said("plan", "--json"))["left"] == {"booked": 1}
    assert "not_a_video" in said("status", "tiktok/bad")
    (run,) = json.loads(said("runs", "--json"))
    assert (run["rejected"], run["state"]) == (1, "ended")
    assert "1 not_a_video" in said("runs")
    said("run", "--catch-up")
    assert "nothing was due" in said("runs")
    assert run["run"] in said("runs", run["run"])
    assert "1 video is due" in said("retry", "--reason", "not_a_video")
    assert "1 new" in said("plan")
    for wrong in (["retry"], ["status", "nameless"], ["plan", "--from", "there"]):
        assert said(*wrong, code=78)


def test_a_run_in_full_says_what_it_cost_and_how_busy_its_gpu_was(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from workflows.operations.runs.command import show_in_full

    folder = Path(__file__).parent / "documents"
    limited = Digest.model_validate_json((folder / "digest-limited.json").read_text())
    show_in_full(limited)
    shown = capsys.readouterr().out
    assert "per 1,000 hours of video" in shown
    assert "of the limit" in shown
    assert "GPU busy" not in shown
    frame = limited.seconds["frame"].model_copy(update={"gpu_busy": 0.875})
    show_in_full(limited.model_copy(update={"seconds": {**limited.seconds, "frame": frame}}))
    shown = capsys.readouterr().out
    assert "GPU busy" in shown
    assert "88%" in shown
