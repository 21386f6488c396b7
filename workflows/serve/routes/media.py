"""`/api/frames`, `/api/media`: pictures and videos."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from components.base.picture_formats import FORMATS
from components.errors import NotFoundError
from components.records.done_marker import DoneMarker
from components.stores.s3 import Stored, split
from workflows.serve.ranges import ranged
from workflows.serve.refusals import RefusedError
from workflows.serve.routes.parameters import Code, Number, Platform, TheServed, refusals
from workflows.serve.served import Served

router = APIRouter(prefix="/api", tags=["media"])

_PICTURE_CACHE = "private, max-age=300"
_PICTURES: dict[str, Any] = {known.content_type: {} for known in FORMATS.values()}
_BINARY: dict[str, Any] = {"content": {"application/octet-stream": {}}}
# A container is told by its first bytes; what is none of these a browser will not play anyway.
_CONTAINERS = (
    (b"\x1aE\xdf\xa3", "video/webm"),
    (b"OggS", "video/ogg"),
    (b"GIF8", "image/gif"),
)
_HEAD_BYTES = 16


@router.get(
    "/frames/{platform}/{code}/{number}",
    responses={**refusals(404, 409), 200: {"content": _PICTURES}},
    response_class=Response,
)
async def frame(
    served: TheServed,
    request: Request,
    platform: Platform,
    code: Code,
    number: Number,
    size: Annotated[
        Literal["160", "320", "640"] | None,
        Query(description="The longer side of a thumbnail (WebP); the original without"),
    ] = None,
) -> Response:
    """Return a published frame, or its thumbnail; also of one that was dropped, if it is kept."""
    shown = await served.work.run(
        _frame, served, platform, code, number, int(size or 0), request.headers.get("if-none-match")
    )
    headers = {"ETag": shown.version, "Cache-Control": _PICTURE_CACHE}
    if shown.content is None:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(shown.content, HTTPStatus.OK, headers, shown.media_type)


@router.get(
    "/media/{platform}/{code}",
    responses={**refusals(404, 409, 416), 200: {"content": {"video/mp4": {}}}, 206: _BINARY},
    response_class=Response,
)
async def media(served: TheServed, request: Request, platform: Platform, code: Code) -> Response:
    """Return the source video, or the part of it that the header Range asks for."""
    stored, media_type = await served.work.run(_source, served, platform, code)
    return await ranged(request, served.work, served.services.store, stored, media_type)


@dataclass(frozen=True)
class _Shown:
    """A picture; `content` is None if the client has this version already."""

    version: str
    content: bytes | None = None
    media_type: str = "image/webp"


def _frame(
    served: Served, platform: str, code: str, number: int, size: int, known: str | None
) -> _Shown:
    marker = served.library.marker(platform, code)
    if marker is None:
        raise _no_frame(platform, code, number)
    version = f'"{_version(marker)}-{number}-{size}"'
    published = next((one for one in marker.frames if one.number == number), None)
    held = served.dropped.held(marker) if published is None else None
    found = published or (held.frames.get(number) if held else None)
    if found is None:
        raise _no_frame(platform, code, number)
    if known == version:
        return _Shown(version)
    media_type = "image/webp" if size else FORMATS[found.format].content_type
    if held:
        dropped = served.dropped
        picture = dropped.thumbnail(held, number, size) if size else dropped.picture(held, number)
        if picture is None:
            raise _no_frame(platform, code, number)
        return _Shown(version, picture, media_type)
    uri = f"s3://{served.services.settings.storage.frames_bucket}/{marker.path(found)}"
    if not size:
        return _Shown(version, served.services.store.get(uri), media_type)
    key = f"{uri} {_version(marker)}"
    thumbnail = served.thumbnails.get(key, size, lambda: served.services.store.get(uri))
    return _Shown(version, thumbnail, media_type)


def _no_frame(platform: str, code: str, number: int) -> RefusedError:
    return RefusedError(
        HTTPStatus.NOT_FOUND,
        f"{platform}/{code} has no frame {number}",
        f"GET /api/videos/{platform}/{code} shows its frames",
    )


def _version(marker: DoneMarker) -> str:
    """Return what changes whenever the pictures of the video may have."""
    return marker.fingerprints.get("dedup") or marker.recorded_at


def _source(served: Served, platform: str, code: str) -> tuple[Stored, str]:
    """Return the source as S3 holds it, and its media type.

    Raises:
        RefusedError: 404, nothing is booked, or the source is gone.
    """
    booking = served.services.bookings.of(platform, code)
    bucket = served.services.settings.storage.videos_bucket
    if booking is None or not booking.source or split(booking.source)[0] != bucket:
        raise RefusedError(
            HTTPStatus.NOT_FOUND, f"{platform}/{code} is not booked", "GET /api/videos lists videos"
        )
    try:
        stored = served.services.store.head(booking.source)
    except NotFoundError as error:
        raise RefusedError(
            HTTPStatus.NOT_FOUND,
            f"the source of {platform}/{code} is gone",
            f"put it back at {booking.source}",
        ) from error
    if not stored.size:
        raise RefusedError(HTTPStatus.NOT_FOUND, f"the source of {platform}/{code} is empty")
    head = served.services.store.part(stored.uri, 0, min(_HEAD_BYTES, stored.size) - 1, stored.etag)
    kind = next((kind for magic, kind in _CONTAINERS if head.startswith(magic)), "video/mp4")
    return stored, kind
