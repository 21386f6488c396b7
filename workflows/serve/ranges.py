"""HTTP ranges of objects in S3 (RFC 9110, 14): a client gets the part it asks for, never more.

An open range, `bytes=0-`, is answered with its first megabytes, which 15.3.7 allows and players
follow up. So no connection to S3 is held while a person watches, and no video is read that nobody
sees.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from http import HTTPStatus

from fastapi import Request
from fastapi.responses import Response, StreamingResponse

from components.stores.s3 import Store, Stored
from workflows.serve.refusals import RefusedError
from workflows.serve.work import Work

PART_BYTES = 2 * 2**20
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


async def ranged(
    request: Request, work: Work, store: Store, stored: Stored, media_type: str
) -> Response:
    """Return what the request asks for of the object.

    Raises:
        RefusedError: 416, the range lies beyond its end.
    """
    etag = f'"{stored.etag}"'
    headers = {"Accept-Ranges": "bytes", "ETag": etag, "Cache-Control": "private, no-cache"}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    wanted = request.headers.get("range", "")
    if request.headers.get("if-range", etag) != etag:
        wanted = ""
    span = _span(wanted, stored.size)
    if span is None:
        headers["Content-Length"] = str(stored.size)
        parts = _parts(work, store, stored)
        return StreamingResponse(parts, HTTPStatus.OK, headers, media_type)
    first, last = span
    content = await work.run(store.part, stored.uri, first, last, stored.etag)
    headers["Content-Range"] = f"bytes {first}-{last}/{stored.size}"
    return Response(content, HTTPStatus.PARTIAL_CONTENT, headers, media_type)


def _span(wanted: str, size: int) -> tuple[int, int] | None:
    """Return the first and the last byte to send; None for all, as without a range."""
    found = _RANGE.fullmatch(wanted)
    if not found or found[0] == "bytes=-":
        return None
    if found[1]:
        first = int(found[1])
        last = min(int(found[2]), size - 1) if found[2] else size - 1
        if found[2] and int(found[2]) < first:
            return None
    else:
        first, last = max(0, size - int(found[2])), size - 1
    if first > last:
        raise RefusedError(
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            f"Range {wanted}: expected a range within {size} bytes",
            "ask for less, or without a range",
            {"Content-Range": f"bytes */{size}"},
        )
    return first, min(last, first + PART_BYTES - 1)


async def _parts(work: Work, store: Store, stored: Stored) -> AsyncIterator[bytes]:
    """Yield all of the object, a part at a time, as fast as the client takes them."""
    for first in range(0, stored.size, PART_BYTES):
        last = min(first + PART_BYTES, stored.size) - 1
        yield await work.run(store.part, stored.uri, first, last, stored.etag)
