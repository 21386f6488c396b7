"""A search as the page's address says it: all of its state, so that an address can be shared."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from components.errors import ConfigurationError

T = TypeVar("T")

# More would be a mistake, or somebody's attempt to keep the model busy.
_MOST_TEXTS, LONGEST_TEXT, MOST_PAGES = 8, 500, 50
# A time, a platform and a code: where a page of videos begins.
_LONGEST_NAME = 600
_FRAME = re.compile(r"[^/\x00-\x1f]+/[^/\x00-\x1f]+/\d{1,9}")
_PICTURE = re.compile(r"[0-9a-f]{16,64}")
_VIDEO = re.compile(r"[^/\x00-\x1f]+/[^/\x00-\x1f]+")
CROPS = ("yes", "no")


@dataclass(frozen=True)
class Search:
    """What is asked for. `like` is `platform/code/number`, `video` is `platform/code`.

    Durations and seconds are in seconds, `confidence` in percent; None does not narrow anything.
    `picture` names one that was sent; `opened` is the moment that plays.
    """

    texts: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    like: str = ""
    picture: str = ""
    platform: str = ""
    video: str = ""
    since: date | None = None
    until: date | None = None
    longer: float | None = None
    shorter: float | None = None
    first: float | None = None
    last: float | None = None
    cropped: str = ""
    confidence: float | None = None
    per_video: int | None = None
    page: int = 1
    opened: str = ""

    @property
    def asks(self) -> bool:
        """Whether it asks for anything; filters alone, or texts to leave out, do not."""
        return bool(self.texts or self.like or self.picture)

    @property
    def sets_only_bounds(self) -> bool:
        """Whether it has texts to leave out, or filters, and nothing to look for among the rest."""
        return not self.asks and (self.narrowed or bool(self.without))

    @property
    def narrowed(self) -> bool:
        """Whether any filter is set."""
        return any(getattr(self, name) not in ("", None) for name in _FILTERS)

    def having(self, **changes: Any) -> Search:
        """Return the search with changes; unless one of them is the page, from its first page."""
        return replace(self, **{"page": 1, "opened": "", **changes})

    def broadened(self) -> Search:
        """Return the search without its filters."""
        return self.having(**{name: _EMPTY[name] for name in _FILTERS})

    def address(self, **changes: Any) -> str:
        """Return the query string of the search with changes, from its `?` on."""
        return _query_string(self.having(**changes) if changes else self)

    def conditions(self) -> list[tuple[str, Search]]:
        """Return each condition beyond the first text, in words, with the search without it."""
        found: list[tuple[str, Search]] = []
        for number, text in enumerate(self.texts[1:], 1):
            rest = self.texts[:number] + self.texts[number + 1 :]
            found.append((f"and {text}", self.having(texts=rest)))
        for number, text in enumerate(self.without):
            rest = self.without[:number] + self.without[number + 1 :]
            found.append((f"without {text}", self.having(without=rest)))
        found.extend(
            (self.in_words(name), self.having(**{name: _EMPTY[name]}))
            for name in _FILTERS
            if getattr(self, name) not in ("", None)
        )
        return found

    def in_words(self, name: str) -> str:
        """Return a filter that is set, as it is shown."""
        value = getattr(self, name)
        return _CONDITIONS[name].format(f"{value:g}" if isinstance(value, float) else value)


_EMPTY = {field.name: field.default for field in fields(Search)}
# Names in the address, one a field; the order in which they are written.
_NAMES = {
    "texts": "q",
    "without": "not",
    "like": "like",
    "picture": "picture",
    "platform": "platform",
    "video": "video",
    "since": "since",
    "until": "until",
    "longer": "longer",
    "shorter": "shorter",
    "first": "from",
    "last": "to",
    "cropped": "cropped",
    "confidence": "confidence",
    "per_video": "per_video",
    "page": "page",
    "opened": "open",
}
# What each filter is called where it is shown, with its value in the place of {}.
_CONDITIONS = {
    "platform": "platform {}",
    "video": "video {}",
    "since": "since {}",
    "until": "until {}",
    "longer": "longer than {} s",
    "shorter": "shorter than {} s",
    "first": "from second {}",
    "last": "to second {}",
    "cropped": "cropped: {}",
    "confidence": "confidence from {} %",
    "per_video": "at most {} a video",
}
_FILTERS = tuple(_CONDITIONS)


def read_search(pairs: Sequence[tuple[str, str]]) -> Search:
    """Return the search that the pairs of a query string ask for; empty values count as absent.

    Raises:
        ConfigurationError: a value is not what its name asks for; names both.
    """
    given: dict[str, list[str]] = {}
    for name, value in pairs:
        if value.strip():
            given.setdefault(name, []).append(value.strip())

    def one(name: str, read: Callable[[str, str], T], default: T) -> T:
        values = given.get(name)
        return read(name, values[-1]) if values else default

    search = Search(
        texts=_texts("q", given.get("q", ())),
        without=_texts("not", given.get("not", ())),
        like=one("like", _matching(_FRAME, "a frame as platform/code/number"), ""),
        picture=one("picture", _matching(_PICTURE, "the name of a picture that was sent"), ""),
        platform=one("platform", _short, ""),
        video=one("video", _matching(_VIDEO, "a video as platform/code"), ""),
        since=one("since", _date, None),
        until=one("until", _date, None),
        longer=one("longer", _seconds, None),
        shorter=one("shorter", _seconds, None),
        first=one("from", _seconds, None),
        last=one("to", _seconds, None),
        cropped=one("cropped", _crop, ""),
        confidence=one("confidence", _percent, None),
        per_video=one("per_video", _whole(1000), None),
        page=one("page", _whole(MOST_PAGES), 1),
        opened=one("open", _matching(_FRAME, "a frame as platform/code/number"), ""),
    )
    _in_order("longer", search.longer, "shorter", search.shorter)
    _in_order("from", search.first, "to", search.last)
    _in_order("since", search.since, "until", search.until)
    return search


def printable(value: str) -> str | None:
    """Return what an address gives as a part of a name; None where no name can have it in it."""
    value = value.strip()
    return value if value.isprintable() and len(value) <= _LONGEST_NAME else None


def _query_string(search: Search) -> str:
    pairs: list[tuple[str, str]] = []
    for name, written in _NAMES.items():
        value = getattr(search, name)
        if value == _EMPTY[name]:
            continue
        if isinstance(value, tuple):
            pairs.extend((written, one) for one in value)
        else:
            pairs.append((written, f"{value:g}" if isinstance(value, float) else str(value)))
    return "?" + urlencode(pairs, safe="/", quote_via=quote) if pairs else "?"


def _texts(name: str, values: Iterable[str]) -> tuple[str, ...]:
    texts = tuple(dict.fromkeys(values))
    if len(texts) > _MOST_TEXTS:
        raise ConfigurationError(f"{name}: at most {_MOST_TEXTS} texts, found {len(texts)}")
    for text in texts:
        if len(text) > LONGEST_TEXT:
            raise ConfigurationError(
                f"{name}: at most {LONGEST_TEXT} characters a text, found {len(text)}; say in a "
                "sentence what is seen"
            )
    return texts


def _expected(name: str, what: str, value: str) -> ConfigurationError:
    return ConfigurationError(f"{name}: expected {what}, found {value[:60]!r}")


def _matching(pattern: re.Pattern[str], what: str) -> Callable[[str, str], str]:
    def read(name: str, value: str) -> str:
        if not pattern.fullmatch(value):
            raise _expected(name, what, value)
        return value

    return read


def _short(name: str, value: str) -> str:
    if len(value) > LONGEST_TEXT:
        raise _expected(name, "a name", value)
    return value


def _crop(name: str, value: str) -> str:
    if value not in CROPS:
        raise _expected(name, "yes or no", value)
    return value


def _date(name: str, value: str) -> date | None:
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise _expected(name, "a date such as 2026-11-01", value) from None


def _seconds(name: str, value: str) -> float | None:
    return _number(name, value, "seconds", 1e7)


def _percent(name: str, value: str) -> float | None:
    return _number(name, value, "a percentage from 0 to 100", 100)


def _number(name: str, value: str, what: str, most: float) -> float:
    try:
        number = float(value)
    except ValueError:
        raise _expected(name, what, value) from None
    if not 0 <= number <= most:
        raise _expected(name, what, value)
    return number


def _whole(most: int) -> Callable[[str, str], int]:
    def read(name: str, value: str) -> int:
        if not (value.isascii() and value.isdigit() and 1 <= int(value[:9]) <= most):
            raise _expected(name, f"a number from 1 to {most}", value)
        return int(value)

    return read


def _in_order(low: str, at_least: Any, high: str, at_most: Any) -> None:
    if at_least is not None and at_most is not None and at_least > at_most:
        raise ConfigurationError(f"{low} {at_least} is above {high} {at_most}; swap them")
