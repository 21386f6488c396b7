"""A plan of very many videos: compact rows decide, pack and warn as plain lists did before."""

from __future__ import annotations

import heapq
import io
import json
import tracemalloc
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import redirect_stdout
from datetime import UTC, datetime
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.pipeline import VIDEO_PHASES
from components.plan.due import Candidate, Due, Why
from components.plan.job_input import given_videos
from components.plan.lookalikes import lookalikes
from components.plan.packing import balanced, packed
from components.plan.rows import Rows
from components.records.videos import Video
from workflows.operations.plan.report import DueVideo, PlanReport
from workflows.terminal.output import print_json

BUCKET = "sources"

names = st.text(st.sampled_from("ab-é\u0301e. 漢"), min_size=1, max_size=8).filter(
    lambda name: ".." not in name and name != "."
)
videos = st.builds(
    lambda platform, code, key: Video(
        platform=platform,
        code=code,
        source=f"s3://{key or f'{BUCKET}/{platform}/{code}/video.mp4'}",
    ),
    names,
    names,
    st.sampled_from(["", "sources/a/b/video.mp4", 'other/clips/\0"odd.mov']),
)
dues = st.builds(
    Due,
    st.builds(
        Candidate,
        videos,
        st.none() | st.text('0123456789abcdef-"', min_size=1, max_size=40),
        st.integers(0, 2**50),
        st.none()
        | st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1), timezones=st.just(UTC)),
    ),
    st.sampled_from(Why),
    st.none() | st.sampled_from(VIDEO_PHASES),
)


@given(st.lists(dues), st.data())
def test_rows_give_back_what_they_took(given: list[Due], data: st.DataObject) -> None:
    rows = Rows.of(given, BUCKET)
    assert list(rows) == given
    assert rows[1:] == given[1:]
    assert [rows.video(index) for index in range(len(rows))] == [d.candidate.video for d in given]
    work = [(due.stale_from, due.candidate.size) for due in given]
    assert list(rows.work()) == work
    assert [rows.work()[index] for index in range(len(rows))] == work
    assert rows.work()[1:] == work[1:]
    assert rows.kinds() == Counter((due.why, due.stale_from) for due in given)
    assert [f"{platform}/{code}/" for platform, code in rows.names()] == [
        due.candidate.folder for due in given
    ]
    wanted = data.draw(st.lists(st.integers(0, 1), min_size=len(given), max_size=len(given)))
    rows.keep(bytes(wanted))
    assert list(rows) == [due for due, kept in zip(given, wanted, strict=True) if kept]
    rows.append(given[0]) if given else None
    assert list(rows)[-1:] == given[:1]


@given(st.lists(st.integers(0, 30) | st.floats(0, 1e6), max_size=120), st.data())
def test_shards_are_those_of_the_plain_lists(weights: list[float], data: st.DataObject) -> None:
    most, target = data.draw(st.integers(1, 12)), data.draw(st.sampled_from([0, 3, 50, 1e5]))
    items = list(range(len(weights)))
    shards = packed(weights, most, target)
    assert list(map(list, shards)) == _packed_before(items, weights, most, target)
    assert len(shards) == len(list(shards))
    if weights:
        count = data.draw(st.integers(-(-len(weights) // most), len(weights)))
        shards = balanced(weights, count, most)
        assert list(map(list, shards)) == _balanced_before(items, weights, count, most)


@given(st.lists(names))
def test_lookalikes_are_those_found_in_one_pass(given: list[str]) -> None:
    assert sorted(lookalikes(lambda: given)) == sorted(_lookalikes_before(given))


def test_a_row_takes_few_bytes() -> None:
    def due(number: int) -> Due:
        video = Video(
            platform="tiktok",
            code=f"c{number:08}",
            source=f"s3://{BUCKET}/tiktok/c{number:08}/video.mp4",
        )
        return Due(Candidate(video, f"{number:032x}", number, datetime.now(UTC)), Why.NEW)

    rows, count = Rows(BUCKET), 20_000
    tracemalloc.start()
    try:
        for number in range(count):
            rows.append(due(number))
        held = tracemalloc.get_traced_memory()[0] / count
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        packed(rows.sizes, 20)
        packing = (tracemalloc.get_traced_memory()[1] - before) / count
    finally:
        tracemalloc.stop()
    assert held < 110
    assert packing < 110


def test_a_list_of_videos_takes_few_bytes_an_item() -> None:
    count = 20_000
    items = [{"platform": "tiktok", "code": f"c{number:08}"} for number in range(count)]
    text = json.dumps(items)
    del items
    tracemalloc.start()
    try:
        due = (Due(Candidate(video), Why.GIVEN) for video in given_videos(text, BUCKET))
        rows = Rows.of(due, BUCKET)
        peak = tracemalloc.get_traced_memory()[1] / count
    finally:
        tracemalloc.stop()
    assert len(rows) == count
    assert peak < 300


def test_a_plan_is_printed_as_it_is_made(capsys: pytest.CaptureFixture[str]) -> None:
    """What is printed does not depend on how, and is not in memory at once."""

    def due(count: int) -> Iterator[DueVideo]:
        for number in range(count):
            yield DueVideo(
                video=f"tiktok/c{number}\u2028", why="new", stale_from=None, bytes=number
            )

    report = PlanReport(
        origin="listing", videos=3, why={"new": 3}, stale_from={}, left={}, skipped=0,
        backlog_oldest_s=None, source_bytes=3, forecast=None, due=(),
    )  # fmt: skip
    print_json(report.model_copy(update={"due": tuple(due(3))}))
    at_once = capsys.readouterr().out
    print_json(report, due=due(3))
    assert capsys.readouterr().out == at_once
    assert list(json.loads(at_once)) == list(PlanReport.model_fields)
    count = 20_000
    tracemalloc.start()
    try:
        with redirect_stdout(Counted()) as written:
            print_json(report, due=due(count))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert written.characters > 50 * count
    assert peak < 600_000


class Counted(io.StringIO):
    """A stream that keeps nothing of what is written to it but how much it was."""

    characters = 0

    def write(self, text: str) -> int:
        self.characters += len(text)
        return len(text)


def _packed_before(
    items: Sequence[int], weights: Sequence[float], most: int, target: float
) -> list[list[int]]:
    """What plan did when it held everything in lists."""
    count = -(-len(items) // most)
    if target:
        count = max(count, min(len(items), -int(-sum(weights) // target)))
    return _balanced_before(items, weights, count, most)


def _balanced_before(
    items: Sequence[int], weights: Sequence[float], count: int, most: int
) -> list[list[int]]:
    shards: list[list[int]] = [[] for _ in range(count)]
    lightest = [(0.0, 0, number) for number in range(count)]
    for index in sorted(range(len(items)), key=lambda index: (-weights[index], index)):
        weight, size, number = heapq.heappop(lightest)
        shards[number].append(index)
        if size + 1 < most:
            heapq.heappush(lightest, (weight + weights[index], size + 1, number))
    ordered = sorted(
        map(sorted, shards), key=lambda shard: (-sum(map(weights.__getitem__, shard)), shard)
    )
    return [[items[index] for index in shard] for shard in ordered]


def _lookalikes_before(names: Iterable[str]) -> Iterator[list[str]]:
    forms: defaultdict[str, set[str]] = defaultdict(set)
    for name in names:
        if not name.isascii():
            forms[normalize("NFC", name)].add(name)
    for alike in forms.values():
        if len(alike) > 1:
            yield [
                name.encode("ascii", "backslashreplace").decode() for name in sorted(alike)[::-1]
            ]
