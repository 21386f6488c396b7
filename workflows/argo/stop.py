"""Ends a run that goes on, with the child workflows that it started."""

from __future__ import annotations

from collections.abc import Callable

from components.errors import RunFailedError
from workflows.argo.server import ENDED, ArgoServer, Progress, followed


def stop(server: ArgoServer, run: str, timeout_s: float, said: Callable[[str], None]) -> Progress:
    """Stop the run and its children; return how it ended, after its digest.

    Argo's own stop does not reach children: they would go on while the digest books their videos
    as failed and frees them for others. So the run is held still, the children are ended, and then
    the run is. Broken off, it can be done again.

    Raises:
        RunFailedError: it has ended without a digest, which nothing makes up for.
        ConfigurationError: there is no such run, or it has ended.
        TransientError: it has not ended in time, or the server does not answer.
    """
    server.suspend(run)
    children = [child.name for child in server.children(run) if child.phase not in ENDED]
    for child in children:
        server.stop(child)
        said(f"stopping {child}")
    for child in children:
        _ended(server, child, timeout_s)
    server.stop(run)
    server.resume(run)
    said(f"stopping {run}")
    last = _ended(server, run, timeout_s)
    if not last.digest:
        # Argo tries nothing again in a run that is stopped.
        raise RunFailedError(
            f"{run} has ended, but its digest failed ({server.page(run)} says why), so nothing is "
            f"booked; its videos are free in ten minutes, or now with oriane release {run}"
        )
    return last


def _ended(server: ArgoServer, name: str, timeout_s: float) -> Progress:
    *_, last = followed(server, name, timeout_s)
    return last
