"""Sends a notice to a webhook, signed as Standard Webhooks (standardwebhooks.com) says.

The header `webhook-signature` is `v1,` and the base64 of the HMAC-SHA256 of
`<webhook-id>.<webhook-timestamp>.<body>`. The id stays the same when a notice is sent again.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import socket
import ssl
import time
from base64 import b64decode, b64encode
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from http.client import HTTPException
from queue import Empty, Queue
from threading import Event, Thread, Timer

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from components.base.redaction import safe
from components.base.retries import answered
from components.errors import ConfigurationError, PipelineError, TransientError
from components.records.watch import Delivery, WatchEvent
from components.settings import WatchSettings
from workflows.watch.addresses import Target, resolved, target

# Answers that a later try may not get: timeouts, too early, too many requests.
_PASSING = {408, 425, 429}
_BROKEN = (HTTPError, HTTPException, OSError, ValueError)


def deliver(url: str, event: WatchEvent, settings: WatchSettings) -> Delivery:
    """Send an event and return what became of it; raises nothing that the network may cause."""
    tries = 0

    def once() -> None:
        nonlocal tries
        tries += 1
        _post(target(url), event, settings)

    message: str | None = None
    try:
        answered(
            once,
            attempts=settings.attempts,
            passing=lambda error: isinstance(error, TransientError),
            failures=(),
            explain=lambda error: TransientError(str(error)),
        )
    except PipelineError as error:
        message = safe(str(error))
    return Delivery(delivered=message is None, attempts=tries, at=_now(), message=message)


def signature(secret: str, message_id: str, timestamp: str, body: bytes) -> str:
    """Return what the header `webhook-signature` holds.

    Raises:
        ConfigurationError: the secret begins with whsec_ and is not base64 after that.
    """
    signed = f"{message_id}.{timestamp}.".encode() + body
    return f"v1,{b64encode(hmac.digest(_key(secret), signed, 'sha256')).decode()}"


def message_id(event: WatchEvent) -> str:
    """Return the same id for the same notice."""
    named = f"{event.type}/{event.data.watch}/{event.data.run}"
    return f"msg_{hashlib.sha256(named.encode()).hexdigest()[:32]}"


def _key(secret: str) -> bytes:
    encoded = secret.removeprefix("whsec_")
    if encoded == secret:
        return secret.encode()
    try:
        return b64decode(encoded, validate=True)
    except binascii.Error as error:
        raise ConfigurationError(
            "ORIANE_WEBHOOK_SECRET: expected base64 after whsec_; give another text to be taken "
            "as it is"
        ) from error


def _post(to: Target, event: WatchEvent, settings: WatchSettings) -> None:
    """Send it once.

    Raises:
        ConfigurationError: there is no secret, or the address may not be called, or refuses.
        TransientError: a later try may succeed.
    """
    if settings.secret is None:
        raise ConfigurationError("not sent: ORIANE_WEBHOOK_SECRET is not set, to sign it with")
    body = event.model_dump_json().encode()
    known, now = message_id(event), str(int(time.time()))
    headers = {
        "Host": to.authority,
        "Content-Type": "application/json",
        "User-Agent": "oriane",
        "webhook-id": known,
        "webhook-timestamp": now,
        "webhook-signature": signature(settings.secret.get_secret_value(), known, now, body),
    }
    answers: Queue[int | Exception] = Queue(1)

    def ask() -> None:
        try:
            answers.put(_status(to, headers, body, settings.timeout_s))
        except Exception as error:
            answers.put(error)

    # Looking up a name and shaking hands have no bound of their own.
    Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=settings.timeout_s)
    except Empty:
        raise _late(to, settings.timeout_s) from None
    if isinstance(answer, Exception):
        raise answer
    _check(answer, to)


def _status(to: Target, headers: Mapping[str, str], body: bytes, timeout_s: float) -> int:
    """Return what was answered.

    Raises:
        ConfigurationError: the address may not be called.
        TransientError: there was no answer.
    """
    late = Event()
    limit: Timer | None = None
    connection = _connected(to, timeout_s)
    try:
        limit = Timer(timeout_s, _break_off, (connection, late))
        limit.daemon = True
        limit.start()
        connection.request("POST", to.path, body=body, headers=headers, preload_content=False)
        status = connection.getresponse().status
    except _BROKEN as error:
        raise _unanswered(to, error) from error
    finally:
        if limit:
            limit.cancel()
        connection.close()
    # Headers that break off are whole to the client.
    if late.is_set():
        raise _late(to, timeout_s)
    return status


def _connected(to: Target, timeout_s: float) -> HTTPConnection:
    """Connect to one of the addresses that were checked.

    Not to the name, which may have others by the time it is asked again.
    """
    failed: Exception | None = None
    for address in resolved(to):
        connection = _connection(to, address, timeout_s)
        try:
            connection.connect()
        except _BROKEN as error:
            connection.close()
            failed = error
        else:
            return connection
    raise _unanswered(to, failed)


def _unanswered(to: Target, error: Exception | None) -> TransientError:
    return TransientError(f"webhook to {to.host}: no answer ({type(error).__name__})")


def _late(to: Target, timeout_s: float) -> TransientError:
    return TransientError(f"webhook to {to.host}: no answer within {timeout_s:g} s")


def _check(status: int, to: Target) -> None:
    if 200 <= status < 300:
        return
    told = f"webhook to {to.host}: answered {status}"
    if 300 <= status < 400:
        raise ConfigurationError(f"{told}; redirects are not followed, name where it leads to")
    if status >= 500 or status in _PASSING:
        raise TransientError(told)
    raise ConfigurationError(told)


def _connection(to: Target, address: str, timeout_s: float) -> HTTPConnection:
    if not to.secure:
        return HTTPConnection(address, to.port, timeout=timeout_s)
    return HTTPSConnection(
        address,
        to.port,
        timeout=timeout_s,
        server_hostname=to.host,
        ssl_context=ssl.create_default_context(),
    )


def _break_off(connection: HTTPConnection, late: Event) -> None:
    """End a try whose answer drips in: a socket's timeout counts from the last byte."""
    late.set()
    with suppress(OSError, AttributeError):
        connection.sock.shutdown(socket.SHUT_RDWR)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
