"""The digest by which a picture's file is known."""

from __future__ import annotations

import hashlib


def md5(file: bytes) -> str:
    """Return the MD5 of a picture's file in hexadecimal: the ETag that S3 gives it."""
    return hashlib.md5(file, usedforsecurity=False).hexdigest()
