"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from components.errors import ConfigurationError

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON on stdout and nothing else")]
JobInputOption = Annotated[
    Path | None,
    typer.Option("--job-input", metavar="FILE", help='JSON list of {"platform": …, "code": …}'),
]
AllOption = Annotated[
    bool, typer.Option("--all", help="Show every row of a table, however long it is")
]
YesOption = Annotated[
    bool, typer.Option("--yes", help="Do it; without, say what would happen and change nothing")
]
OfPlatformOption = Annotated[
    str, typer.Option("--platform", metavar="NAME", help="Videos of this platform only")
]
PlatformOption = Annotated[
    str,
    typer.Option(
        "--platform",
        metavar="NAME",
        help="Videos of this platform only; loose files become videos of it",
    ),
]
IncludeOption = Annotated[
    list[str] | None,
    typer.Option("--include", metavar="GLOB", help="Only files of a folder like this; repeatable"),
]
ExcludeOption = Annotated[
    list[str] | None,
    typer.Option("--exclude", metavar="GLOB", help="No files of a folder like this; repeatable"),
]
ReplaceOption = Annotated[
    bool,
    typer.Option("--replace", help="Let files replace others that have their name in the bucket"),
]


def platform_and_code(text: str) -> tuple[str, str]:
    """Return platform and code of a video that is named as PLATFORM/CODE.

    Raises:
        ConfigurationError: it is not.
    """
    platform, _, code = text.partition("/")
    if not (platform and code):
        raise ConfigurationError(f"expected PLATFORM/CODE, found {text!r}")
    return platform, code


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


def plan_options(
    catch_up: bool, origin: str, limit: int, older_than: str, platform: str
) -> dict[str, Any]:
    """Return the inputs of plan that options give; those at their defaults are left out.

    Raises:
        ConfigurationError: an origin or a duration that there is not.
    """
    from workflows.terminal.durations import duration

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
