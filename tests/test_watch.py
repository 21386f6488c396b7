"""Standing questions: asked of new frames alone, told once, sent signed, no run's fault."""

from __future__ import annotations

import hmac
import json
import socket
import ssl
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from components.base.model_names import identity
from components.errors import ConfigurationError
from components.records.watch import WatchEvent, WatchNotice
from components.settings import Settings, WatchSettings
from tests.clips import numbered_video
from tests.commands import environment, invoked, oriane_here, report_here
from workflows.watch.addresses import target
from workflows.watch.webhook import deliver

SECRET = "a-secret-of-the-tests"


@dataclass
class Receiver:
    """A server on loopback that keeps what it is sent, and answers these statuses in turn."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    followed: int = 0


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    state = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/elsewhere":
                state.followed += 1
            headers = {name.lower(): value for name, value in self.headers.items()}
            state.got.append((headers, body))
            status = state.statuses.pop(0) if state.statuses else 204
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", f"{state.url}/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def verified(headers: dict[str, str], body: bytes) -> dict[str, Any]:
    """Return the event, once its signature is what Standard Webhooks says."""
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    digest = hmac.new(SECRET.encode(), signed, "sha256").digest()
    assert headers["webhook-signature"] == f"v1,{b64encode(digest).decode()}"
    event: dict[str, Any] = json.loads(body)
    return event


def kept(data: Path, name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(
        (data / "s3/oriane-artifacts/watches" / f"{name}.json").read_text()
    )
    return document


def codes(notice: dict[str, Any]) -> set[str]:
    """Return the videos of the moments, and of those that look the same."""
    moments = notice["moments"]
    same = {name.split("/")[1] for moment in moments for name in moment["folded"]}
    return same | {moment["code"] for moment in moments}


def clip(folder: Path, name: str, first: float) -> Path:
    return numbered_video(folder / name, [first + number / 5 for number in range(8)], 160, 90)


def test_a_run_asks_of_its_new_frames_and_sends_what_fits_once(
    tmp_path: Path, receiver: Receiver, model: str
) -> None:
    env = environment(tmp_path, LOCAL_MODE=1, CLIP_MODEL=model, ORIANE_WEBHOOK_SECRET=SECRET)
    videos = tmp_path / "videos"
    videos.mkdir()
    clip(videos, "one.mp4", 0)
    assert "watches" not in report_here(videos, env=env)
    # A confidence of 0 is reached by everything, so that what is new is all that tells.
    add = ("watch", "add", "a number", "--confidence", 0, "--webhook", f"{receiver.url}/hook?k=v")
    oriane_here(*add, env=env)
    assert "a-number" in oriane_here(*add, env=env, code=78).stderr
    assert "k=v" not in oriane_here("watch", "list", env=env).stdout

    # Nothing is new, so nothing is asked.
    assert "watches" not in report_here(videos, env=env)
    assert receiver.got == []

    clip(videos, "two.mp4", 2)
    receiver.statuses = [503]
    ran = report_here(videos, env=env)
    (told,) = ran["watches"]
    assert codes(told) == {"two"}
    assert told["webhook"]["delivered"]
    assert told["webhook"]["attempts"] == 2
    events = [verified(*sent) for sent in receiver.got]
    assert [event["data"]["run"] for event in events] == [ran["run"]] * 2
    assert receiver.got[0][0]["webhook-id"] == receiver.got[1][0]["webhook-id"]
    assert events[1]["data"]["moments"] == told["moments"]
    digest = json.loads(oriane_here("runs", ran["run"], "--json", env=env).stdout)
    assert digest["watches"] == [told]
    assert "delivered" in oriane_here("runs", ran["run"], env=env).stdout
    assert kept(tmp_path, f"a-number/{ran['run']}") == told

    # Neither a rerun nor a question asked again tells it twice.
    assert "watches" not in report_here(videos, env=env)
    asked = json.loads(oriane_here("watch", "ask", "--run", ran["run"], "--json", env=env).stdout)
    assert [one["webhook"]["attempts"] for one in asked] == [2]
    assert len(receiver.got) == 2

    # A test asks of everything, and sends only if told to.
    receiver.got.clear()
    tested = json.loads(oriane_here("watch", "test", "a-number", "--json", env=env).stdout)
    assert codes(tested) == {"one", "two"}
    assert receiver.got == []
    oriane_here("watch", "test", "a-number", "--send", env=env)
    assert [verified(*sent)["type"] for sent in receiver.got] == ["watch.test"]

    oriane_here("watch", "remove", "a-number", env=env)
    assert json.loads(oriane_here("watch", "list", "--json", env=env).stdout) == []
    assert [*(tmp_path / "s3/oriane-artifacts/watches").rglob("*.json")] == []


def test_after_a_switch_a_watch_is_asked_of_all_frames_by_the_new_model(
    tmp_path: Path, model: str, clip_model: Path
) -> None:
    env = environment(tmp_path, LOCAL_MODE=1, CLIP_MODEL=model)
    videos = tmp_path / "videos"
    videos.mkdir()
    clip(videos, "one.mp4", 0)
    report_here(videos, env=env)
    oriane_here("watch", "add", "a number", "--confidence", 0, env=env)
    clip(videos, "two.mp4", 2)
    (before,) = report_here(videos, env=env)["watches"]
    assert (codes(before), before["model"]) == ({"two"}, model)

    env["CLIP_MODEL"] = str(clip_model)
    oriane_here("model", "prepare", env=env)
    oriane_here("model", "switch", "--yes", env=env)
    # Nothing is new but the model.
    (after,) = report_here(videos, env=env)["watches"]
    assert after["everything"]
    # What was announced stays so.
    assert (codes(after), after["model"]) == ({"one"}, identity(str(clip_model)))
    assert kept(tmp_path, "a-number")["model"] == after["model"]
    # By the new model's vectors: what it finds itself, with the same scores.
    found = oriane_here("search", "a number", "--frames", "--limit", 99, "--json", env=env)
    scores = {(hit["code"], hit["frame_number"]): hit["score"] for hit in json.loads(found.stdout)}
    for moment in after["moments"]:
        own = scores[moment["code"], moment["frame_number"]]
        assert moment["score"] == pytest.approx(own, abs=2e-4)

    clip(videos, "three.mp4", 4)
    (then,) = report_here(videos, env=env)["watches"]
    assert (codes(then), then["everything"]) == ({"three"}, False)


def test_a_webhook_that_fails_is_told_and_sent_again_when_asked_to(
    tmp_path: Path, receiver: Receiver, model: str
) -> None:
    env = environment(tmp_path, LOCAL_MODE=1, CLIP_MODEL=model, ORIANE_WEBHOOK_SECRET=SECRET)
    add = ("watch", "add", "a number", "--confidence", 0, "--name", "n", "--platform")
    oriane_here(*add, "local", "--webhook", f"{receiver.url}/hook", env=env)
    oriane_here("watch", "add", "a number", "--platform", "tiktok", "--confidence", 0, env=env)
    receiver.statuses = [302]
    done = oriane_here("run", clip(tmp_path, "one.mp4", 0), "--json", env=env)
    assert "was not delivered" in done.stderr
    assert "redirects are not followed" in done.stderr
    (told,) = json.loads(done.stdout)["watches"]
    assert (told["webhook"]["delivered"], told["webhook"]["attempts"]) == (False, 1)
    assert receiver.followed == 0
    receiver.statuses = [400]
    oriane_here("watch", "ask", env=env, code=75)
    (sent,) = json.loads(oriane_here("watch", "ask", "--json", env=env).stdout)
    assert sent["webhook"]["delivered"]
    assert len(receiver.got) == 3
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1


def test_without_a_secret_nothing_is_sent(
    tmp_path: Path, receiver: Receiver, deployment: Path, model: str
) -> None:
    from tests.deployment import copy

    copy(deployment, tmp_path)
    given = {"data": tmp_path, "LOCAL_MODE": 1, "CLIP_MODEL": model}
    code, says = invoked("watch", "add", "a number", "--webhook", receiver.url, **given)
    assert code == 0, says
    code, says = invoked("watch", "test", "a-number", "--send", "--json", **given)
    assert code == 75
    assert "ORIANE_WEBHOOK_SECRET is not set" in json.loads(says)["webhook"]["message"]
    assert receiver.got == []
    says = invoked("watch", "test", "a-number", "--all", **given)[1]
    assert "The model hardly knows “a number”" in says
    assert "more; --all" not in says
    code, says = invoked("watch", "test", "none", **given)
    assert code == 78
    assert "no watch 'none'" in says


def test_asked_of_a_run_that_ended_elsewhere(tmp_path: Path, deployment: Path, model: str) -> None:
    """As after a night on a cluster: its manifests tell which frames are the run's."""
    from tests.deployment import copy

    copy(deployment, tmp_path)
    given = {"data": tmp_path, "LOCAL_MODE": 1, "CLIP_MODEL": model}
    assert invoked("watch", "add", "a number", "--confidence", 0, **given)[0] == 0
    code, says = invoked("watch", "ask", "--run", "test1", "--json", **given)
    assert code == 0, says
    assert says.startswith("["), says
    (notice,) = json.loads(says)
    assert codes(notice) == {"one", "two"}
    assert invoked("watch", "ask", "--run", "test1", **given) == (0, "no new moments\n")
    # The deployment is older than the watch, so that it is not asked of without its name.
    code, says = invoked("watch", "ask", "--json", **given)
    assert (code, says) == (0, "[]\n")
    code, says = invoked("watch", "ask", "--run", "none", **given)
    assert code == 78


@pytest.fixture
def authority(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate of localhost that signs itself, and its key."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = tmp_path / "public.pem", tmp_path / "private.pem"
    encoding = serialization.Encoding.PEM
    public.write_bytes(certificate.public_bytes(encoding))
    private.write_bytes(
        key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return public, private


def test_https_is_checked_by_the_name_that_was_given(
    authority: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although it connects to the address that was looked up before."""
    got: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        settings = WatchSettings(secret=SECRET, attempts=1)
        sent = {}
        for trusting in (False, True):
            if trusting:
                monkeypatch.setenv("SSL_CERT_FILE", str(authority[0]))
            for host in ("127.0.0.1", "localhost"):
                url = f"https://{host}:{server.server_port}/"
                sent[trusting, host] = deliver(url, event(), settings).delivered
        server.shutdown()
        thread.join()
    assert [name for name, delivered in sent.items() if delivered] == [(True, "localhost")]
    assert [json.loads(body)["data"]["watch"] for body in got] == ["w"]


def test_a_receiver_that_drips_is_left_after_the_time_of_a_try() -> None:
    """It never ends its answer, so that only the bound ends the test."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            connection, _ = server.accept()
            with connection, suppress(OSError):
                connection.sendall(b"HTTP/1.1 200 OK\r\n")
                while True:
                    connection.sendall(b"x: y\r\n")
                    time.sleep(0.2)

        thread = Thread(target=drip)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        settings = WatchSettings(secret=SECRET, attempts=1, timeout_s=0.5)
        sent = deliver(url, event(), settings)
        thread.join()
    assert not sent.delivered
    assert "no answer" in str(sent.message)


def test_an_answer_that_is_not_http_is_none() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"220 mail.example.com ESMTP\r\n")

        thread = Thread(target=answer)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        sent = deliver(url, event(), WatchSettings(secret=SECRET, attempts=1))
        thread.join()
    assert "no answer (BadStatusLine)" in str(sent.message)


def event() -> WatchEvent:
    notice = WatchNotice(
        watch="w", text="t", run="r", asked_at="2026-01-01T00:00:00+00:00", model="m",
        confidence=0.5, frames=1, total=0, moments=(),
    )  # fmt: skip
    return WatchEvent(type="watch.moments", timestamp=notice.asked_at, data=notice)


@pytest.mark.parametrize(
    "url",
    [
        "https://169.254.169.254/latest/meta-data/",
        "https://[fe80::1]/",
        "https://[::ffff:169.254.169.254]/",
        "https://[64:ff9b::a9fe:a9fe]/",
        "https://[fd00:ec2::254]/",
        "https://100.100.100.200/",
        "https://168.63.129.16/",
        "https://0.0.0.0/",
        "https://224.0.0.1/",
        "http://192.0.2.1/",
        "http://example.com/",
        "https://user:secret@example.com/",
        "ftp://example.com/",
        "https://",
        "https://example.com:port/",
        "https://example.com/a b",
        "https://example.com/\r\nX: y",
        "no address",
    ],
)
def test_addresses_that_a_webhook_may_not_go_to(url: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        target(url)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    ["https://example.com/x", "https://10.0.0.7:8443/", "http://localhost:1/", "http://[::1]/"],
)
def test_addresses_that_a_webhook_may_go_to(url: str) -> None:
    assert target(url).port


@pytest.mark.parametrize("host", ["2852039166", "0xa9fea9fe"])
def test_a_name_that_stands_for_metadata_is_refused_before_it_is_called(host: str) -> None:
    """169.254.169.254 as one number, which looks like a name and is resolved to the address."""
    from workflows.watch.addresses import resolved

    with pytest.raises(ConfigurationError, match="never called"):
        resolved(target(f"https://{host}/"))


def test_the_secret_is_not_shown() -> None:
    settings = Settings.load({"ORIANE_WEBHOOK_SECRET": SECRET})
    assert SECRET not in repr(settings)
    assert isinstance(settings.watch, WatchSettings)
