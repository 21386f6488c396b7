"""What verify, delete and gc show to a person at a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import RenderableType
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from workflows.operations.delete import Holdings
from workflows.operations.findings import Action, Kind
from workflows.operations.gc import Cleaning, Expired
from workflows.operations.repair import Repair
from workflows.operations.verify import Verification

_MEANING = {
    Kind.MISSING_FRAMES: "frames that the done marker lists are not in the frames bucket",
    Kind.MISSING_POINTS: "frames that the done marker lists have no point",
    Kind.ORPHAN_FRAMES: "frames that the done marker does not list",
    Kind.ORPHAN_POINTS: "points of frames that the done marker does not list",
    Kind.DELETED_SOURCE: "something is stored of a video whose source is gone",
    Kind.WRONG_MODEL: "points of another model than the marker's, or marker than CLIP_MODEL",
    Kind.WRONG_DIMENSION: "marker and collection differ; see docs/models.md",
    Kind.HALF_FINISHED: "something is there and nothing booked; the next catch-up takes it up",
    Kind.UNBOOKED: "the ledger does not say what the marker says",
    Kind.UNMARKED: "booked as done, without a marker that can be read",
}
_DOES = {
    Action.FORGET: "forget {} videos",
    Action.DELETE_FRAMES: "delete frames of {} videos",
    Action.DELETE_POINTS: "delete points of {} videos",
    Action.MAKE_DUE: "make {} videos due",
    Action.BOOK: "book {} videos as marked",
}
_NOT_DONE = Text("nothing was changed; add --yes to do it")


def verify_lines(found: Verification) -> list[RenderableType]:
    """Return the findings, and what a repair did or would do."""
    lines: list[RenderableType] = [_findings_table(found)] if found.findings else []
    lines.append(_compared_line(found))
    return [*lines, _repair_line(found.repair)] if found.repair else lines


def delete_lines(found: Sequence[Holdings], *, applied: bool) -> list[RenderableType]:
    """Return what was stored of each video, and which come back."""
    lines: list[RenderableType] = [_delete_table(found, applied=applied), _sources_line(found)]
    return lines if applied else [*lines, _NOT_DONE]


def _findings_table(found: Verification) -> Table:
    """Return the findings, one row a kind."""
    result = Table()
    result.add_column("kind")
    for name in ("videos", "objects", "to repair"):
        result.add_column(name, justify="right")
    result.add_column("examples", overflow="fold")
    for finding in found.findings:
        examples = [f"{video}: {detail}" for video, detail in finding.examples]
        numbers = (finding.videos, finding.objects, finding.repairable)
        meaning = Text(_MEANING[finding.kind], style="dim")
        shown = Text("\n").join([meaning, *map(Text, examples)])
        result.add_row(finding.kind, *map(str, numbers), shown)
    return result


def _compared_line(found: Verification) -> Text:
    """Return how much was looked at, and whether it fits."""
    foreign = ", ".join(f"{count} in {place}" for place, count in found.foreign.items() if count)
    return Text(
        f"{found.videos} videos and {found.points} points compared"
        + ("" if found.findings else ", everything fits together")
        + (f"; {found.leased} videos left to the runs that work on them" if found.leased else "")
        + (f"; foreign and left alone: {foreign}" if foreign else "")
    )


def _repair_line(repair: Repair) -> Text:
    """Return what was done, or would be."""
    did = "did" if repair.applied else "would"
    counted = [_DOES[action].format(count) for action, count in repair.actions.items()]
    rest = "" if repair.applied else "; add --yes to do it"
    return Text(
        f"repair {did}: {'; '.join(counted) or 'nothing'}. {repair.videos} videos, "
        f"{repair.left} left{rest}"
    )


def _delete_table(found: Sequence[Holdings], *, applied: bool) -> Table:
    """Return what was stored of each video."""
    result = Table(title="deleted" if applied else "would delete", title_justify="left")
    result.add_column("video", overflow="fold")
    for name in ("frames", "points", "artifacts", "markers"):
        result.add_column(name, justify="right")
    result.add_column("booked as")
    for held in found:
        numbers = (held.frames, held.points, held.artifacts, held.markers)
        result.add_row(Text(held.video), *map(str, numbers), held.state or "nothing")
    return result


def _sources_line(found: Sequence[Holdings]) -> Text:
    """Return which videos come back, because their sources are still there."""
    back = [held.video for held in found if held.source]
    if not back:
        return Text("their sources are gone")
    return Text(
        f"the source stays, and the next catch-up takes it up again: {', '.join(back)}; remove it "
        "from the source bucket to keep the video away"
    )


def clean_lines(cleaning: Cleaning) -> list[RenderableType]:
    """Return what was removed, or would be, and what was not."""
    kept = Text(
        f"kept for runs in progress: {cleaning.kept_leased}; foreign and left alone: "
        f"{cleaning.foreign}"
    )
    lines: list[RenderableType] = [_clean_table(cleaning), kept]
    return lines if cleaning.applied else [*lines, _NOT_DONE]


def _clean_table(cleaning: Cleaning) -> Table:
    """Return objects and bytes by kind."""
    title = "removed" if cleaning.applied else "would remove"
    result = Table(title=title, title_justify="left")
    result.add_column("kind")
    result.add_column("objects", justify="right")
    result.add_column("size", justify="right")
    for kind in Expired:
        result.add_row(kind, str(cleaning.objects[kind]), decimal(cleaning.bytes[kind]))
    return result
