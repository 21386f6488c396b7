"""The runs, and what each came to."""

from __future__ import annotations

from fastapi import Request
from fastapi.responses import Response

from workflows.serve.page.address import printable
from workflows.serve.page.rendering import page
from workflows.serve.served import Served


def run_list(served: Served, request: Request) -> Response:
    """Show the runs, a page of them."""
    after = printable(request.query_params.get("after", "")) or ""
    return page(request, "runs.html", found=served.library.runs(after=after), after=after)


def run_view(served: Served, request: Request) -> Response:
    """Show one run."""
    return page(request, "run.html", run=served.library.run(request.path_params["run"]))
