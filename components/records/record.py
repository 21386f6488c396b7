"""What records are made of: their base classes, and names that are safe."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


class Record(BaseModel):
    """Base of every record: immutable, and strict about unknown fields.

    A number is one: written as JSON, NaN is null, which no reader of the same record takes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Document(BaseModel):
    """Base of what is stored for others, and for later versions: fields it does not know stay."""

    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False)


def _s3_uri(uri: str) -> str:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not bucket or not key:
        raise ValueError("expected s3://bucket/key")
    return uri


def _name(value: str) -> str:
    """Refuse names that could leave their folder, in S3 or on disk, or are not what they look like.

    A file's name that is not UTF-8 comes from the system with surrogates in it. Whoever reports
    what is wrong tells the name.
    """
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError("must be UTF-8")
    if not value or len(value.encode()) > 255:
        raise ValueError("expected 1 to 255 bytes")
    if "/" in value or "\\" in value or ".." in value or value == ".":
        raise ValueError("must not contain '/', '\\' or '..'")
    if any(not character.isprintable() for character in value):
        raise ValueError("must not contain characters that cannot be seen")
    return value


def _iso_time(text: str) -> str:
    datetime.fromisoformat(text)
    return text


# A folder in S3 and on disk, so neither "." nor "..".
RunName = Annotated[str, Field(pattern=r"^([A-Za-z0-9_-][A-Za-z0-9._-]{0,199})?$")]
S3Uri = Annotated[str, AfterValidator(_s3_uri)]
Name = Annotated[str, AfterValidator(_name)]
IsoTime = Annotated[str, AfterValidator(_iso_time)]
