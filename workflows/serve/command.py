"""The command `serve`."""

from __future__ import annotations

import os
import webbrowser
from importlib.util import find_spec
from typing import Annotated

import typer

from components.base.install_line import install_line
from components.errors import ConfigurationError
from workflows.terminal.commands import SEARCH, command
from workflows.terminal.output import errors

commands = typer.Typer()

_BACKLOG = 512


@command(
    commands,
    SEARCH,
    "oriane serve --open",
    "oriane serve --port 9000",
)
def serve(
    host: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS", help="Where to listen; beyond this machine needs ORIANE_TOKEN"
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="N", help="Port; 0 takes a free one")
    ] = 8080,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in a browser")] = False,
) -> None:
    """Answer searches over HTTP, for browsers and programs, until it is ended."""
    needed = ("fastapi", "jinja2", "uvicorn", "multipart")
    if missing := [name for name in needed if find_spec(name) is None]:
        raise ConfigurationError(
            f"oriane serve needs {', '.join(missing)}, not found here; type {install_line('serve')}"
        )
    # Requests share the cores: threads for products as small as theirs would but wait for work.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from components.base.allocator import few_arenas
    from components.base.logs import recording
    from components.base.loopback import is_loopback
    from components.settings import Settings
    from workflows.local.announced import announced
    from workflows.local.deployment import local_services
    from workflows.local.stand_ins import deployed, stores_line
    from workflows.serve.app import create_app, rules_of
    from workflows.serve.server import bound, server

    settings = deployed(Settings.load())
    if not is_loopback(host) and settings.serve.token is None:
        raise ConfigurationError(
            f"--host {host}: others could reach the server, and ORIANE_TOKEN is not set; set it to "
            "at least 16 characters (openssl rand -hex 32), or listen on 127.0.0.1"
        )
    # Each of its threads would come to hold in an arena of its own the most it ever took.
    few_arenas()
    listening = bound(host, port)
    shown = f"[{host}]" if ":" in host else host
    url = f"http://{shown}:{listening.getsockname()[1]}"
    with (
        listening,
        recording("WARNING"),
        local_services(settings) as services,
    ):
        app = create_app(services, settings, rules_of(settings, host.lower()))
        # From here on the socket holds what is asked until the server takes it.
        listening.listen(_BACKLOG)
        with announced(settings.work.data_dir, url):
            errors().print(stores_line(settings), highlight=False)
            errors().print(f"{url}/ (Ctrl-C ends it)", highlight=False)
            if open_page:
                webbrowser.open(url)
            server(app).run(sockets=[listening])
