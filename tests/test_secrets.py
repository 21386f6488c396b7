"""No secret is shown or kept, no name forges a line, and nobody else decides what is read."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from rich.console import Console

from components.__main__ import main
from components.base.logs import log, recording
from components.base.redaction import guard_streams, redacted, safe, shown, traceback_text
from components.base.scratch import Scratch
from components.errors import ConfigurationError
from components.settings import Settings, StorageSettings
from components.stores.s3 import Store
from tests.clips import numbered_video
from workflows.local.announced import RunningServer, announced, running
from workflows.terminal import environment, output

CANARY = "hunter2Canary"
ORIANE = [sys.executable, "-c", "from workflows.cli.app import main; main()"]
ONCE = {"VP_S3_ATTEMPTS": "1", "VP_QDRANT_ATTEMPTS": "1", "VP_DB_ATTEMPTS": "1"}

# Every setting with a secret, each at a service that does not answer or refuses.
BROKEN: dict[str, tuple[dict[str, str], list[str]]] = {
    "S3, its address": (
        {"AWS_ENDPOINT_URL": f"http://user:{CANARY}@127.0.0.1:9", "S3_VIDEOS_BUCKET": "b"},
        ["run", "s3://b/x/"],
    ),
    "S3, its key": (
        {
            "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
            "AWS_ACCESS_KEY_ID": f"{CANARY}ID",
            "AWS_SECRET_ACCESS_KEY": CANARY,
            "AWS_SESSION_TOKEN": f"{CANARY}/token",
        },
        ["run", "s3://oriane-contents/x/"],
    ),
    "Qdrant": (
        {"QDRANT_URL": f"http://user:{CANARY}@127.0.0.1:9", "QDRANT_KEY": f"{CANARY}key"},
        ["search", "a cat"],
    ),
    "Qdrant, no address at all": (
        {"QDRANT_URL": f"https://user:{CANARY}@no such host:x/"},
        ["search", "a cat"],
    ),
    "Postgres, an address as host": (
        {
            "DB_HOST": f"postgresql://user:{CANARY}@127.0.0.1:9/db",
            "DB_NAME": "db",
            "DB_USER": "u",
            "DB_PASSWORD": f"{CANARY}db",
        },
        ["status"],
    ),
    "Argo": (
        {"ARGO_SERVER": f"user:{CANARY}@127.0.0.1:9", "ARGO_TOKEN": f"{CANARY}argo"},
        ["submit", "s3://b/x/"],
    ),
    "a setting that is none": (
        {
            "VP_METRICS_FILE": "x",
            "QDRANT_GRPC_PORT": f"http://user:{CANARY}@h",
            "VP_SERVE_HOSTS": f"http://user:{CANARY}@h",
        },
        ["status"],
    ),
    "a server of ours": (
        {"ORIANE_SERVER": "http://127.0.0.1:9", "ORIANE_TOKEN": f"{CANARY}token"},
        ["search", "a cat"],
    ),
    "a server of ours, by an address that it cannot have": (
        {"ORIANE_SERVER": f"http://user:{CANARY}@127.0.0.1:9"},
        ["search", "a cat"],
    ),
    "a server of ours, with a token that is none": ({"ORIANE_TOKEN": CANARY}, ["serve"]),
    "webhooks": (
        {"ORIANE_WEBHOOK_SECRET": f"whsec_{CANARY}"},
        ["watch", "add", "a cat", "--webhook", f"https://user:{CANARY}@127.0.0.1:9/"],
    ),
    "a password that no address may hold": (
        {"QDRANT_URL": f"http://user:a/{CANARY}#b@127.0.0.1:9"},
        ["search", "a cat"],
    ),
}
# All of them together, for commands that tell what is set.
EVERYTHING = {
    "AWS_ENDPOINT_URL": f"http://user:{CANARY}@127.0.0.1:9",
    "AWS_ACCESS_KEY_ID": f"{CANARY}ID",
    "AWS_SECRET_ACCESS_KEY": CANARY,
    "AWS_SESSION_TOKEN": f"{CANARY}/token",
    "QDRANT_URL": f"http://user:{CANARY}@127.0.0.1:9",
    "QDRANT_KEY": f"{CANARY}key",
    "DB_HOST": f"postgresql://user:{CANARY}@127.0.0.1:9/db",
    "DB_NAME": "db",
    "DB_USER": "u",
    "DB_PASSWORD": f'{CANARY}"\\db',
    "ARGO_SERVER": f"user:{CANARY}@127.0.0.1:9",
    "ARGO_TOKEN": f"{CANARY}argo",
    "VP_PUSHGATEWAY_URL": f"http://user:{CANARY}@127.0.0.1:9/?token={CANARY}q",
    "VP_QUEUE_URL": f"http://user:{CANARY}@127.0.0.1:9/queue",
    "ORIANE_SERVER": "http://127.0.0.1:9",
    "ORIANE_TOKEN": f"{CANARY}token",
    "ORIANE_WEBHOOK_SECRET": f"whsec_{CANARY}",
}
CHECK = [sys.executable, "-m", "components.running.check"]
PLAN = [sys.executable, "-m", "components", "plan"]


def test_no_setting_with_a_secret_is_forgotten_here() -> None:
    planted = {name for name, value in EVERYTHING.items() if CANARY in value}
    for variables, _ in BROKEN.values():
        planted |= {name for name, value in variables.items() if CANARY in value}
    known = list(Settings.variables())
    assert {each.name for each in known if each.credential} <= planted
    address = re.compile("URL|SERVER|HOST")
    assert {each.name for each in known if address.search(each.name)} <= planted


@pytest.mark.parametrize("name", [each.name for each in Settings.variables()])
def test_no_setting_tells_a_secret_that_it_was_given(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """An address where it does not belong, or where it does: a refusal quotes what it found."""
    given = f"http://user:{CANARY}@127.0.0.1:9/?token={CANARY}q"
    monkeypatch.setenv(name, given)
    try:
        said = repr(Settings.load())
    except ConfigurationError as error:
        said = str(error)
    assert CANARY not in redacted(said)


def test_what_a_program_gives_is_hidden_as_well() -> None:
    secret = f'{CANARY}"\\quoted'
    Settings.load({"DB_PASSWORD": secret, "QDRANT_URL": "https://u:inTheAddress@h"})
    for text in (secret, json.dumps({"a": secret}), repr(secret), "for inTheAddress"):
        assert CANARY not in redacted(text)
        assert "inTheAddress" not in redacted(text)


def ended(
    tmp_path: Path,
    variables: dict[str, str],
    arguments: list[str],
    program: list[str] = ORIANE,
) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    environment = {
        **kept,
        **ONCE,
        "PYTHONPATH": str(Path.cwd()),
        "VP_DATA_DIR": str(tmp_path / "data"),
        "CLIP_MODEL": "packaged:conse",
        "LOCAL_MODE": "0" if "DB_HOST" in variables else "1",
        "AWS_EC2_METADATA_DISABLED": "true",
        **variables,
    }
    return subprocess.run(
        [*program, *arguments],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def kept_in(folder: Path) -> str:
    files = (path for path in folder.rglob("*") if path.is_file())
    return "".join(path.read_bytes().decode(errors="replace") for path in files)


@pytest.mark.slow
@pytest.mark.parametrize("service", BROKEN)
def test_no_secret_is_said_or_kept_when_a_service_breaks(tmp_path: Path, service: str) -> None:
    variables, arguments = BROKEN[service]
    done = ended(tmp_path, variables, arguments)
    said = done.stdout + done.stderr
    assert done.returncode in (75, 78), said
    assert len(said) > 20
    assert CANARY not in said
    assert CANARY not in kept_in(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("program", "arguments"),
    [
        (ORIANE, ["config", "--all", "--json"]),
        (CHECK, ["index"]),
        (CHECK, ["record"]),
        (PLAN, ["--catch_up", "true", "--origin", "queue", "--run", "x"]),
    ],
    ids=["config", "the check of index", "the check of record", "plan, from a queue"],
)
def test_what_tells_what_is_set_tells_no_secret(
    tmp_path: Path, program: list[str], arguments: list[str]
) -> None:
    done = ended(tmp_path, EVERYTHING, arguments, program)
    said = done.stdout + done.stderr
    assert done.returncode in (75, 78), said
    assert len(said) > 100
    assert CANARY not in said


@pytest.mark.slow
def test_no_secret_is_kept_of_a_run_that_goes_well(tmp_path: Path) -> None:
    clip = numbered_video(tmp_path / "clip.mp4", [number / 10 for number in range(10)], 160, 90)
    secrets = {
        "VP_PUSHGATEWAY_URL": f"http://user:{CANARY}@127.0.0.1:9/?token={CANARY}q",
        "ARGO_TOKEN": f"{CANARY}argo",
    }
    (tmp_path / ".env").write_text("VP_MIN_FRAMES=1\n")
    (tmp_path / ".env").chmod(0o600)
    done = ended(tmp_path, secrets, ["run", str(clip), "--json"])
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["videos"][0]["status"] == "done"
    assert "not pushed" in done.stderr
    assert CANARY not in done.stdout + done.stderr + kept_in(tmp_path)
    (file,) = (tmp_path / "data" / "logs").iterdir()
    first = json.loads(file.read_text().splitlines()[0])
    assert str(tmp_path / ".env") in first["message"], "the log says which file was read"


def test_values_are_hidden_wherever_they_turn_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QDRANT_KEY", CANARY)
    monkeypatch.setenv("SOME_URL", "https://user:p%40ss+word@host/?x=1&token=inTheQuery")
    monkeypatch.setenv("DSN", "host=h password=inTheDsn")
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false")
    monkeypatch.setenv("SHORT_TOKEN", "abc")
    monkeypatch.setenv("DB_SSLKEY", "/etc/keys/client.pem")
    text = f"x {CANARY}y p%40ss+word p@ss+word inTheQuery inTheDsn false abc /etc/keys/client.pem"
    assert redacted(text) == "x ***y *** *** *** *** false abc /etc/keys/client.pem"
    assert redacted("ftp://a:b-secret@c/d and http://a@b") == "ftp://a:***@c/d and http://a@b"
    assert redacted("?password=xyz&b=1") == "?password=***&b=1"


def test_a_traceback_tells_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", CANARY)
    try:
        raise ValueError(f"cannot use \x1b[31m{CANARY}") from KeyError(CANARY)
    except ValueError as error:
        text = traceback_text(error)
    assert CANARY not in text
    assert "\x1b" not in text
    assert text.count("\n") > 5


def test_an_uncaught_exception_tells_no_secret(tmp_path: Path) -> None:
    program = (
        "from components.base.redaction import guard_streams, guard_tracebacks\n"
        "import os, threading\n"
        "guard_streams(); guard_tracebacks()\n"
        "def fail(): raise OSError(os.environ['DB_PASSWORD'])\n"
        "t = threading.Thread(target=fail); t.start(); t.join()\n"
        "print(os.environ['DB_PASSWORD'])\n"
        "fail()\n"
    )
    environment = {**os.environ, "DB_PASSWORD": CANARY}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr.count("OSError: ***") == 2
    assert CANARY not in done.stdout + done.stderr
    assert done.returncode == 1


FORGED = "a\n2026-01-01 INFO all is well\r\x1b[2J\x9b2J\u202egpj\u200b\x00"


def test_a_name_forges_no_line_of_a_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "run.jsonl"
    with recording("INFO", file):
        log.warning("%s: odd", FORGED, extra={"video": FORGED})
    shown_line = capsys.readouterr().err
    assert shown_line.count("\n") == 1
    (line,) = file.read_text().splitlines()
    for text in (shown_line.rstrip("\n"), json.loads(line)["message"], json.loads(line)["video"]):
        assert text.isprintable()
        assert "\\n2026" in text
        assert "\\u202e" in text


def test_what_can_be_read_stays_as_it_is() -> None:
    text = "Ünïcode 東京 “quoted” — 🎬"
    assert safe(text) == shown(text) == text


@pytest.mark.parametrize("name", ["[/red]", "[bold]x", ":warning:", FORGED])
def test_a_name_is_no_markup_and_no_command(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    console = output.output()
    assert isinstance(console, Console)
    console.print(f"copied {name}")
    console.print(output.table(name, ("name",), (), [(name,)]))
    output.print_json({"name": name})
    said = capsys.readouterr().out
    assert all(line.isprintable() for line in said.splitlines())
    if name.isprintable():
        assert said.count(name) >= 3
    assert json.loads(said.splitlines()[-1]) == {"name": name}


class _Skewed(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        content = b"<Error><Code>RequestTimeTooSkewed</Code><Message>too far</Message></Error>"
        self.send_response(403)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@contextmanager
def skewed_s3() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Skewed)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_wrong_clock_is_not_taken_for_a_wrong_key() -> None:
    with skewed_s3() as address:
        store = Store(
            StorageSettings(
                AWS_ENDPOINT_URL=address, AWS_ACCESS_KEY_ID="a" * 20, AWS_SECRET_ACCESS_KEY="b" * 20
            )
        )
        with pytest.raises(ConfigurationError, match="clock") as caught:
            store.get("s3://bucket/key")
    assert "AWS_SECRET_ACCESS_KEY" not in str(caught.value)


def test_a_pipe_in_the_place_of_a_lock_stops_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "oriane-fifo.lock")
    (tmp_path / "oriane-link.lock").symlink_to(tmp_path / "oriane-fifo.lock")
    scratch = Scratch(tmp_path)
    assert scratch.path.is_dir()
    scratch.close()


def test_temporary_files_lie_in_a_folder_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    scratch = Scratch()
    own = tmp_path / f"oriane-{os.getuid()}"
    assert scratch.path.parent == own
    assert own.stat().st_mode & 0o777 == 0o700
    scratch.close()
    own.chmod(0o777)
    with pytest.raises(ConfigurationError, match="VP_SCRATCH_DIR"):
        Scratch()
    own.rmdir()
    own.symlink_to(tmp_path)
    with pytest.raises(ConfigurationError, match="VP_SCRATCH_DIR"):
        Scratch()


@pytest.mark.parametrize("name", ["..", ".", "...", ".hidden", "a/b", "a b"])
def test_a_run_is_named_like_a_folder(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--run", name, "--source", "s3://b/"]) == 78
    assert "--run" in capsys.readouterr().err


@pytest.fixture
def folder_with_env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TESTED_VARIABLE", "before")
    monkeypatch.delenv("TESTED_VARIABLE")
    file = tmp_path / ".env"
    file.write_text("TESTED_VARIABLE=read\n")
    file.chmod(0o600)
    return file


def test_ones_own_env_file_is_read(
    folder_with_env: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.load()
    assert capsys.readouterr().err == ""
    assert environment.file() == folder_with_env
    assert os.environ["TESTED_VARIABLE"] == "read"


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_an_env_file_that_others_may_write_is_not_read(
    folder_with_env: Path, mode: int, capsys: pytest.CaptureFixture[str]
) -> None:
    folder_with_env.chmod(mode)
    environment.load()
    assert "may be written by others" in capsys.readouterr().err
    assert "TESTED_VARIABLE" not in os.environ


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a file away")
def test_an_env_file_of_somebody_else_is_not_read(
    folder_with_env: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.chown(folder_with_env, 12345, 12345)
    environment.load()
    assert "belongs to another user" in capsys.readouterr().err
    assert "TESTED_VARIABLE" not in os.environ


@pytest.mark.parametrize("mode", [0o644, 0o620, 0o602, 0o666])
def test_a_server_that_others_may_have_named_is_not_asked(tmp_path: Path, mode: int) -> None:
    """It would be shown the token, as a server in the current folder's data is."""
    file = tmp_path / "server.json"
    file.write_text(json.dumps({"url": "http://192.0.2.1", "pid": os.getpid()}))
    file.chmod(mode)
    assert (running(tmp_path) is not None) == (mode == 0o644)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give a file away")
def test_a_server_that_somebody_else_has_named_is_not_asked(tmp_path: Path) -> None:
    file = tmp_path / "server.json"
    file.write_text(json.dumps({"url": "http://192.0.2.1", "pid": os.getpid()}))
    os.chown(file, 12345, 12345)
    assert running(tmp_path) is None


def test_ones_own_server_is_found_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o002)
    try:
        with announced(tmp_path, "http://127.0.0.1:1"):
            found = running(tmp_path)
    finally:
        os.umask(before)
    assert found == RunningServer(url="http://127.0.0.1:1", pid=os.getpid())


def test_what_an_encoding_has_no_letter_for_is_written_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = io.BytesIO()
    for name in ("stdout", "stderr"):
        stream = io.TextIOWrapper(written, encoding="latin-1", write_through=True)
        monkeypatch.setattr(sys, name, stream)
    guard_streams()
    sys.stdout.write("“für”\n")
    assert written.getvalue() == b"\\u201cf\xfcr\\u201d\n"
