"""Which videos to process: JOB_INPUT, names that are safe, and what a listing holds."""

from __future__ import annotations

import json
from typing import Any

from pydantic import ValidationError

from components.base.wrong_values import wrong_value
from components.errors import ConfigurationError
from components.records.videos import Video

SOURCE_FILE = "video.mp4"


def parse_job_input(text: str, bucket: str) -> list[Video]:
    """Return the videos of a JSON list of `{"platform": …, "code": …}`, in order, each once.

    Raises:
        ConfigurationError: naming the item and what is wrong with it.
    """
    try:
        items: Any = json.loads(text)
    # Besides what is not JSON: thousands of levels, and a number of thousands of digits.
    except (RecursionError, ValueError) as error:
        raise ConfigurationError(
            f'JOB_INPUT: expected a JSON list of {{"platform": …, "code": …}}, found {text[:80]!r} '
            f"({error})"
        ) from error
    if not isinstance(items, list):
        raise ConfigurationError(f"JOB_INPUT: expected a list, found {type(items).__name__}")
    return list(dict.fromkeys(_item(item, index, bucket) for index, item in enumerate(items)))


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


def _item(item: Any, index: int, bucket: str) -> Video:
    origin = f"JOB_INPUT item {index}"
    if not isinstance(item, dict) or not {"platform", "code"} <= item.keys():
        raise ConfigurationError(
            f'{origin}: expected {{"platform": …, "code": …}}, found {json.dumps(item)[:80]}'
        )
    return named_video(item["platform"], item["code"], bucket, origin)
