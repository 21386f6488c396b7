"""videos_per_shard=auto: the fewest shards that end in time and repeat little."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.shard_costs import MEASURED, lines
from components.pipeline import component, pod_layout, video_to_embedding
from components.plan.sizing import MOST_VIDEOS, Bounds, sized
from components.records.plan import Plan, plan_uri
from components.running.phase import run
from components.settings import Settings
from tests.conftest import Corpus
from workflows.argo.pipeline_templates import pipeline_templates

PLAN = component("plan")
USUAL = Bounds(pods=5, start_s=4, overhead=0.1, shard_s=600, run_s=6 * 3600, in_flight=16)

works = st.lists(st.floats(0.01, 5000), min_size=1, max_size=300)
bounds = st.builds(
    Bounds,
    pods=st.integers(1, 8),
    start_s=st.floats(0.1, 60),
    overhead=st.floats(0.01, 1),
    shard_s=st.floats(10, 1800),
    run_s=st.floats(60, 80_000),
    in_flight=st.sampled_from([1, 2, 4, 16, 256]),
)


@given(works, bounds)
def test_no_shard_is_empty_or_too_much_to_repeat(work_s: list[float], given: Bounds) -> None:
    found = sized(work_s, given)
    assert 1 <= found.shards <= len(work_s)
    assert found.pods == found.shards * given.pods
    mean_s = sum(work_s) / found.shards
    assert mean_s <= given.shard_s * (1 + 1e-9) or found.shards == len(work_s)
    assert len(work_s) / found.shards <= MOST_VIDEOS


@given(works, bounds)
def test_one_shard_less_would_break_what_it_says(work_s: list[float], given: Bounds) -> None:
    found = sized(work_s, given)
    if found.shards == 1:
        return
    fewer, total = found.shards - 1, sum(work_s)
    if found.bound == "repeats":
        assert total / fewer > given.shard_s * (1 - 1e-9)
    if found.bound == "time":
        assert given.ends_after(fewer, total, max(work_s)) > given.run_s


@given(works, bounds, st.floats(1.01, 10))
def test_monotone(work_s: list[float], given: Bounds, more: float) -> None:
    usual = sized(work_s, given).shards
    assert sized([work * more for work in work_s], given).shards >= usual
    assert sized([*work_s, *work_s], given).shards >= usual
    assert sized(work_s, replace(given, shard_s=given.shard_s * more)).shards <= usual
    in_time = sized(work_s, given).ends_after_s <= given.run_s
    if in_time:
        assert sized(work_s, replace(given, run_s=given.run_s * more)).shards <= usual


def test_what_it_says() -> None:
    few = sized([1.0] * 3, USUAL)
    assert (few.shards, few.bound) == (1, "one")
    assert "the work is too little for less" in few.why
    many = sized([3.0] * 5000, USUAL)
    assert (many.shards, many.bound, many.overhead) == (25, "repeats", round(25 * 20 / 15_000, 4))
    assert "VP_SHARD_MINUTES" in many.why
    assert "the start of 125 pods adds 3%" in many.why
    hurried = sized([3.0] * 100, replace(USUAL, run_s=60))
    assert (hurried.shards, hurried.bound) == (8, "time")
    hopeless = sized([3.0] * 5000, replace(USUAL, run_s=600))
    assert hopeless.ends_after_s > 600
    assert "raise shards_in_flight, or set limit" in hopeless.why
    tiny = sized([0.001] * 2500, USUAL)
    assert (tiny.shards, tiny.bound) == (3, "videos")
    assert sized([3.0] * 10, USUAL, least=4).bound == "size"


def test_the_default_start_of_a_pod_is_the_measured_one() -> None:
    measured = mean(line.start for line in lines(json.loads(MEASURED.read_text())).values())
    assert Settings.load().work.pod_start_s == pytest.approx(measured, rel=0.25)


def test_two_hundred_short_videos_cost_two_seconds_of_pods_each() -> None:
    """By the measured seconds of pods; tests/cluster runs them."""
    measured = lines(json.loads(MEASURED.read_text()))
    steps = [step.name for step in video_to_embedding(fused=True).each]
    plan = Settings.load().plan
    work = plan.work_s_a_video + 0.3 * plan.work_s_a_mb
    shards = sized([work] * 200, USUAL).shards
    pod_s = sum(shards * measured[step].start + 200 * measured[step].more for step in steps)
    assert pod_s / 200 <= 2


def test_plan_takes_auto_and_leaves_why(corpus: Corpus) -> None:
    for number in range(4):
        corpus.add(b"x" * 1_500_000, f"v{number}")
    services = corpus.services
    services.settings = services.settings.having("plan", shard_minutes=0.1)
    source = f"s3://{services.settings.storage.videos_bucket}/"
    inputs = PLAN.inputs(source=source, videos_per_shard="auto", pods="fused", run="auto")
    outputs = run(PLAN, inputs, services)
    # 2.5 s each, as nothing is known: six seconds hold two of them.
    assert [len(shard.read(services.store)) for shard in outputs.shards] == [2, 2]
    left = services.store.get(plan_uri(services.settings.storage.artifacts_bucket, "auto"))
    sizing = Plan.model_validate_json(left).sizing
    assert sizing
    assert (sizing.shards, sizing.pods, sizing.bound) == (2, 10, "repeats")
    asked = inputs.model_copy(update={"mb_per_shard": 1.5, "run": "asked"})
    assert len(run(PLAN, asked, services).shards) == 4
    none = PLAN.inputs(catch_up=True, platform="none", videos_per_shard="auto", run="none")
    assert run(PLAN, none, services).shards == ()


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("gpu", [False, True])
def test_templates_tell_plan_what_pods_there_are(fused: bool, gpu: bool, tmp_path: Path) -> None:
    pipeline = video_to_embedding(fused=fused)
    template, _ = pipeline_templates(pipeline, gpu=gpu)
    text = template.to_yaml()
    assert isinstance(text, str)
    assert f"value: {pod_layout(pipeline, gpu)}" in text
