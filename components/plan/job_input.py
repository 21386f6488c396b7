"""Which videos to process: JOB_INPUT, names that are safe, and what a listing holds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from components.base.wrong_values import wrong_value
from components.errors import ConfigurationError
from components.records.videos import Video

SOURCE_FILE = "video.mp4"
_BETWEEN = b"\0"


def given_videos(text: str, bucket: str) -> Iterator[Video]:
    """Yield the videos of a JSON list of `{"platform": …, "code": …}`, in order, each once.

    Of a list of a million, what is held at a time is some hundred bytes an item.

    Raises:
        ConfigurationError: naming the item and what is wrong with it.
    """
    seen: set[bytes] = set()
    items = enumerate(_items(text))
    del text  # as long as all that is made of it
    for index, item in items:
        video = _video(item, index, bucket)
        name = _BETWEEN.join((video.platform.encode(), video.code.encode()))
        if name not in seen:
            # The very bytes that the list holds, where it does.
            seen.add(item if item == name else name)
            yield video


def _items(text: str) -> list[Any]:
    """Return the items of the list; of those that may be videos, platform and code as bytes.

    Raises:
        ConfigurationError: it is not JSON, or not a list.
    """
    try:
        items: Any = json.loads(text, object_hook=_compact)
    # Besides what is not JSON: thousands of levels, and a number of thousands of digits.
    except (RecursionError, ValueError) as error:
        raise ConfigurationError(
            f'JOB_INPUT: expected a JSON list of {{"platform": …, "code": …}}, found {text[:80]!r} '
            f"({error})"
        ) from error
    if not isinstance(items, list):
        found = type(_as_given(items)).__name__
        raise ConfigurationError(f"JOB_INPUT: expected a list, found {found}")
    return items


def _compact(item: dict[str, Any]) -> dict[str, Any] | bytes:
    """Return platform and code of a JSON object as bytes, which nothing else in JSON is."""
    parts = item.get("platform"), item.get("code")
    if not all(isinstance(part, str) and "\0" not in part for part in parts):
        return item
    try:
        return _BETWEEN.join(str(part).encode() for part in parts)
    except UnicodeEncodeError:
        return item


def _as_given(item: Any) -> Any:
    if not isinstance(item, bytes):
        return item
    platform, code = item.decode().split("\0")
    return {"platform": platform, "code": code}


def source_of(platform: str, code: str, bucket: str) -> str:
    """Return where a video of the default layout lies in its bucket."""
    return f"s3://{bucket}/{platform}/{code}/{SOURCE_FILE}"


def named_video(platform: str, code: str, bucket: str, origin: str) -> Video:
    """Return the video `platform`/`code` of the bucket.

    Raises:
        ConfigurationError: one of them is not a safe name; names `origin`, the field and the value.
    """
    try:
        return Video(platform=platform, code=code, source=source_of(platform, code, bucket))
    except ValidationError as error:
        wrong = wrong_value(error)
        raise ConfigurationError(
            f"{origin}: {wrong.field} {wrong.found!r}: {wrong.why}; rename it"
        ) from error


def listed_video(uri: str) -> Video | None:
    """Return the video that an object of the source bucket is, None if it is something else."""
    parts = uri.removeprefix("s3://").split("/")[1:]
    if len(parts) < 3 or parts[-1] != SOURCE_FILE:
        return None
    try:
        return Video(platform=parts[-3], code=parts[-2], source=uri)
    except ValidationError:
        return None


def _video(item: Any, index: int, bucket: str) -> Video:
    origin, known = f"JOB_INPUT item {index}", _as_given(item)
    if not isinstance(known, dict) or not {"platform", "code"} <= known.keys():
        raise ConfigurationError(
            f'{origin}: expected {{"platform": …, "code": …}}, found '
            f"{json.dumps(known, default=_as_given)[:80]}"
        )
    platform, code = (_as_given(known[name]) for name in ("platform", "code"))
    return named_video(platform, code, bucket, origin)
