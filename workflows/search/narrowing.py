"""Among which frames a question looks: its filters, as the store knows them."""

from __future__ import annotations

from components.stores.vectors.frame_filter import FrameFilter
from workflows.search.question import Question

# The parts of a question that say among which frames to look.
FILTERS = (
    "platform", "video", "after", "before", "min_duration", "max_duration", "from_second",
    "to_second", "cropped",
)  # fmt: skip


def filters_of(question: Question) -> list[str]:
    """Return the names of the filters that a question has."""
    return [name for name in FILTERS if getattr(question, name) is not None]


def with_filters(question: Question, *names: str) -> Question:
    """Return the question with these of its filters alone."""
    return question.model_copy(update=dict.fromkeys({*FILTERS} - {*names}))


def filter_of(question: Question) -> FrameFilter:
    """Return which frames a question is about."""
    platform, code = question.platform, question.video
    if code is not None and "/" in code:
        platform, _, code = code.partition("/")
    return FrameFilter(
        platform=platform,
        code=code,
        after=question.instant("after"),
        before=question.instant("before"),
        min_duration=question.min_duration,
        max_duration=question.max_duration,
        from_second=question.from_second,
        to_second=question.to_second,
        cropped=question.cropped,
    )
