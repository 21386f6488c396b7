"""The command `show`, and what it prints."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from components.base.typed_paths import typed_path
from components.errors import ConfigurationError
from workflows.terminal.commands import SEARCH, command
from workflows.terminal.options import JsonOption, platform_and_code
from workflows.terminal.output import output, print_json, print_table

if TYPE_CHECKING:
    from workflows.operations.show.report import ShownVideo

commands = typer.Typer()
# Of a file's name, which has 255 bytes, with room for what is written beside it meanwhile.
_LONGEST_NAME = 200


@command(
    commands,
    SEARCH,
    "oriane show tiktok/7301",
    "oriane show tiktok/7301 --sheet seen.webp",
    "oriane show tiktok/7301 --no-sheet --json",
)
def show(
    video: Annotated[str, typer.Argument(metavar="PLATFORM/CODE", help="The video")],
    sheet: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Contact sheet, .jpg or .webp (default: in VP_DATA_DIR)"),
    ] = None,
    no_sheet: Annotated[bool, typer.Option("--no-sheet", help="Draw no contact sheet")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show all about one video: what is booked, its frames, and a contact sheet as a file."""
    platform, code = platform_and_code(video)
    if sheet and sheet.suffix.lower() not in (".jpg", ".jpeg", ".webp"):
        raise ConfigurationError(f"--sheet {sheet}: expected a name that ends with .jpg or .webp")
    from components.settings import Settings
    from workflows.local.deployment import operated_services
    from workflows.local.stand_ins import deployed
    from workflows.operations.show.show import show_video

    deployment = deployed(Settings.load())
    target = sheet or deployment.work.data_dir / "sheets" / _sheet_file(platform, code)
    with operated_services() as services:
        found = show_video(services, deployment, platform, code, None if no_sheet else target)
    print_json(found) if as_json else _print(found)


def _sheet_file(platform: str, code: str) -> str:
    """Return a name that is the video's alone where it is too long for a file's."""
    name = f"{platform}-{code}"
    if len(name.encode()) > _LONGEST_NAME:
        digest = hashlib.sha256(name.encode()).hexdigest()[:12]
        kept = name.encode()[: _LONGEST_NAME - len(digest)].decode(errors="ignore")
        name = f"{kept}-{digest}"
    return f"{name}.jpg"


def _print(found: ShownVideo) -> None:
    from workflows.operations.status.report import VideoStatus
    from workflows.operations.status.words import print_video

    print_video(VideoStatus(video=found.video, booking=found.booking, events=found.events))
    if found.model:
        crop = found.crop
        cut = f"crop {crop.width}x{crop.height} at {crop.x},{crop.y}" if crop else "no border"
        dropped = f"{found.duplicates_removed} near-duplicates dropped"
        line = f"{found.duration or 0:.1f} s, {cut}, {dropped}, embedded by {found.model}"
        output().print(line, highlight=False, markup=False)
    print_table(
        ("second", "scene", "frame"),
        ("second",),
        [
            (
                f"{one.second:.2f}",
                f"{one.scene_start:.1f}–{one.scene_end:.1f} s",
                typed_path(one.location),
            )
            for one in found.frames
        ],
        most=len(found.frames),
    )
    if found.sheet:
        output().print(f"contact sheet: {typed_path(found.sheet)}", highlight=False, markup=False)
