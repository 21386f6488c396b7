"""Objects of S3 as everyone names them; what reads and writes them is in `components.stores.s3`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

# Up to 64 MiB an object is one PUT, so its ETag is its MD5 and equal content is recognised.
# Larger objects are sent in parts of so many bytes, which decides their ETag.
PART_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Stored:
    """An object that S3 holds: its address, size in bytes and ETag without quotes.

    `modified` is when it was written, by the server's clock.
    """

    uri: str
    size: int
    etag: str
    modified: datetime


def split(uri: str) -> tuple[str, str]:
    """Return the bucket and the key of an s3:// URI."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key
