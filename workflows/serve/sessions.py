"""Sessions of browsers that have shown the token: a cookie that only this token can sign.

Nothing is kept: another token ends all sessions.
"""

from __future__ import annotations

import hmac
import time

from fastapi import Request
from fastapi.responses import Response

COOKIE = "oriane_session"
_LASTS_S = 30 * 86400


def open_session(request: Request, response: Response, token: str) -> None:
    """Have the browser show the session with every request that a page of this server makes."""
    # Of the proxy before it; whoever makes it up keeps but their own cookie from themselves.
    said = request.headers.get("x-forwarded-proto", request.url.scheme)
    # Each proxy behind the first appends what it saw.
    scheme = said.partition(",")[0].strip().lower()
    until = str(int(time.time()) + _LASTS_S)
    response.set_cookie(
        COOKIE,
        f"{until}.{_signature(until, token)}",
        max_age=_LASTS_S,
        httponly=True,
        samesite="strict",
        secure=scheme == "https",
    )


def is_valid(request: Request, token: str) -> bool:
    """Return whether the request shows a session that has not ended."""
    until, _, signature = request.cookies.get(COOKIE, "").partition(".")
    if not (until.isascii() and until.isdigit() and len(until) < 12):
        return False
    expected = _signature(until, token)
    return hmac.compare_digest(signature.encode(), expected.encode()) and time.time() < int(until)


def _signature(until: str, token: str) -> str:
    return hmac.new(token.encode(), f"session until {until}".encode(), "sha256").hexdigest()
