"""A request's body that was read before the application asks for it."""

from __future__ import annotations

from starlette.types import Message, Receive


def body_first(body: bytes, then: Receive) -> Receive:
    """Return what gives the application the whole body once, and then what `then` gives."""
    given = False

    async def give() -> Message:
        nonlocal given
        if given:
            return await then()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return give
