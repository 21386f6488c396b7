"""The S3 server of a run on this machine: where it listens, and what it keeps."""

from __future__ import annotations

import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from components.errors import TransientError
from components.settings import StorageSettings
from components.stores.s3 import Store
from workflows.local.s3_server import local_s3

URI = "s3://oriane-frames/local/a/manifest.json"


def address(storage: StorageSettings) -> tuple[str, int]:
    parts = urlsplit(str(storage.endpoint_url))
    return parts.hostname or "", parts.port or 0


def test_a_server_never_takes_a_port_for_its_own_that_another_listens_on(tmp_path: Path) -> None:
    with local_s3(tmp_path / "one", StorageSettings()) as before:
        pass
    with socket.create_server(address(before)) as taken:
        for folder in ("one", "other"):
            with local_s3(tmp_path / folder, StorageSettings()) as storage:
                assert address(storage) != taken.getsockname()
                Store(storage).put(URI, folder.encode(), "application/json")
                assert (tmp_path / folder / URI.removeprefix("s3://")).read_text() == folder
                with local_s3(tmp_path / folder, StorageSettings()) as beside:
                    assert address(beside) != address(storage)
                    assert Store(beside).get(URI) == folder.encode()


def test_a_server_that_cannot_start_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RCLONE_CERT", str(tmp_path / "none"))
    with (
        pytest.raises(TransientError, match=r"rclone serve s3 did not start.*cert"),
        local_s3(tmp_path / "s3", StorageSettings()),
    ):
        pass


def test_the_users_own_settings_of_rclone_do_not_hide_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RCLONE_LOG_FILE", str(tmp_path / "log"))
    monkeypatch.setenv("RCLONE_LOG_LEVEL", "ERROR")
    monkeypatch.setenv("RCLONE_USE_JSON_LOG", "true")
    with local_s3(tmp_path / "s3", StorageSettings()) as storage:
        assert not Store(storage).exists(URI)


def test_what_came_with_an_object_is_not_kept_for_each(tmp_path: Path) -> None:
    with local_s3(tmp_path / "s3", StorageSettings()) as storage:
        store, kinds = Store(storage), dict[str, str]()
        store.events.register(
            "after-call.s3.HeadObject", lambda parsed, **_: kinds.update(last=parsed["ContentType"])
        )
        store.put(URI, b"first", "text/x-first")
        assert store.exists(URI)
        assert kinds["last"] == "text/x-first"
        store.put(f"{URI}.other", b"second", "text/x-second")
        assert store.exists(URI)
        assert kinds["last"] == "application/json"
