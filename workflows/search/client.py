"""Asks a running server, whose model is warm, in place of loading the model here.

It imports little, because what it saves is time.
"""

from __future__ import annotations

import http.client
import json
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from pydantic import ValidationError

from components.base.version import version as own_version
from components.errors import ConfigurationError, PipelineError, TransientError
from components.settings import Settings
from workflows.local.announced import running
from workflows.local.deployment_mark import deployment_mark
from workflows.search.answer import Answer

if TYPE_CHECKING:
    from workflows.search.question import Question

# Who listens says at once what it is; answers may wait for a model that is being loaded.
_ABOUT_S, _ANSWER_S = 5.0, 60.0
_MOST_BYTES = 64 * 2**20
_LATER = (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS)
_PAGE = re.compile(r'<(/[^>\s]*)>; rel="alternate"')
# A server that listens on all addresses says one that nobody can go to.
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104, asked, never listened on


@dataclass(frozen=True)
class Server:
    """A server that may be asked; `is_named` if ORIANE_SERVER names it."""

    url: str
    is_named: bool


class WillNotAnswerError(Exception):
    """The server does not answer this question, for the reason that `why` gives as an error."""

    def __init__(self, why: PipelineError) -> None:
        super().__init__(str(why))
        self.why = why


@dataclass(frozen=True)
class Answered:
    """An answer, and the address of the page that shows it, where the page can."""

    answer: Answer
    page: str | None


def server_of(settings: Settings) -> Server | None:
    """Return the server that ORIANE_SERVER names, or that runs over the data folder, if any."""
    if settings.serve.server:
        return Server(settings.serve.server.rstrip("/"), is_named=True)
    found = running(settings.work.data_dir)
    return Server(found.url.rstrip("/"), is_named=False) if found else None


def ask(server: Server, question: Question, settings: Settings, *, page: bool = False) -> Answered:
    """Return the server's answer.

    Args:
        settings: Of the deployment, with stand-ins where they name no store.
        page: Whether the page is wanted; it then keeps the picture of the question for a while.

    Raises:
        WillNotAnswerError: it does not answer, is another version, searches something else, or
            refuses.
        ConfigurationError: what is asked for is not there.
    """
    with _connected(server, settings) as connection:
        _check(connection, server, settings)
        content, kind = (None, None) if question.image is None else _form(question.image)
        status, headers, body = connection.sent("/api/search?" + query(question), content, kind)
        if status != HTTPStatus.OK:
            raise _refused(server, status, body)
        try:
            answer = Answer.model_validate_json(body)
        except ValidationError as error:
            raise WillNotAnswerError(_no_server(server)) from error
        found = _PAGE.match(headers.get("Link", "")) if page else None
        where = found[1] if found else None
        if where is not None and content is not None:
            where = connection.kept_picture(where, content, kind)
        return Answered(answer, None if where is None else connection.base + where)


def query(question: Question) -> str:
    """Return the question, but for its picture, as the API's query string."""
    pairs: list[tuple[str, str]] = []
    for name in type(question).model_fields:
        value = getattr(question, name)
        if name == "image" or value is None:
            continue
        values = value if isinstance(value, tuple) else (value,)
        pairs += [(name, _written(one)) for one in values]
    return urlencode(pairs)


def _written(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


class _Connection:
    """A connection to a server, kept over requests; without proxies, and following no redirect."""

    def __init__(self, server: Server, token: str) -> None:
        address = urlsplit(server.url)
        host = address.hostname or ""
        host = _ANYWHERE.get(host, host)
        secure = address.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        self._http = kind(host, address.port, timeout=_ABOUT_S)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._path = address.path.rstrip("/")
        shown = f"[{host}]" if ":" in host else host
        port = f":{address.port}" if address.port else ""
        self.base = f"{address.scheme}://{shown}{port}{self._path}"

    def sent(
        self, path: str, content: bytes | None = None, kind: str | None = None
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        """Return status, headers and body of the answer to a request; a POST with content."""
        headers = {**self._headers, **({"Content-Type": kind} if kind else {})}
        method = "GET" if content is None else "POST"
        try:
            self._http.request(method, self._path + path, content, headers)
        except (BrokenPipeError, ConnectionResetError):
            # It has refused the picture before all of it was sent, and says why.
            if content is None:
                raise
        answer = self._http.getresponse()
        body = answer.read(_MOST_BYTES)
        self._http.timeout = _ANSWER_S
        if self._http.sock is not None:
            self._http.sock.settimeout(_ANSWER_S)
        return answer.status, answer.headers, body

    def kept_picture(self, page: str, content: bytes, kind: str | None) -> str | None:
        """Return the page's address with the picture, which the server keeps for a while."""
        _, _, asked = page.partition("?")
        status, headers, _ = self.sent(f"/picture?{asked}", content, kind)
        where = headers.get("Location", "")
        return where if status == HTTPStatus.SEE_OTHER and where.startswith("/") else None

    def close(self) -> None:
        self._http.close()


@contextmanager
def _connected(server: Server, settings: Settings) -> Iterator[_Connection]:
    token = settings.serve.token.get_secret_value() if settings.serve.token else ""
    try:
        connection = _Connection(server, token)
    except ValueError as error:
        raise WillNotAnswerError(
            ConfigurationError(f"ORIANE_SERVER={server.url}: expected an address ({error})")
        ) from error
    try:
        yield connection
    except (OSError, http.client.HTTPException) as error:
        told = str(error) or type(error).__name__
        raise WillNotAnswerError(
            TransientError(f"the server at {server.url} does not answer ({told})")
        ) from error
    finally:
        connection.close()


def _check(connection: _Connection, server: Server, settings: Settings) -> None:
    """Check that the server would answer as this process would.

    Raises:
        WillNotAnswerError: it would not.
    """
    status, _, body = connection.sent("/api/about")
    if status != HTTPStatus.OK:
        if status == HTTPStatus.NOT_FOUND:
            raise WillNotAnswerError(_no_server(server))
        raise _refused(server, status, body)
    try:
        about = json.loads(body)
        version, collection = str(about["version"]), str(about["collection"])
        deployment = str(about["deployment"])
    except (ValueError, TypeError, KeyError) as error:
        raise WillNotAnswerError(_no_server(server)) from error
    if version != (own := own_version()):
        raise WillNotAnswerError(
            ConfigurationError(
                f"the server at {server.url} is oriane {version}, and this is {own}; start it "
                "again, or install the same version"
            )
        )
    index = settings.index
    if not server.is_named and deployment != deployment_mark(settings):
        raise WillNotAnswerError(
            ConfigurationError(
                f"the server at {server.url} searches other stores than these settings name"
            )
        )
    # Who names a server asks for its stores; but not for another collection than they name.
    if "collection" in index.model_fields_set and collection != index.collection:
        raise WillNotAnswerError(
            ConfigurationError(
                f"the server at {server.url} searches {collection}, and QDRANT_COLLECTION is "
                f"{index.collection}; unset one of QDRANT_COLLECTION and ORIANE_SERVER"
            )
        )


def _refused(server: Server, status: int, body: bytes) -> PipelineError | WillNotAnswerError:
    """Return the error for something that is not an answer."""
    try:
        said: Any = json.loads(body)
        told, remedy = str(said["error"]), str(said["remedy"])
    except (ValueError, TypeError, KeyError):
        return WillNotAnswerError(_no_server(server))
    if status == HTTPStatus.NOT_FOUND:
        return ConfigurationError(f"{told}; {remedy}" if remedy else told)
    if status == HTTPStatus.UNAUTHORIZED:
        remedy = "set ORIANE_TOKEN to the server's"
    whole = f"the server at {server.url} refuses: {told}" + (f"; {remedy}" if remedy else "")
    again = status in _LATER or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    return WillNotAnswerError(TransientError(whole) if again else ConfigurationError(whole))


def _no_server(server: Server) -> ConfigurationError:
    return ConfigurationError(
        f"{server.url}: expected an oriane server of this version, found another one or an older "
        "one; start it again with this version"
    )


def _form(picture: bytes) -> tuple[bytes, str]:
    """Return a form with the picture as its file, and the form's content type."""
    boundary = secrets.token_hex(16)
    head = (
        f"--{boundary}\r\n"
        'Content-Disposition: form-data; name="picture"; filename="picture"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    content = head.encode() + picture + f"\r\n--{boundary}--\r\n".encode()
    return content, f"multipart/form-data; boundary={boundary}"
