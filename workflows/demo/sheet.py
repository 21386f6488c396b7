"""The contact sheet: one picture of what a run kept of each video, and what a search found."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

from components.stores.s3 import Store

if TYPE_CHECKING:
    from components.records.run_report import RunVideo
    from components.records.videos import Rectangle
    from components.stores.vectors.store import Hit

_WIDTH = 1600
_MARGIN = 28
_GAP = 12
_ROW_HEIGHT = 150
_CAPTION = 22
_BACKGROUND = "#16181d"
_INK = "#e8eaed"
_FAINT = "#9aa0a6"
_ACCENT = "#f9ab00"


@dataclass(frozen=True)
class _Tile:
    """A picture of the row's height and the line below it."""

    picture: Image.Image
    caption: str
    accent: bool = False


class ContactSheet:
    """Lays out titled rows of pictures; `image()` draws them."""

    def __init__(self, store: Store, frames_bucket: str) -> None:
        self._store, self._bucket = store, frames_bucket
        self._rows: list[tuple[str, str, list[_Tile]]] = []

    def add_video(self, video: RunVideo, original: Image.Image) -> None:
        """Add a row: the original frame with the crop drawn in, then the kept frames and times."""
        crop = video.crop
        cut = f"crop {crop.width}x{crop.height} at {crop.x},{crop.y}" if crop else ""
        facts = [
            f"{video.duration:.1f} s",
            f"{len(video.frames)} frames kept",
            f"near-duplicates removed: {video.duplicates_removed}",
            cut or "no border",
        ]
        tiles = [_Tile(_scaled(_with_crop(original, crop)), "source", accent=bool(crop))]
        tiles += [
            _Tile(self._thumbnail(frame.path), f"{frame.second:.2f} s") for frame in video.frames
        ]
        self._rows.append((video.name, " · ".join(facts), tiles))

    def add_hits(self, query: str, hits: Sequence[Hit]) -> None:
        """Add a row: the frames that a query found, best first."""
        tiles = [
            _Tile(
                self._thumbnail(hit.path),
                f"{hit.score:.2f}  {hit.code} {hit.second:.2f} s",
                accent=rank == 0,
            )
            for rank, hit in enumerate(hits)
        ]
        self._rows.append((f"“{query}”", "best hits, by cosine similarity", tiles))

    def image(self) -> Image.Image:
        """Draw the sheet."""
        lines = [(title, facts, _wrapped(tiles)) for title, facts, tiles in self._rows]
        line_height = _ROW_HEIGHT + _CAPTION + _GAP
        height = 2 * _MARGIN + sum(44 + line_height * len(wrapped) for _, _, wrapped in lines)
        sheet = Image.new("RGB", (_WIDTH, height), _BACKGROUND)
        draw = ImageDraw.Draw(sheet)
        top = _MARGIN
        for title, facts, wrapped in lines:
            draw.text((_MARGIN, top), title, _INK, ImageFont.load_default(22))
            after = _MARGIN + draw.textlength(title, ImageFont.load_default(22)) + 16
            draw.text((after, top + 6), facts, _FAINT, ImageFont.load_default(15))
            top += 40
            for tiles in wrapped:
                _draw_tiles(sheet, draw, tiles, top)
                top += line_height
            top += 4
        return sheet

    def _thumbnail(self, path: str) -> Image.Image:
        content = self._store.get(f"s3://{self._bucket}/{path}")
        return _scaled(Image.open(io.BytesIO(content)).convert("RGB"))


def _draw_tiles(
    sheet: Image.Image, draw: ImageDraw.ImageDraw, tiles: Sequence[_Tile], top: int
) -> None:
    left = _MARGIN
    for tile in tiles:
        sheet.paste(tile.picture, (left, top))
        ink = _ACCENT if tile.accent else _FAINT
        draw.text((left, top + _ROW_HEIGHT + 3), tile.caption, ink, ImageFont.load_default(14))
        if tile.accent:
            box = (left, top, left + tile.picture.width - 1, top + _ROW_HEIGHT - 1)
            draw.rectangle(box, outline=_ACCENT, width=2)
        left += _width(tile) + _GAP


def _wrapped(tiles: Sequence[_Tile]) -> list[list[_Tile]]:
    """Break the tiles into lines of the sheet's width."""
    lines: list[list[_Tile]] = [[]]
    left = _MARGIN
    for tile in tiles:
        if lines[-1] and left + _width(tile) > _WIDTH - _MARGIN:
            lines.append([])
            left = _MARGIN
        lines[-1].append(tile)
        left += _width(tile) + _GAP
    return lines


def _width(tile: _Tile) -> int:
    return max(tile.picture.width, int(ImageFont.load_default(14).getlength(tile.caption)))


def _scaled(picture: Image.Image) -> Image.Image:
    width = max(1, round(picture.width * _ROW_HEIGHT / picture.height))
    return picture.resize((width, _ROW_HEIGHT), Image.Resampling.LANCZOS)


def _with_crop(picture: Image.Image, crop: Rectangle | None) -> Image.Image:
    """Draw the rectangle into a copy of the picture."""
    drawn = picture.copy()
    if crop:
        right, bottom = crop.x + crop.width - 1, crop.y + crop.height - 1
        line = max(2, picture.height // 100)
        box = (crop.x, crop.y, right, bottom)
        ImageDraw.Draw(drawn).rectangle(box, outline=_ACCENT, width=line)
    return drawn
