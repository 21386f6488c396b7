"""What every request passes before it is worked on, and every answer on its way out.

Who may ask (host, token, origin), how often, how much it may send, and the headers that tell a
browser what a page of this server may do.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlsplit

from fastapi import Request
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from workflows.serve import sessions
from workflows.serve.body import body_first
from workflows.serve.rates import Rates
from workflows.serve.refusals import RefusedError, answer

# No inline script or style, nothing from elsewhere, no frame around it.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "media-src 'self'; connect-src 'self'; font-src 'self'; manifest-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Without a referrer at all, browsers send forms of this server's own pages as of no origin.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
# What tells nothing, and who asks has neither a token nor the right name: a kubelet asks by IP.
_HEALTH = ("/api/health", "/api/health/live", "/api/health/ready")
LOGIN = "/login"
_OPEN = ("/static/", "/favicon.ico")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# Forms and pictures around the bytes of the largest picture.
_ENVELOPE_BYTES = 64 * 1024


@dataclass(frozen=True)
class Rules:
    """Whom a server answers. `hosts` are names under which browsers may reach it."""

    token: str = ""
    hosts: frozenset[str] = field(default_factory=frozenset)
    rate: float = 0
    body_bytes: int = 2**20
    timeout_s: float = 30.0

    def knows(self, host: str) -> bool:
        """Return whether the Host header names this server, whatever the port."""
        name = host.rpartition(":")[0] if _has_port(host) else host
        return name.lower().rstrip(".") in _LOOPBACK | self.hosts


def _has_port(host: str) -> bool:
    return host.rpartition(":")[2].isdigit() and not host.endswith("]")


class Gate:
    """The middleware around the application."""

    def __init__(self, app: ASGIApp, rules: Rules) -> None:
        self._app, self._rules = app, rules
        self._rates = Rates(rules.rate)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            if refused := self._turned_away(request):
                await refused(scope, receive, guarded)
                return
            body = await self._body(request, receive)
        except RefusedError as error:
            if request.method not in _SAFE_METHODS:
                # What is still being sent is not read.
                error.headers["Connection"] = "close"
            response = answer(request, error.refusal, error.headers)
            await response(scope, receive, guarded)
            return
        await self._app(scope, body, guarded)

    def _turned_away(self, request: Request) -> Response | None:
        """Return where somebody without a token is sent, None for who may come in.

        Raises:
            RefusedError: neither is right.
        """
        path = request.url.path
        if path in _HEALTH:
            return None
        self._rates.count(request.client.host if request.client else "")
        bearer = self._bears_token(request)
        # Rebinding makes a browser the attacker, and no browser sends this header by itself.
        if not bearer and not self._rules.knows(request.headers.get("host", "")):
            raise RefusedError(
                HTTPStatus.MISDIRECTED_REQUEST,
                "Host: expected a name of this server",
                "name it in VP_SERVE_HOSTS, if browsers may reach the server under that name",
            )
        _check_origin(request)
        if not self._rules.token or bearer or sessions.is_valid(request, self._rules.token):
            return None
        if path.startswith(_OPEN) or path in (LOGIN, "/api/login"):
            return None
        if not path.startswith("/api/") and request.method == "GET":
            target = path + (f"?{request.url.query}" if request.url.query else "")
            return RedirectResponse(f"{LOGIN}?next={quote(target, safe='')}", HTTPStatus.SEE_OTHER)
        raise RefusedError(
            HTTPStatus.UNAUTHORIZED,
            "this server asks for a token",
            f"send Authorization: Bearer with ORIANE_TOKEN, or log in at {LOGIN}",
            {"WWW-Authenticate": "Bearer"},
        )

    def _bears_token(self, request: Request) -> bool:
        scheme, _, shown = request.headers.get("authorization", "").partition(" ")
        if not self._rules.token or scheme.lower() != "bearer":
            return False
        return secrets.compare_digest(shown.strip().encode(), self._rules.token.encode())

    async def _body(self, request: Request, receive: Receive) -> Receive:
        """Return what gives the application the whole body, once that is here.

        Raises:
            RefusedError: 413, it is too large; 408, it is too slow.
        """
        if request.method in _SAFE_METHODS:
            return receive
        most = self._rules.body_bytes + _ENVELOPE_BYTES
        length = request.headers.get("content-length", "")
        if length.isdigit() and int(length) > most:
            raise _too_large(self._rules.body_bytes)
        try:
            body = await asyncio.wait_for(
                _received(receive, most, self._rules.body_bytes), self._rules.timeout_s
            )
        except TimeoutError as error:
            raise RefusedError(
                HTTPStatus.REQUEST_TIMEOUT,
                f"the request's body took longer than {self._rules.timeout_s:g} s",
                "send it faster, or raise VP_SERVE_TIMEOUT_SECS",
            ) from error
        return body_first(body, receive)


async def _received(receive: Receive, most: int, told: int) -> bytes:
    body = bytearray()
    while True:
        message: Any = await receive()
        if message["type"] != "http.request":
            raise RefusedError(HTTPStatus.BAD_REQUEST, "the request broke off", "send it again")
        body += message.get("body", b"")
        if len(body) > most:
            raise _too_large(told)
        if not message.get("more_body"):
            return bytes(body)


def _too_large(most: int) -> RefusedError:
    return RefusedError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"the request is larger than {most / 1e6:g} MB",
        "send a smaller picture, or raise VP_SERVE_PICTURE_MB",
    )


def _check_origin(request: Request) -> None:
    """Refuse what a page of another server has somebody's browser send or load.

    A link to this server may be followed from anywhere.
    """
    asked = request.headers
    origin = asked.get("origin")
    # Another port of this machine is "same-site".
    is_elsewhere = (
        asked.get("sec-fetch-site") in ("cross-site", "same-site")
        and asked.get("sec-fetch-mode") != "navigate"
    )
    if request.method not in _SAFE_METHODS:
        is_elsewhere = bool(origin) and urlsplit(origin or "").netloc != asked.get("host")
    if is_elsewhere:
        raise RefusedError(
            HTTPStatus.FORBIDDEN,
            "Origin: expected a page of this server",
            "open the server's own page",
        )
