"""Whether the bytes that arrived are those that were stored.

Size and digest of every object are looked at: the SHA-256 where its writer left one in the result
that names it, else the ETag where that is an MD5. It is one for objects that were sent in one piece
and are not encrypted with a key of KMS or of the client (Amazon S3 API Reference, "Object").
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_MD5 = re.compile(r"[0-9a-f]{32}")
_CHUNK_BYTES = 2**20


@dataclass(frozen=True)
class Expected:
    """What a reader knows of an object beforehand; None and "" where it does not."""

    size: int | None = None
    etag: str = ""
    sha256: str = ""


NOTHING = Expected()


class DamagedBytesError(Exception):
    """Other bytes arrived than were stored.

    `at_rest` says that what arrived is what the server has, but not what was written.
    """

    def __init__(self, message: str, *, at_rest: bool = False) -> None:
        super().__init__(message)
        self.at_rest = at_rest


class ReplacedError(Exception):
    """The object is another one than the reader knows."""


class Digests:
    """Size, MD5 and SHA-256 of bytes that pass by."""

    def __init__(self) -> None:
        self.size = 0
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._sha256 = hashlib.sha256()

    @classmethod
    def of(cls, path: Path) -> Digests:
        """Return those of a file."""
        digests = cls()
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digests.update(chunk)
        return digests

    def update(self, chunk: bytes) -> None:
        """Take the next bytes."""
        self.size += len(chunk)
        self._md5.update(chunk)
        self._sha256.update(chunk)

    @property
    def md5(self) -> bytes:
        return self._md5.digest()

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()

    def check(self, answer: Mapping[str, Any], expected: Expected) -> None:
        """Compare with what the server says of the object that it sent, and with what is known.

        Args:
            answer: boto3's, to a GET.

        Raises:
            ReplacedError: the object is not the one that is known.
            DamagedBytesError: the bytes are not the object's.
        """
        found = answer["ETag"].strip('"')
        if expected.etag and found and found != expected.etag:
            raise ReplacedError(f"ETag {found}, {expected.etag} was known")
        for size in (answer.get("ContentLength"), expected.size):
            if size is not None and size != self.size:
                raise DamagedBytesError(f"{self.size} bytes arrived of {size}")
        etag = plain_etag(answer)
        if etag and etag != self.md5.hex():
            raise DamagedBytesError(f"MD5 {self.md5.hex()} arrived, {etag} is stored")
        if expected.sha256 and expected.sha256 != self.sha256:
            raise DamagedBytesError(
                f"SHA-256 {self.sha256} arrived, {expected.sha256} was written",
                at_rest=bool(etag),
            )


def check_sent(md5: bytes, answer: Mapping[str, Any]) -> None:
    """Compare what was sent with the server's answer to that.

    Raises:
        DamagedBytesError: it has other bytes.
    """
    etag = plain_etag(answer)
    if etag and etag != md5.hex():
        raise DamagedBytesError(f"MD5 {md5.hex()} was sent, {etag} is stored")


def plain_etag(answer: Mapping[str, Any]) -> str:
    """Return the ETag where it is the MD5 of the object; empty where it is something else."""
    etag = str(answer.get("ETag", "")).strip('"')
    keyed = answer.get("SSECustomerAlgorithm") or (
        answer.get("ServerSideEncryption", "AES256") != "AES256"
    )
    return etag if _MD5.fullmatch(etag) and not keyed else ""
