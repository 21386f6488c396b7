"""Filters of frames in Qdrant's words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from qdrant_client import models

from components.stores.vectors.frame_filter import FrameFilter
from components.stores.vectors.payloads import CROPPED, DATED, DURATION
from components.stores.vectors.qdrant.points import equals


def qdrant_filter(
    where: FrameFilter, without: Sequence[models.Condition] = ()
) -> models.Filter | None:
    """Return the filter, None where nothing is asked for.

    Args:
        without: Conditions that must not hold besides.
    """
    must = list(_required(where))
    must_not = [*without, *map(_of_video, where.without_videos)]
    return models.Filter(must=must, must_not=must_not) if must or must_not else None


def _required(where: FrameFilter) -> Iterator[models.Condition]:
    for key, value in (("platform", where.platform), ("video_code", where.code)):
        if value is not None:
            yield equals(key, value)
    if where.after or where.before:
        dates = models.DatetimeRange(gte=where.after, lt=where.before)
        yield models.FieldCondition(key=DATED, range=dates)
    for key, low, high in (
        (DURATION, where.min_duration, where.max_duration),
        ("frame_second", where.from_second, where.to_second),
    ):
        if low is not None or high is not None:
            yield models.FieldCondition(key=key, range=models.Range(gte=low, lte=high))
    if where.cropped is not None:
        yield models.FieldCondition(key=CROPPED, match=models.MatchValue(value=int(where.cropped)))
    if where.undated:
        yield models.IsEmptyCondition(is_empty=models.PayloadField(key=DATED))


def _of_video(video: tuple[str, str]) -> models.Filter:
    platform, code = video
    return models.Filter(must=[equals("platform", platform), equals("video_code", code)])
