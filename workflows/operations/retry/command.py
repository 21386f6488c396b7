"""The command `retry`, and what it prints."""

from __future__ import annotations

from typing import Annotated

import typer

from components.errors import ConfigurationError
from workflows.terminal.commands import OPERATE, command
from workflows.terminal.options import JsonOption, LimitOption, OfPlatformOption
from workflows.terminal.output import output, print_json
from workflows.terminal.reasons import check_reason

_SHOWN = 20

commands = typer.Typer()


@command(
    commands,
    OPERATE,
    "oriane retry --failed",
    "oriane retry --reason decoder_timeout --limit 100",
    "oriane retry instagram/DKOicvaMxAb",
)
def retry(
    videos: Annotated[
        list[str] | None, typer.Argument(metavar="[PLATFORM/CODE]", help="These videos")
    ] = None,
    failed: Annotated[bool, typer.Option("--failed", help="All that failed")] = False,
    reason: Annotated[
        str, typer.Option(metavar="REASON", help="All that stopped for this reason")
    ] = "",
    platform: OfPlatformOption = "",
    limit: LimitOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Make videos due again that failed or were rejected; the next catch-up takes them."""
    if not (videos or failed or reason) or (videos and (failed or reason)):
        raise ConfigurationError("give videos, --failed or --reason REASON")
    check_reason(reason)
    from workflows.local.deployment import operated_services
    from workflows.operations.retry.report import Requested
    from workflows.operations.retry.retry import retry as request_again

    with operated_services() as services:
        done = request_again(
            services,
            videos or [],
            failed=failed,
            reason=reason,
            platform=platform,
            limit=limit or None,
        )
    if as_json:
        print_json(Requested(requested=tuple(done)))
        return
    names = ", ".join(done[:_SHOWN]) + (" …" if len(done) > _SHOWN else "")
    due = "video is" if len(done) == 1 else "videos are"
    output().print(
        f"{len(done)} {due} due at the next catch-up{(done and ': ') or ''}{names}",
        highlight=False,
        markup=False,
    )
