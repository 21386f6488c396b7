"""What runs take and cost: learnt from runs that ended, foretold, billed."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.costs import bill
from components.costs.expected import Rates, cpu_error, error
from components.costs.limit import latest_rate, limit
from components.costs.line import Weighted, fitted
from components.costs.machine import PODS, Machine, history, keep, this_machine, with_run
from components.costs.sample import PhaseSample, Size
from components.costs.told import told
from components.pipeline import VIDEO_PHASES, component, video_to_embedding
from components.records.digest import Digest
from components.records.limit import MeasuredRate
from components.records.machine import MachineHistory, PhaseWork, RunWork
from components.running.calibration import calibrate_pod, calibrate_run
from components.running.fingerprint import settings_marks
from components.running.phase import run
from components.running.services import Services
from components.settings import PriceSettings, Settings
from components.stores.s3 import split
from tests.clips import numbered_video
from tests.conftest import Corpus
from tests.s3_requests import counted
from workflows.local.engine import LocalRun

PRICES = {
    "VP_PRICE_CORE_HOUR": 0.04,
    "VP_PRICE_GPU_HOUR": 1.0,
    "VP_PRICE_GB_MONTH": 0.02,
    "VP_PRICE_1000_REQUESTS": 0.005,
}
# CPU seconds a video, a second of it, a megapixel of all its frames, and a kept frame.
TRUE = {
    "fetch": (0.1, 0.002, 0.0, 0.0), "crop": (0.2, 0.004, 0.0, 0.0),
    "frame": (0.3, 0.0, 0.01, 0.02), "dedup": (0.01, 0.0, 0.0, 0.0),
    "upload": (0.1, 0.0, 0.0, 0.03), "embed": (0.1, 0.0, 0.0, 0.2),
    "index": (0.03, 0.0, 0.0, 0.002), "record": (0.02, 0.0, 0.0, 0.0),
}  # fmt: skip
START_S, SIDE_BY_SIDE, BYTES_A_S, BYTES_A_MPX = 2.0, 1.8, 15_000, 6_000


def some_video(chance: random.Random, shortest: float) -> Size:
    """Return a video of any length, in one of two sizes, of which some take fewer bytes."""
    length = chance.lognormvariate(3, 0.8) + shortest
    mpx = length * 30 * chance.choice((0.23, 0.23, 0.52))
    amount = (length * BYTES_A_S + mpx * BYTES_A_MPX) * chance.uniform(0.8, 1.2)
    return Size(length, mpx, max(1, round(length / chance.uniform(3, 9))), round(amount))


def lived(
    name: str, videos: int, chance: random.Random, shortest: float = 3, busy: float = 1
) -> RunWork:
    """Return a run in which phases take a fifth more or less of the CPU.

    Args:
        busy: How many times as long as on an idle machine it takes.
    """
    samples = {phase: PhaseSample() for phase in VIDEO_PHASES}
    sizes = [some_video(chance, shortest) for _ in range(videos)]
    total = 0.0
    for size in sizes:
        for phase, (start, a_second, an_mpx, a_frame) in TRUE.items():
            true = start + a_second * size.video_s + an_mpx * size.mpx + a_frame * size.frames
            cpu_s = true * chance.uniform(0.8, 1.2)
            samples[phase].add(size, cpu_s * busy * chance.uniform(0.8, 1.2), cpu_s)
            total += cpu_s
    whole = sum(sizes, Size())
    return RunWork(
        run=name,
        ended_at="2026-11-27T02:00:00+00:00",
        took_s=(START_S + total / SIDE_BY_SIDE) * busy * chance.uniform(0.95, 1.05),
        videos=videos,
        frames=round(whole.frames),
        source_bytes=round(whole.bytes),
        tar_bytes=10**6 * videos,
        video_s=whole.video_s,
        mpx=whole.mpx,
        cpu_s=START_S * SIDE_BY_SIDE + total,
        phases={phase: sample.work("s") for phase, sample in samples.items()},
    )


def due(work: RunWork) -> list[tuple[str | None, int]]:
    """Return the videos of a run as a plan sees them: their bytes."""
    return [(None, work.source_bytes // work.videos)] * work.videos


@given(st.floats(0, 10), st.floats(0.01, 5), st.integers(0, 3))
def test_a_line_is_found_whatever_a_third_of_the_points_say(
    start: float, slope: float, wrong: int
) -> None:
    points = [Weighted(x, start + slope * x, 1.0) for x in (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)]
    freaks = [Weighted(3.0 + number, 5000.0, 0.5) for number in range(wrong)]
    line = fitted([*points, *freaks])
    assert line.over(1, 10) == pytest.approx(start + slope * 10, rel=0.05, abs=0.05)


@given(st.lists(st.tuples(st.floats(0, 1e4), st.floats(0, 1e4), st.floats(1, 100)), min_size=1))
def test_no_line_gives_time_back(points: list[tuple[float, float, float]]) -> None:
    line = fitted([Weighted(*point) for point in points])
    assert line.start >= 0
    assert line.slope >= 0


@pytest.mark.parametrize("seed", range(20))
def test_three_runs_foretell_the_next_within_a_fifth(seed: int) -> None:
    chance = random.Random(seed)
    known = MachineHistory(machine="m")
    for number in range(3):
        known = with_run(known, lived(f"r{number}", chance.randint(8, 80), chance))
    coming = lived("next", chance.randint(8, 200), chance, shortest=chance.uniform(3, 20))
    expected = Rates(known).expected(due(coming))
    assert expected
    apart = error(expected, coming)
    assert apart is not None
    assert abs(apart) < 0.2
    work = sum(spent.seconds for spent in coming.phases.values())
    assert sum(expected.seconds.values()) == pytest.approx(work, rel=0.2)
    of_cpu = cpu_error(expected, coming)
    assert of_cpu is not None
    assert abs(of_cpu) < 0.2


@pytest.mark.parametrize("seed", range(5))
def test_a_run_on_a_busy_machine_and_a_video_that_hung_are_not_believed(seed: int) -> None:
    chance = random.Random(seed)
    known = MachineHistory(machine="m")
    for number in range(4):
        known = with_run(known, lived(f"r{number}", 40, chance))
    slow = lived("slow", 40, chance, busy=5)
    hung = slow.phases["frame"].model_copy(update={"seconds": slow.phases["frame"].seconds + 1800})
    known = with_run(known, slow.model_copy(update={"phases": {**slow.phases, "frame": hung}}))
    coming = lived("next", 60, chance)
    expected = Rates(known).expected(due(coming))
    assert expected
    assert abs(error(expected, coming) or 1) < 0.2


@pytest.mark.parametrize("seed", range(5))
def test_cpu_seconds_are_foretold_however_busy_the_machine_was(seed: int) -> None:
    chance = random.Random(seed)
    known = MachineHistory(machine="m")
    for number in range(3):
        known = with_run(known, lived(f"r{number}", 20, chance, busy=chance.uniform(1, 6)))
    coming = lived("next", 60, chance)
    expected = Rates(known).expected(due(coming))
    assert expected
    assert abs(cpu_error(expected, coming) or 1) < 0.2


def test_runs_of_before_cpu_seconds_were_noted_foretell_too() -> None:
    old = {"videos": 10, "video_s": 100.0, "seconds": 50.0, "points": [[10, 10.0, 5.0]]}
    run = lived("r", 10, random.Random(1)).model_dump() | {"phases": {"frame": old}, "took_s": 30.0}
    run |= {"video_s": 100.0, "source_bytes": 10**7, "videos": 10, "cpu_s": None}
    known = MachineHistory.model_validate_json(json.dumps({"machine": "m", "runs": [run] * 3}))
    expected = Rates(known).expected([(None, 10**6)] * 20)
    assert expected
    assert expected.seconds["frame"] == pytest.approx(100)
    assert (expected.took_s, expected.cpu_s) == (pytest.approx(60), {})


def test_runs_of_much_the_same_work_foretell_one_of_less() -> None:
    """What a run costs once is known, though no two runs are apart enough to show it."""
    chance = random.Random(2)
    known = MachineHistory(machine="m")
    for number in range(3):
        known = with_run(known, lived(f"r{number}", 30, chance))
    coming = lived("next", 3, chance)
    expected = Rates(known).expected(due(coming))
    assert expected
    assert abs(error(expected, coming) or 1) < 0.3


def test_runs_with_other_settings_count_only_where_there_are_no_others() -> None:
    def with_frame(name: str, seconds: float, settings: str) -> RunWork:
        one = lived(name, 10, random.Random(1))
        work = PhaseWork(
            videos=10, video_s=100, seconds=seconds, settings=settings,
            points=((10, 10.0, seconds / 10),),
        )  # fmt: skip
        return one.model_copy(update={"phases": {"frame": work}, "video_s": 100.0})

    known = MachineHistory(machine="m")
    for number in range(3):
        known = with_run(known, with_frame(f"all{number}", 50, "all"))
    known = with_run(known, with_frame("keyframes", 10, "keyframes"))
    for settings, wanted in (("keyframes", 10), ("all", 50), ("new", 50)):
        expected = Rates(known, {"frame": settings}).expected([(None, 0)] * 10)
        assert expected
        assert expected.seconds["frame"] == pytest.approx(wanted, rel=0.1)


def test_a_run_that_came_to_something_else_has_no_error() -> None:
    chance = random.Random(3)
    known = with_run(MachineHistory(machine="m"), lived("r", 20, chance))
    coming = lived("next", 20, chance)
    expected = Rates(known).expected(due(coming) * 2)
    assert expected
    assert error(expected, coming) is None, "half of the videos were reused"
    assert Rates(MachineHistory(machine="new")).expected(due(coming)) is None


def test_history_keeps_the_last_runs_and_survives_damage(services: Services) -> None:
    known = history(services.store, "oriane-artifacts", "AMD EPYC, 2 cores")
    assert known.runs == ()
    chance = random.Random(0)
    for number in range(30):
        known = with_run(known, lived(f"r{number % 25}", 2, chance))
    assert len(known.runs) == 20
    assert len({one.run for one in known.runs}) == 20, "a run that is summed up again counts once"
    keep(services.store, "oriane-artifacts", known)
    assert history(services.store, "oriane-artifacts", "AMD EPYC, 2 cores") == known
    uri = "s3://oriane-artifacts/machines/amd-epyc-2-cores.json"
    services.store.put(uri, b"{", "application/json")
    assert history(services.store, "oriane-artifacts", "AMD EPYC, 2 cores").runs == ()


def test_a_sample_of_many_videos_is_bounded_and_its_totals_are_not() -> None:
    sample = PhaseSample()
    for number in range(10_000):
        sample.add(Size(video_s=float(number)), 2.0 * number)
    work = sample.work("s")
    assert (work.videos, work.seconds) == (10_000, 2.0 * sum(range(10_000)))
    assert len(work.points) == 8
    assert sum(point.videos for point in work.points) == pytest.approx(10_000, rel=0.1)


def test_the_bill_of_one_machine_is_all_of_it_for_as_long_as_the_run_took() -> None:
    held = bill.held_here({"frame": 30.0, "embed": 10.0}, 3600, Machine("x", 4, ("L4",)))
    assert held["frame"].core_s == 3600 * 4 * 0.75
    found = bill.billed(held, bill.Stored(2000, 10**9), 7200, PriceSettings(**PRICES))
    assert (found.core_hours, found.gpu_hours) == (4, 1)
    assert found.total == pytest.approx(4 * 0.04 + 1 + 0.01)
    assert found.a_thousand_hours(found.total) == pytest.approx(found.total * 500)
    assert found.storage_a_month == 0.02
    assert found.phases == {"frame": pytest.approx(0.87), "embed": pytest.approx(0.29)}
    assert "per 1,000 hours of video" in bill.told(found)


def test_what_has_no_price_is_said() -> None:
    held = bill.held_here({"frame": 30.0}, 36, Machine("x", 2))
    unknown = bill.billed(held, bill.Stored(10, 10), 3600, Settings.load().prices)
    assert unknown.total is None
    assert unknown.unpriced == (
        "VP_PRICE_CORE_HOUR", "VP_PRICE_GB_MONTH", "VP_PRICE_1000_REQUESTS",
    )  # fmt: skip
    assert "20 core hours per 1,000 hours of video" in bill.told(unknown)
    cores = PriceSettings(VP_PRICE_CORE_HOUR=0.05)
    some = bill.billed(held, bill.Stored(10, 10), 3600, cores)
    assert (some.total, some.s3) == (0.001, None)
    assert "not priced: VP_PRICE_GB_MONTH" in bill.told(some)


def test_pods_are_billed_for_their_start_and_what_they_reserve() -> None:
    held = bill.held_by_pods({"frame": 40.0, "embed": 20.0}, 3, "fused-gpu", 4)
    prepare, embed = component("prepare").resources, component("embed").resources
    assert held["prepare"].core_s == (3 * 4 + 40 / 2) * prepare.cpu
    assert held["embed"].gpu_s == (3 * 4 + 20 / 2) * embed.gpu
    assert held["record"].gpu_s == 0
    assert bill.held_by_pods({}, 1, "split", 4).keys() == set(VIDEO_PHASES)


def summed(run_name: str, services: Services) -> Digest:
    """Sum a run up and return its digest."""
    run(component("digest"), component("digest").inputs(run=run_name), services)
    uri = f"s3://oriane-artifacts/runs/{run_name}/digest.json"
    return Digest.model_validate_json(services.store.get(uri))


def test_digests_learn_and_the_next_plan_expects(corpus: Corpus, tmp_path: Path) -> None:
    """Through plan, phases and digest, with real videos."""
    services = corpus.services
    services.settings = services.settings.having("prices", core_hour=0.04)
    summing = component("digest")
    for number in range(2):
        clip = numbered_video(tmp_path / f"{number}.mp4", [frame / 5 for frame in range(20)])
        corpus.add(clip, f"v{number}")
        local = LocalRun(video_to_embedding(), services, 1)
        list(local.shards(local.plan(catch_up=True, run=f"run{number}")))
        run(summing, summing.inputs(run=f"run{number}"), services)
    first, second = (
        json.loads(services.store.get(f"s3://oriane-artifacts/runs/run{number}/digest.json"))
        for number in range(2)
    )
    assert first["expected"] is None
    assert first["machine"] == this_machine().name
    of_phases = sum(spent["cpu_s"] for spent in first["work"]["phases"].values())
    assert first["work"]["cpu_s"] > 0.8 * of_phases > 0
    assert first["work"]["phases"].keys() == set(VIDEO_PHASES)
    assert first["bill"]["total"] > 0
    assert second["expected"]["from_runs"] == 1
    assert second["expected"]["videos"] == dict.fromkeys(VIDEO_PHASES, 1)
    assert isinstance(second["forecast_error"], float)
    assert isinstance(second["cpu_error"], float)
    for spent in first["work"]["phases"].values():
        assert spent["cpu_s"] is not None
    frame = first["work"]["phases"]["frame"]
    assert frame["cpu_s"] > 0
    assert frame["mpx"] == pytest.approx(20 * 320 * 180 / 1e6, abs=0.1)
    assert len(history(services.store, "oriane-artifacts", this_machine().name).runs) == 2


def test_a_calibrated_machine_says_how_near_a_run_came_to_the_limit(
    corpus: Corpus, tmp_path: Path
) -> None:
    services = corpus.services
    clip = numbered_video(tmp_path / "clip.mp4", [frame / 5 for frame in range(20)])
    corpus.add(clip, "v")
    local = LocalRun(video_to_embedding(), services, 1)
    (entries,) = local.shards(local.plan(catch_up=True, run="run"))
    calibrate_run(services, entries, worked_s=59)
    digest = summed("run", services)
    assert digest.limit is None, "it did not work long enough to be worth it"
    calibrate_run(services, entries, worked_s=60)
    digest = summed("run", services)
    assert digest.limit
    assert digest.work
    rates = {
        rate: latest_rate(services.store, "oriane-artifacts", this_machine().name, rate, settings)
        for rate, settings in (
            ("decode", ""),
            ("forward", settings_marks(services.settings)["embed"]),
        )
    }
    decode, forward = rates["decode"], rates["forward"]
    assert decode
    assert forward
    needed = digest.work.mpx * decode.cpu_s + digest.work.frames * forward.cpu_s
    held = digest.work.took_s * this_machine().cores
    assert digest.limit.core_s == pytest.approx(needed, abs=0.01)
    assert digest.limit.of_cores == pytest.approx(needed / held, rel=0.05, abs=1e-4)
    assert any("of the limit" in line for line in told(digest))
    with counted(services) as requests:
        calibrate_run(services, entries, worked_s=60)
    assert requests == {"GetObject": 2}, "what is known is not measured again"
    services.settings = services.settings.having("embed", batch_size=2)
    with counted(services) as requests:
        calibrate_run(services, entries, worked_s=60)
    assert requests["PutObject"] == 1, "with another setup, that is"


def _place(uri: str) -> tuple[str, list[str]]:
    bucket, key = split(uri)
    return bucket, [key]


def test_pods_are_calibrated_for_what_they_do(corpus: Corpus, tmp_path: Path) -> None:
    services = corpus.services
    services.settings = services.settings.having("work", calibrate_after_s=0)
    clip = numbered_video(tmp_path / "clip.mp4", [frame / 5 for frame in range(20)])
    video = corpus.add(clip, "v")
    known: dict[str, set[str]] = {}
    phases = ("fetch", "crop", "frame", "dedup", "embed")
    for number, phase in enumerate(phases, 1):
        entries = corpus.through(*phases[:number])
        if phase == "frame":
            services.store.delete(*_place(video.source))
            calibrate_pod(component(phase), entries, services)
            assert not list(services.store.objects("s3://oriane-artifacts/machines/pods/")), (
                "a source that is gone measures nothing, and fails nothing"
            )
            services.store.put(video.source, clip.read_bytes(), "video/mp4")
        calibrate_pod(component(phase), entries, services)
        found = services.store.objects("s3://oriane-artifacts/machines/pods/")
        known[phase] = {stored.uri.rpartition(".json")[0].rpartition(".")[2] for stored in found}
    assert known["crop"] == set()
    assert known["frame"] == {"decode"}
    assert known["embed"] == {"decode", "forward"}
    rate = latest_rate(services.store, "oriane-artifacts", PODS, "decode", "")
    assert rate
    assert rate.machine == this_machine().name
    assert latest_rate(services.store, "oriane-artifacts", PODS, "forward", "other") is None


def test_the_limit_is_unknown_where_a_rate_is() -> None:
    work = lived("r", 10, random.Random(1))
    held = {"frame": bill.Held(100.0, 10.0)}
    decode = MeasuredRate(
        rate="decode", machine="m", measured_at="2026-11-27T02:00:00+00:00", setup="s", amount=1,
        cpu_s=10 / work.phases["frame"].mpx,
    )  # fmt: skip
    gpu = decode.model_copy(
        update={"rate": "forward", "cpu_s": 0.0, "gpu_s": 5 / work.phases["embed"].frames}
    )
    assert limit(work, held, [decode, None]) is None
    found = limit(work, held, [decode, gpu])
    assert found
    assert (found.of_cores, found.of_gpus) == (pytest.approx(0.1), pytest.approx(0.5))
