"""What docs/pods.md says is what was measured, and the arithmetic in between is right."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.shard_costs import Line, cost, lines, rendered

pytestmark = pytest.mark.slow

ONE = {"videos": 2, "shards": 2, "pods": {"crop": [9, 11, 40], "plan": [3]}}
EIGHT = {"videos": 8, "shards": 1, "pods": {"crop": [25], "plan": [3]}}


def test_the_page_shows_what_was_measured() -> None:
    for path, text in rendered().items():
        assert path.read_text() == text, "run python benchmarks/shard_costs.py"


def test_two_sizes_of_shards_give_start_and_more() -> None:
    measured = lines([ONE, EIGHT])
    assert measured == {"crop": Line(start=9, more=2)}
    assert [cost(measured, videos) for videos in (1, 9)] == [11, 3]
    assert cost(measured, 9, cores=True) == 6


@pytest.mark.parametrize("run", [ONE, EIGHT])
def test_one_size_is_not_enough(run: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="two sizes of shards"):
        lines([run])
