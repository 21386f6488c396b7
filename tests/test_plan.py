"""Plan: what is processed, in shards of about equal work."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.errors import ConfigurationError
from components.pipeline import component
from components.plan.job_input import listed_video
from components.plan.packing import packed
from components.plan.shard_names import shard_names
from components.records.videos import Video
from components.running.phase import run
from tests.conftest import Corpus

PLAN = component("plan")


@given(st.lists(st.integers(0, 1000), max_size=200), st.integers(1, 20), st.integers(0, 3000))
def test_packing_keeps_all_and_balances(weights: list[int], most: int, target: int) -> None:
    items = list(range(len(weights)))
    shards = list(map(list, packed(weights, most, target)))
    assert sorted(item for shard in shards for item in shard) == items
    assert all(0 < len(shard) <= most for shard in shards)
    assert all(shard == sorted(shard) for shard in shards)
    assert len(shards) >= -(-len(items) // most)
    heaviest = max((sum(weights[item] for item in shard) for shard in shards), default=0)
    one_video = max(weights, default=0)
    assert heaviest <= sum(weights) / max(1, len(shards)) + one_video
    assert not target or heaviest <= target + one_video


def test_packing_makes_no_more_shards_than_it_has_to() -> None:
    assert len(packed([0] * 5, 2)) == len(packed([0] * 5, 2, 10)) == 3
    assert len(packed([8] * 5, 5, 10)) == 4
    assert len(packed([900, 900], 5, 10)) == 2


def test_packing_puts_heavy_items_apart() -> None:
    assert list(map(list, packed([9, 9, 1, 1, 1, 1], 3))) == [[0, 2, 4], [1, 3, 5]]


def test_listing_takes_videos_and_counts_the_rest(corpus: Corpus) -> None:
    for code in ("b", "a"):
        corpus.add(b"x", code, "instagram")
    corpus.add(b"x", "c", "tiktok")
    bucket = corpus.services.settings.storage.videos_bucket
    for key in ("readme.txt", "instagram/a/thumb.jpg", "video.mp4"):
        corpus.services.store.put(f"s3://{bucket}/{key}", b"x", "text/plain")
    inputs = PLAN.inputs(source=f"s3://{bucket}/", videos_per_shard=2, run="r1")
    outputs = run(PLAN, inputs, corpus.services)
    assert (outputs.videos, outputs.skipped, len(outputs.shards)) == (3, 3, 2)
    shards = [
        [str(entry.video) for entry in shard.read(corpus.services.store)]
        for shard in outputs.shards
    ]
    assert sorted(name for shard in shards for name in shard) == [
        "instagram/a",
        "instagram/b",
        "tiktok/c",
    ]
    assert outputs.shards[0].uri.endswith("/runs/r1/000000/plan.jsonl")
    assert {*outputs.names} == {
        f"{number:06d}-{'2-videos' if len(shard) > 1 else shard[0].replace('/', '-')}"
        for number, shard in enumerate(shards)
    }
    light = PLAN.inputs(source=f"s3://{bucket}/", videos_per_shard=3, mb_per_shard=2e-6)
    assert len(run(PLAN, light, corpus.services).shards) == 2
    one = run(PLAN, PLAN.inputs(source=f"s3://{bucket}/tiktok/"), corpus.services)
    assert one.videos == 1


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/"), min_size=1, max_size=120)


@given(st.lists(st.tuples(NAMES, NAMES), min_size=1, max_size=5))
def test_argo_takes_the_names_of_shards_and_finds_their_numbers_in_them(
    videos: list[tuple[str, str]],
) -> None:
    """What its controller does not take (`displayNameRegex`) ends the shard with an error."""
    shards = [[video_named(platform, code)] for platform, code in videos]
    for number, name in enumerate(shard_names(shards, 0)):
        assert re.fullmatch("[a-zA-Z0-9][a-zA-Z0-9-.]{0,61}[a-zA-Z0-9]", name)
        assert int(name.split("-")[0]) == number


def test_names_of_shards_say_the_video_and_stay_within_what_argo_stores() -> None:
    (name,) = shard_names([[video_named("tiktok", "DKO_ic--vM{{item}}")]], 0)
    assert name == "000000-tiktok-DKO-ic-vM-item"
    assert shard_names([[video_named("t", "…")] * 3], 0) == ("000000-3-videos",)
    shards = [[video_named("instagram", f"{number:011d}")] for number in range(5000)]
    assert len(shard_names(shards[:500], 5)) == 500
    assert shard_names(shards, 50) == (), "too many: numbers have to do"
    names = shard_names(shards[:100], 0)
    assert len("".join(names)) < 5000


def video_named(platform: str, code: str) -> Video:
    """A video of a name that nothing has looked at."""
    return Video.model_construct(platform=platform, code=code, source="s3://b/p/c/video.mp4")


def test_job_input_from_argument_variable_and_s3(corpus: Corpus) -> None:
    text = json.dumps([{"platform": "instagram", "code": "a"}])
    services = corpus.services
    assert run(PLAN, PLAN.inputs(job_input=text), services).videos == 1
    services.store.put("s3://oriane-artifacts/jobs/1.json", text.encode(), "application/json")
    by_uri = run(PLAN, PLAN.inputs(job_input="s3://oriane-artifacts/jobs/1.json"), services)
    assert by_uri.videos == 1
    with pytest.raises(ConfigurationError, match="nothing to plan"):
        run(PLAN, PLAN.inputs(), services)
    services.settings = services.settings.having("plan", job_input=text)
    assert run(PLAN, PLAN.inputs(), services).videos == 1
    with pytest.raises(ConfigurationError, match="not both"):
        run(PLAN, PLAN.inputs(job_input=text, source="s3://b/p"), services)


def test_a_listed_name_that_is_unsafe_is_no_video() -> None:
    assert listed_video("s3://b/x/../video.mp4") is None
    assert listed_video("s3://b/x/y/video.mp4") == Video(
        platform="x", code="y", source="s3://b/x/y/video.mp4"
    )
    assert listed_video("s3://b/video.mp4") is None
