"""S3 with faults: what a retry cures is retried, what it does not is named, no secret is shown."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlparse

import pytest
from botocore.exceptions import (
    ClientError,
    CredentialRetrievalError,
    ParamValidationError,
    UnauthorizedSSOTokenError,
)
from pydantic import SecretStr

from components.errors import (
    ConfigurationError,
    DamagedObjectError,
    NotFoundError,
    TransientError,
)
from components.settings import StorageSettings
from components.stores.checksums import Digests, Expected, plain_etag
from components.stores.s3 import Store
from tests.s3_requests import counted_by

URI = "s3://oriane-artifacts/a/b.json"


@pytest.fixture
def store(storage: StorageSettings) -> Store:
    return Store(storage)


class Flaky(ThreadingHTTPServer):
    """Answers 503 to the first requests, breaks the next answers off, then passes on.

    It lies: `flips` answers or requests arrive with a bit flipped, `shorts` answers are half as
    long as they were and say so.
    """

    def __init__(self, behind: str, errors: int, cuts: int, flips: int, shorts: int) -> None:
        super().__init__(("127.0.0.1", 0), _Proxy)
        self.behind, self.errors, self.cuts, self.seen = behind, errors, cuts, 0
        self.flips, self.shorts = flips, shorts


class _Proxy(BaseHTTPRequestHandler):
    server: Flaky
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.seen += 1
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        if self.server.seen <= self.server.errors:
            self.send_response(503)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if self.server.flips and body:
            self.server.flips -= 1
            body = flipped(body)
        address = urlparse(self.server.behind)
        with closing(HTTPConnection(address.hostname or "", address.port)) as connection:
            # The signature covers the host, so the server behind has to see the client's.
            connection.request(self.command, self.path, body, dict(self.headers))
            answer = connection.getresponse()
            content = answer.read()
        told = answer.getheader("Content-Length") or str(len(content))
        if self.server.flips and content and self.command == "GET":
            self.server.flips -= 1
            content = flipped(content)
        if self.server.shorts and content and self.command == "GET":
            self.server.shorts -= 1
            content = content[: len(content) // 2]
            told = str(len(content))
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", told)
        self.end_headers()
        if self.server.cuts and content:
            self.server.cuts -= 1
            self.wfile.write(content[: len(content) // 2])
            self.close_connection = True
            return
        self.wfile.write(content)

    do_PUT = do_HEAD = do_POST = do_GET

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


def flipped(content: bytes) -> bytes:
    """Return the bytes with one bit in the middle turned over."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 16]) + content[middle + 1 :]


@contextmanager
def flaky(
    storage: StorageSettings, errors: int = 0, cuts: int = 0, flips: int = 0, shorts: int = 0
) -> Iterator[tuple[Store, Flaky]]:
    server = Flaky(str(storage.endpoint_url), errors, cuts, flips, shorts)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        endpoint = f"http://127.0.0.1:{server.server_port}"
        yield Store(storage.model_copy(update={"endpoint_url": endpoint, "attempts": 3})), server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_there_and_back(store: Store, tmp_path: Path) -> None:
    store.put(URI, b"content", "application/json")
    assert store.get(URI) == b"content"
    assert store.head(URI).size == 7
    file = tmp_path / "file"
    store.download(URI, file)
    assert file.read_bytes() == b"content"
    file.write_bytes(bytes(3_000_000))
    store.upload("s3://oriane-artifacts/big", file, "video/mp4")
    assert store.head("s3://oriane-artifacts/big").size == 3_000_000
    assert [stored.uri for stored in store.objects("s3://oriane-artifacts/a/")] == [URI]
    store.delete("oriane-artifacts", ["a/b.json", "never/was"])
    assert not store.exists(URI)


def test_listing_goes_on_over_pages(store: Store) -> None:
    for number in range(1100):
        store.put(f"s3://oriane-artifacts/many/{number:05d}", b"", "text/plain")
    listed = [stored.uri for stored in store.objects("s3://oriane-artifacts/many/")]
    assert listed == [f"s3://oriane-artifacts/many/{number:05d}" for number in range(1100)]


def test_what_is_not_there(store: Store, tmp_path: Path) -> None:
    for call in (store.get, store.head, lambda uri: store.download(uri, tmp_path / "x")):
        with pytest.raises(NotFoundError, match=URI):
            call(URI)
    assert not (tmp_path / "x").exists()
    with pytest.raises(ConfigurationError, match=r"no bucket 'nowhere'.*S3_VIDEOS_BUCKET"):
        store.put("s3://nowhere/x", b"", "text/plain")


def test_a_wrong_key_is_configuration_and_is_not_shown(storage: StorageSettings) -> None:
    wrong = storage.model_copy(update={"secret_access_key": SecretStr("hunter2hunter2")})
    with pytest.raises(ConfigurationError, match="AWS_SECRET_ACCESS_KEY") as caught:
        Store(wrong).get(URI)
    assert "hunter2" not in str(caught.value)
    assert str(storage.access_key_id) not in str(caught.value)


def test_errors_of_the_server_are_retried(storage: StorageSettings, store: Store) -> None:
    store.put(URI, b"content", "text/plain")
    with flaky(storage, errors=2) as (through, server):
        assert through.get(URI) == b"content"
        assert server.seen == 3
    with flaky(storage, errors=2) as (through, server), counted_by(through) as calls:
        through.put(URI, b"content", "text/plain")
        assert (server.seen, calls) == (3, {"PutObject": 1}), "tests count what was asked"
    with flaky(storage, errors=99) as (through, server):
        with pytest.raises(TransientError, match=r"http://127\.0\.0\.1:\d+ answered .*503"):
            through.put(URI, b"x", "text/plain")
        assert server.seen == 3


def test_half_an_answer_is_never_taken_for_whole(
    storage: StorageSettings, store: Store, tmp_path: Path
) -> None:
    store.put(URI, b"content" * 1000, "text/plain")
    with flaky(storage, cuts=1) as (through, _):
        through.download(URI, tmp_path / "file")
        assert (tmp_path / "file").read_bytes() == b"content" * 1000
    with flaky(storage, cuts=1) as (through, _):
        assert through.get(URI) == b"content" * 1000
    with flaky(storage, cuts=99) as (through, _):
        with pytest.raises(TransientError):
            through.download(URI, tmp_path / "other")
        assert not (tmp_path / "other").exists()
        with pytest.raises(TransientError):
            through.get(URI)


@pytest.mark.parametrize("lie", ["flips", "shorts"])
def test_other_bytes_than_were_stored_are_never_taken(
    storage: StorageSettings, store: Store, tmp_path: Path, lie: str
) -> None:
    content = bytes(range(256)) * 100
    store.put(URI, content, "text/plain")
    with flaky(storage, **{lie: 2}) as (through, _):
        assert through.get(URI) == content
    with flaky(storage, **{lie: 2}) as (through, _):
        through.download(URI, tmp_path / "file")
        assert (tmp_path / "file").read_bytes() == content
    with flaky(storage, **{lie: 99}) as (through, _):
        with pytest.raises(TransientError, match="damaged on its way"):
            through.download(URI, tmp_path / "other")
        with pytest.raises(TransientError, match="damaged on its way"):
            through.get(URI)
    assert [path.name for path in tmp_path.glob("*") if path.is_file()] == ["file"]


def test_other_bytes_than_were_sent_are_sent_again(
    storage: StorageSettings, store: Store, tmp_path: Path
) -> None:
    content = bytes(range(256)) * 100
    (tmp_path / "file").write_bytes(content)
    with flaky(storage, flips=2) as (through, _):
        through.put(URI, content, "text/plain")
    assert store.get(URI) == content
    with flaky(storage, flips=2) as (through, _):
        through.upload(URI, tmp_path / "file", "text/plain")
    assert store.get(URI) == content
    with flaky(storage, flips=99) as (through, _), pytest.raises(TransientError):
        through.put(URI, content, "text/plain")


def test_other_bytes_than_are_known_are_refused(store: Store) -> None:
    content = bytes(range(256)) * 100
    known = hashlib.md5(content).hexdigest()
    with pytest.raises(TransientError):
        store.put(URI, flipped(content), "image/png", md5=known)
    assert not store.exists(URI)
    assert store.put(URI, content, "image/png", md5=known) == known
    assert store.get(URI) == content


def test_what_was_written_is_told_from_what_lies_there(store: Store, tmp_path: Path) -> None:
    """Bits that turn over on the server's disk, which then tells of the bytes it has."""
    content = bytes(range(256)) * 100
    store.put(URI, flipped(content), "text/plain")
    written = Digests()
    written.update(content)
    with pytest.raises(DamagedObjectError, match="was written"):
        store.get(URI, Expected(sha256=written.sha256))
    assert store.get(URI) == flipped(content)


def test_a_replaced_object_is_not_taken_for_the_one_that_is_known(
    store: Store, tmp_path: Path
) -> None:
    store.put(URI, b"before", "text/plain")
    known = store.head(URI)
    store.put(URI, b"after!", "text/plain")
    with pytest.raises(TransientError, match="replaced while in use"):
        store.download(URI, tmp_path / "file", Expected(size=known.size, etag=known.etag))


def test_etags_that_are_no_md5_can_be_left_aside(storage: StorageSettings, store: Store) -> None:
    store.put(URI, b"content", "text/plain")
    with flaky(storage.model_copy(update={"etags_are_md5": False}), flips=1) as (through, _):
        assert through.get(URI) == flipped(b"content")


@pytest.mark.parametrize(
    ("answer", "plain"),
    [
        ({"ETag": f'"{"a" * 32}"'}, True),
        ({"ETag": f'"{"a" * 32}"', "ServerSideEncryption": "AES256"}, True),
        ({"ETag": f'"{"a" * 32}"', "ServerSideEncryption": "aws:kms"}, False),
        ({"ETag": f'"{"a" * 32}"', "SSECustomerAlgorithm": "AES256"}, False),
        ({"ETag": f'"{"a" * 32}-3"'}, False),
        ({}, False),
    ],
)
def test_which_etags_are_an_md5(answer: dict[str, str], plain: bool) -> None:
    assert bool(plain_etag(answer)) is plain


def test_an_unreachable_server_is_named() -> None:
    settings = StorageSettings(
        AWS_ENDPOINT_URL="http://127.0.0.1:9",
        AWS_ACCESS_KEY_ID="AKIDEXAMPLE",
        AWS_SECRET_ACCESS_KEY="hunter2",
        VP_S3_ATTEMPTS=2,
    )
    with pytest.raises(TransientError, match=r"http://127\.0\.0\.1:9 cannot be reached") as caught:
        Store(settings).get(URI)
    assert "hunter2" not in str(caught.value)
    assert "AKIDEXAMPLE" not in str(caught.value)


def test_no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(ConfigurationError, match="no S3 credentials"):
        Store(StorageSettings(AWS_ENDPOINT_URL="http://127.0.0.1:9")).get(URI)


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (UnauthorizedSSOTokenError(), ConfigurationError, "SSO session .*log in anew"),
        (
            ParamValidationError(report="Invalid bucket name"),
            ConfigurationError,
            "Invalid bucket name",
        ),
        (
            CredentialRetrievalError(provider="custom-process", error_msg="timed out"),
            TransientError,
            "custom-process: timed out.*then try again",
        ),
        (
            ClientError({"Error": {"Code": "AccessDenied"}}, "AssumeRoleWithWebIdentity"),
            ConfigurationError,
            "the role was refused .*trust policy",
        ),
    ],
    ids=["login", "parameter", "no answer", "role"],
)
def test_what_was_never_sent_is_not_the_network(
    store: Store, error: Exception, kind: type[Exception], said: str
) -> None:
    def raised(**_: object) -> None:
        raise error

    store.events.register("before-call.s3.GetObject", raised)
    with pytest.raises(kind, match=rf"^{URI}: .*{said}"):
        store.get(URI)
