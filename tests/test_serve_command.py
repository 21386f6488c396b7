"""`oriane serve` as a process: where it listens, what it refuses, how it ends."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.commands import environment, oriane, oriane_here
from tests.deployment import copy
from workflows.serve.server import bound

pytestmark = pytest.mark.slow


@contextmanager
def served(data: Path, *arguments: str, **variables: str) -> Iterator[tuple[str, subprocess.Popen]]:
    """Run a server over a folder, and give its address and process."""
    command = [str(Path(sys.executable).with_name("oriane")), "serve", "--port", "0", *arguments]
    process = subprocess.Popen(
        command,
        env=environment(data, LOCAL_MODE=1, **variables),
        cwd=data,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr
    try:
        told = ""
        for line in process.stderr:
            told += line
            if found := re.match(r"(http://\S+)/", line):
                yield found[1], process
                break
        else:
            raise AssertionError(told)
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_beyond_this_machine_it_asks_for_a_token(tmp_path: Path, host: str) -> None:
    # The variable that serve sets in its process is not to stay in this one.
    env = environment(tmp_path, LOCAL_MODE=1, OPENBLAS_NUM_THREADS=1)
    refused = oriane_here("serve", "--host", host, env=env, code=78)
    assert "ORIANE_TOKEN" in refused.stderr
    refused = oriane_here("serve", "--host", host, env={**env, "ORIANE_TOKEN": "short"}, code=78)
    assert "ORIANE_TOKEN" in refused.stderr
    assert "short" not in refused.stderr.replace("too short", "").replace("shorter", "")


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        env = environment(tmp_path, LOCAL_MODE=1)
        refused = oriane("serve", "--port", port, env=env, code=78)
    assert "--port" in refused.stderr


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_what_is_answered_is_sent_at_once(host: str) -> None:
    """Else a body waits until the client's kernel has said that the head came: 40 ms."""

    async def delays() -> bool:
        told: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        class Connection(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                taken = transport.get_extra_info("socket")
                told.set_result(not taken.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

        with bound(host, 0) as listening:
            server = await asyncio.get_running_loop().create_server(Connection, sock=listening)
            async with server:
                _, writer = await asyncio.open_connection(*listening.getsockname()[:2])
                writer.close()
                return await told

    assert not asyncio.run(delays())


def test_it_announces_itself_answers_and_ends_when_asked_to(
    tmp_path: Path, deployment: Path
) -> None:
    copy(deployment, tmp_path)
    with served(tmp_path, CLIP_MODEL="packaged:conse") as (address, process):
        announced = json.loads((tmp_path / "server.json").read_text())
        assert announced == {"url": address, "pid": process.pid}
        assert httpx.get(f"{address}/api/health/live").json()["live"]
        found = httpx.get(f"{address}/api/search", params={"texts": "a cat"}, timeout=600)
        assert found.status_code == 200, found.text
        assert "Traceback" not in httpx.get(f"{address}/").text
        process.terminate()
        assert process.wait() == 0
    assert not (tmp_path / "server.json").exists()


def test_ctrl_c_ends_it_as_well(tmp_path: Path) -> None:
    with served(tmp_path) as (address, process):
        # Before it answers it is being started, and ends as any command does.
        assert httpx.get(f"{address}/api/health/live").json()["live"]
        process.send_signal(signal.SIGINT)
        assert process.wait() == 0
    assert not (tmp_path / "server.json").exists()
