"""Signing in: a browser shows the token once, and has a session from then on."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import Request
from fastapi.responses import Response

from workflows.serve.page.rendering import page
from workflows.serve.refusals import RefusedError
from workflows.serve.routes.service import login
from workflows.serve.served import served

_LONGEST = 4000


async def login_page(request: Request) -> Response:
    """Ask for the token."""
    after = request.query_params.get("next", "/")[:_LONGEST]
    return page(request, "login.html", next=after, wrong=False)


async def take_token(request: Request) -> Response:
    """Open a session as the API does; ask again for a token that is wrong."""
    async with request.form(max_files=0, max_fields=2) as form:
        token, after = str(form.get("token", ""))[:1000], str(form.get("next", "/"))[:_LONGEST]
    try:
        return await login(served(request), request, token, after)
    except RefusedError as error:
        if error.refusal.status != HTTPStatus.FORBIDDEN:
            raise
        return page(request, "login.html", error.refusal.status, next=after, wrong=True)
