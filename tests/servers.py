"""A server of the API on a port of its own, as `oriane serve` runs it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from workflows.serve.server import bound, server


@contextmanager
def serving(app: Any, **headers: str) -> Iterator[httpx.Client]:
    """Serve the application while inside, and give a client of it."""
    with bound("127.0.0.1", 0) as listening:
        # Connections wait in the socket until the server takes them.
        listening.listen(64)
        running = server(app)
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
        thread.start()
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        try:
            with httpx.Client(base_url=address, headers=headers, timeout=600) as client:
                yield client
        finally:
            running.should_exit = True
            thread.join()
