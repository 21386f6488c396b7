"""What is asked of a collection."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from components.base.did_you_mean import did_you_mean
from components.base.wrong_values import wrong_value
from components.errors import ConfigurationError
from components.records.record import Record

# No model reads as much; CLIP's read 77 tokens, of which the rest is cut off.
LONGEST_TEXT = 1000


class Question(Record):
    """What moments should show, and among which; texts, picture and frame count alike.

    Args:
        texts: What they should show.
        without: What they should not show.
        image: A picture they should look like, as the bytes of its file.
        like: A frame they should look like: platform/code/number.
        video: Of this video only: platform/code, or a code.
        after: Videos whose source was written then or later; a date is its midnight in UTC.
        before: Videos whose source was written before that.
        min_duration, max_duration: Of the video, in seconds.
        from_second, to_second: Where in its video a frame may be.
        cropped: Videos whose borders were cut off, or the others.
        confidence: Below it, nothing fits; None asks for the default.
        limit, offset: Moments of the answer, and how many to pass over before.
        per_video: Most moments of one video; 0 sets no bound.
    """

    texts: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    image: bytes | None = None
    like: str | None = None
    platform: str | None = None
    video: str | None = None
    after: datetime | date | None = None
    before: datetime | date | None = None
    min_duration: float | None = Field(None, ge=0)
    max_duration: float | None = Field(None, ge=0)
    from_second: float | None = Field(None, ge=0)
    to_second: float | None = Field(None, ge=0)
    cropped: bool | None = None
    confidence: float | None = Field(None, ge=0, le=1)
    limit: int = Field(10, ge=1)
    per_video: int = Field(2, ge=0)
    offset: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if not (self.texts or self.image or self.like):
            only = ", only what to leave out" if self.without else ""
            raise ValueError(
                f"expected a text, a picture or a frame to search for, found none{only}"
            )
        if self.like is not None:
            self.frame_asked()
        return self

    @model_validator(mode="after")
    def _texts_can_be_read(self) -> Self:
        for text in (*self.texts, *self.without):
            if not text.strip():
                raise ValueError("expected texts, found an empty one")
            if len(text) > LONGEST_TEXT:
                raise ValueError(
                    f"expected texts of at most {LONGEST_TEXT} characters, found one of "
                    f"{len(text)}; say in a sentence what is seen"
                )
        return self

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for low, high in (("min_duration", "max_duration"), ("from_second", "to_second")):
            first, last = getattr(self, low), getattr(self, high)
            if first is not None and last is not None and first > last:
                raise ValueError(f"{low} {first:g} is above {high} {last:g}; swap them")
        after, before = self.instant("after"), self.instant("before")
        if after and before and after >= before:
            raise ValueError(f"after {after} is not earlier than before {before}; swap them")
        return self

    def instant(self, name: Literal["after", "before"]) -> datetime | None:
        """Return the time that a filter names, with its zone; of a date, its midnight in UTC."""
        given: datetime | date | None = getattr(self, name)
        if given is None:
            return None
        if not isinstance(given, datetime):
            return datetime(given.year, given.month, given.day, tzinfo=UTC)
        return given if given.tzinfo else given.replace(tzinfo=UTC)

    def frame_asked(self) -> tuple[str, str, int] | None:
        """Return platform, code and number of the frame in `like`.

        Raises:
            ValueError: it names none.
        """
        if self.like is None:
            return None
        platform, _, rest = self.like.partition("/")
        code, _, number = rest.rpartition("/")
        if not (platform and code and "/" not in code and number.isascii() and number.isdecimal()):
            raise ValueError(
                f"expected a frame as platform/code/number, found {self.like!r}; "
                "oriane show platform/code lists a video's"
            )
        return platform, code, int(number)


def asked(**given: Any) -> Question:
    """Return a question.

    Raises:
        ConfigurationError: it asks nothing, or for something that cannot be understood.
    """
    if unknown := sorted(given.keys() - Question.model_fields.keys()):
        meant = did_you_mean(unknown[0], Question.model_fields)
        raise ConfigurationError(f"{unknown[0]}: no part of a question{meant}")
    try:
        return Question(**given)
    except ValidationError as error:
        raise ConfigurationError(str(wrong_value(error))) from error
