"""A run's leases: short ones, renewed while the run goes on, so that a dead run keeps nothing.

On one machine the run's own process renews them. In a cluster, where a run is many pods and may be
none for an hour, one pod does that as long as its workflow goes on:

    python -m components.running.leases RUN
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from components.base import logs
from components.base.logs import log
from components.errors import EXIT_DONE, PipelineError
from components.running.services import Services
from components.settings import Settings

_EVERY_S = 30.0
# A process that is killed leaves none that would start again.
_LOCAL_H = 2 / 60
# A pod that is lost has a successor, which needs a node and an image.
CLUSTER_H = 10 / 60


def short_lived(settings: Settings) -> Settings:
    """Return the settings with leases as short as a process that renews them can have them."""
    return settings.having("plan", lease_h=_LOCAL_H)


@contextmanager
def kept_alive(services: Services, run: str) -> Iterator[None]:
    """Renew the run's leases while inside and end them on leaving.

    A process that is killed so keeps its videos from others for two minutes.
    """
    ledger = services.ledger
    if ledger is None:
        yield
        return
    left = threading.Event()
    thread = threading.Thread(target=renew, args=(services, run, _LOCAL_H, left), daemon=True)
    thread.start()
    try:
        yield
    finally:
        left.set()
        thread.join()
        ledger.release(run)


def renew(services: Services, run: str, hours: float, end: threading.Event) -> None:
    """Renew the run's leases, to last for so many hours, until the end; an outage is waited out.

    Without a ledger there are none, and it only waits.
    """
    while True:
        try:
            if services.ledger:
                services.ledger.extend(run, hours)
        except PipelineError as error:
            log.warning("leases not renewed: %s", error)
        if end.wait(_EVERY_S):
            return


def main(arguments: list[str] | None = None) -> int:
    """Renew a run's leases until this process is ended, and return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m components.running.leases",
        description="Renew the leases of a run in the cluster until SIGTERM.",
    )
    parser.add_argument("run", help="Name of the run")
    parser.add_argument(
        "--linger", type=float, default=0, metavar="SECONDS", help="Do nothing for so long then"
    )
    given = parser.parse_args(arguments)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with logs.recording(logs.level_of_container()):
        try:
            with Services(Settings.load()) as services:
                log.info("renewing the leases of %s", given.run)
                renew(services, given.run, CLUSTER_H, ended)
                time.sleep(given.linger)
        except PipelineError as error:
            log.error("leases: %s", error)
            return error.exit_code
    return EXIT_DONE


if __name__ == "__main__":
    sys.exit(main())
