"""Requests to Qdrant: tried again while that may help, with errors that say what to do."""

from __future__ import annotations

import fcntl
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, Self, TypeVar

import grpc
from qdrant_client import QdrantClient
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from components.base.loopback import is_on_loopback
from components.base.retries import answered
from components.errors import ConfigurationError, PipelineError, TransientError
from components.settings import IndexSettings
from components.stores.vectors.errors import missing

P = ParamSpec("P")
T = TypeVar("T")

_FAILURES = (
    UnexpectedResponse,
    ResponseHandlingException,
    ResourceExhaustedResponse,
    grpc.RpcError,
)
_REFUSED_KEY = {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED}
_PASSING = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.INTERNAL,
}


class AlreadyThereError(PipelineError):
    """Another process created the collection first."""


class QdrantConnection:
    """A Qdrant server, or the embedded Qdrant; safe to share between threads.

    `client` speaks REST. `bulk` is for upserts: it speaks gRPC where the server has a port for it,
    which spares both sides the JSON of the vectors.
    """

    def __init__(
        self, client: QdrantClient, settings: IndexSettings, bulk: QdrantClient | None = None
    ) -> None:
        self.client, self.bulk = client, bulk or client
        self.where = settings.url or ""
        self.embedded = settings.embedded
        self.settings = settings
        # The embedded Qdrant is not made for several threads.
        self._lock = threading.RLock()

    @classmethod
    def open(cls, settings: IndexSettings) -> Self:
        """Connect to the server at QDRANT_URL, or open the embedded Qdrant in that folder.

        Raises:
            ConfigurationError: QDRANT_URL is not set.
            TransientError: another process uses the embedded Qdrant.
        """
        if not settings.url:
            raise ConfigurationError(
                "QDRANT_URL is not set; set it to the server's address, or to a folder for an "
                "embedded Qdrant"
            )
        if settings.embedded:
            return cls(open_embedded(Path(settings.url)), settings)
        bulk = _client(settings, over_grpc=True) if settings.grpc_port else None
        return cls(_client(settings), settings, bulk)

    def close(self) -> None:
        """Close the connection, or release the folder."""
        self.client.close()
        if self.bulk is not self.client:
            self.bulk.close()

    def call(self, request: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what a client's method answers; a collection's name comes first among `args`.

        Raises:
            TransientError: no answer after the attempts that the settings allow.
            ConfigurationError: Qdrant refuses the key, or the request.
            AlreadyThereError: the collection exists.
            MissingCollectionError: it does not.
        """
        collection = args[0] if args and isinstance(args[0], str) else self.settings.collection
        with self._lock:
            try:
                return answered(
                    lambda: request(*args, **kwargs),
                    attempts=self.settings.attempts,
                    passing=_is_transient,
                    failures=_FAILURES,
                    explain=lambda error: self._explain(error, collection),
                )
            except ValueError as error:
                # So the embedded Qdrant says what a server says with status 404.
                if str(error) != f"Collection {collection} not found":
                    raise
                raise missing(self.where, collection) from error

    def _explain(self, error: Exception, collection: str) -> PipelineError:
        if isinstance(error, UnexpectedResponse):
            return self._explain_http(error, collection)
        if isinstance(error, grpc.RpcError):
            return self._explain_grpc(_code(error), collection)
        if isinstance(error, ResourceExhaustedResponse):
            return TransientError(f"{self.where} has too much to do ({error}); try again")
        return TransientError(
            f"Qdrant at {self.where} cannot be reached; check QDRANT_URL and the server, "
            "then try again"
        )

    def _explain_http(self, error: UnexpectedResponse, collection: str) -> PipelineError:
        status, reason = error.status_code, error.reason_phrase
        if status in (401, 403):
            return ConfigurationError(f"{self.where} refused the key ({status}); check QDRANT_KEY")
        if status == 404:
            return missing(self.where, collection)
        if status == 409:
            return AlreadyThereError(f"collection {collection!r} is there already")
        if _is_transient(error):
            return TransientError(f"{self.where} answered {status} {reason}; try again")
        return ConfigurationError(
            f"{self.where} answered {status} {reason} for collection {collection!r}; "
            "check QDRANT_URL and QDRANT_COLLECTION"
        )

    def _explain_grpc(self, code: grpc.StatusCode, collection: str) -> PipelineError:
        port = self.settings.grpc_port
        if code is grpc.StatusCode.UNAVAILABLE:
            return TransientError(
                f"Qdrant at {self.where} does not answer on gRPC port {port}; check "
                "QDRANT_GRPC_PORT (0 sends upserts over REST) and the server, then try again"
            )
        if code in _REFUSED_KEY:
            return ConfigurationError(
                f"{self.where} refused the key on gRPC port {port} ({code.name}); check QDRANT_KEY"
            )
        if code in _PASSING:
            return TransientError(
                f"{self.where} answered {code.name} on gRPC port {port}; try again"
            )
        return ConfigurationError(
            f"{self.where} answered {code.name} on gRPC port {port} for collection {collection!r}; "
            "check QDRANT_GRPC_PORT and QDRANT_COLLECTION"
        )


def _client(settings: IndexSettings, *, over_grpc: bool = False) -> QdrantClient:
    key = settings.key.get_secret_value() if settings.key else None
    with warnings.catch_warnings():
        # A key over plain HTTP is the operator's choice inside a cluster.
        warnings.filterwarnings("ignore", message="Api key is used with an insecure")
        try:
            # Proxies lead to other machines.
            direct: dict[str, Any] = (
                {"trust_env": False, "grpc_options": {"grpc.enable_http_proxy": 0}}
                if is_on_loopback(settings.url)
                else {}
            )
            return QdrantClient(
                url=settings.url,
                api_key=key,
                timeout=settings.timeout_s,
                check_compatibility=False,
                prefer_grpc=over_grpc,
                grpc_port=settings.grpc_port,
                **direct,
            )
        except ValueError as error:
            raise ConfigurationError(
                f"QDRANT_URL: expected http://host:port or https://…, found {settings.url!r}"
            ) from error


def open_embedded(folder: Path) -> QdrantClient:
    """Open a folder in the client's local mode.

    Raises:
        TransientError: another process uses it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    in_use = TransientError(
        f"{folder} is in use by another process; wait for it to end, or set QDRANT_URL to a "
        "server that several can use"
    )
    # Qdrant opens every collection's file before it asks for the lock, and leaves them open.
    if not _is_free(folder / ".lock"):
        raise in_use
    try:
        return QdrantClient(path=str(folder), force_disable_check_same_thread=True)
    except RuntimeError as error:
        raise in_use from error


def _is_free(lock: Path) -> bool:
    """Return whether no process holds the lock of an embedded Qdrant."""
    try:
        with lock.open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True
    except BlockingIOError:
        return False
    return True


def _is_transient(error: BaseException) -> bool:
    if isinstance(error, UnexpectedResponse):
        return error.status_code is None or error.status_code >= 500 or error.status_code == 429
    if isinstance(error, grpc.RpcError):
        return _code(error) in _PASSING
    return isinstance(error, ResponseHandlingException | ResourceExhaustedResponse)


def _code(error: grpc.RpcError) -> grpc.StatusCode:
    # Errors of calls are calls themselves, which the types do not say.
    code: grpc.StatusCode = error.code()
    return code
