"""What several commands of the command line share."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from components.errors import ConfigurationError

if TYPE_CHECKING:
    from components.services import Services
    from components.settings import Settings

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on stdout and nothing else")]
PlatformOption = Annotated[
    str, typer.Option("--platform", metavar="NAME", help="Videos of this platform only")
]

_ORIGINS = ("listing", "ledger", "queue")
CatchUpOption = Annotated[
    bool,
    typer.Option("--catch-up", help="Take what is due, as `oriane plan` shows it"),
]
OriginOption = Annotated[
    str,
    typer.Option(
        "--from",
        metavar="ORIGIN",
        help="Where to look: listing (of the source bucket), ledger (booked videos only), or "
        "queue (VP_QUEUE_URL)",
    ),
]
LimitOption = Annotated[
    int, typer.Option("--limit", min=0, metavar="N", help="Most videos to take; 0 takes all")
]
OlderOption = Annotated[
    str,
    typer.Option(
        "--older-than", metavar="TIME", help="Sources written at least so long ago, e.g. 2h, 30d"
    ),
]


def loaded_settings() -> Settings:
    """Return the settings of the environment."""
    from components.settings import Settings

    return Settings.load()


def plan_options(
    catch_up: bool, origin: str, limit: int, older_than: str, platform: str
) -> dict[str, Any]:
    """Return the inputs of plan that options give; those at their defaults are left out.

    Raises:
        ConfigurationError: an origin or a duration that there is not.
    """
    from workflows.durations import duration

    if origin not in _ORIGINS:
        raise ConfigurationError(f"--from: expected {' or '.join(_ORIGINS)}, found {origin!r}")
    options = {
        "catch_up": catch_up,
        "origin": origin if origin != "listing" else "",
        "limit": limit,
        "older_than_h": duration(older_than).total_seconds() / 3600 if older_than else 0,
        "platform": platform,
    }
    return {name: value for name, value in options.items() if value}


@contextmanager
def operated_services() -> Iterator[Services]:
    """Give the services of a deployment: those that the environment names, or this machine's.

    Raises:
        ConfigurationError: the stores are set, but not where the ledger is.
    """
    from components.logs import recording
    from workflows.local import local_services, names_an_s3

    settings = loaded_settings()
    if names_an_s3(settings) and not (settings.ledger.host or settings.ledger.local_mode):
        # Without the ledger, the leases of a cluster's runs would be overlooked.
        raise ConfigurationError(
            "DB_HOST is not set, but buckets or an endpoint are; set what Postgres needs, or "
            "LOCAL_MODE=1 if the deployment has none"
        )
    with recording("WARNING"), local_services(settings) as services:
        yield services


def print_json(document: Any) -> None:
    """Print one JSON document; times in ISO 8601."""
    print(json.dumps(document, ensure_ascii=False, default=_plain))  # noqa: T201


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
