"""Draws a contact sheet: searches first, then each video with its crop, frames and time line."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageEnhance, ImageFont

from components.frames_tar.pictures import opened
from workflows.sheet.parts import SheetFrame, SheetMoment, SheetVideo

_WIDTH, _MARGIN, _GAP = 1600, 28, 12
_TILE_HEIGHT, _CAPTION, _TITLE = 150, 22, 40
# A source frame with its crop, large enough to see where the border is.
_SOURCE_HEIGHT, _SOURCE_WIDTH, _ARROW = 520, 560, 34
_BAR = 14
_BACKGROUND, _INK, _FAINT = "#16181d", "#e8eaed", "#9aa0a6"
_RANK, _CROP, _DROPPED = "#f9ab00", "#4dd0e1", "#ff6e6e"
_SCENES = ("#2b303a", "#454c59")
_LEGEND = (
    (_RANK, "rank of a moment"),
    (_CROP, "crop"),
    (_DROPPED, "near-duplicate, dropped"),
    (_INK, "frame kept, on the time line"),
    (_SCENES[1], "scenes"),
)
_MOST_BYTES = 500_000


@dataclass(frozen=True)
class _Tile:
    """A picture of the row's height, with a line below it in a colour."""

    picture: Image.Image
    caption: str
    ink: str = _FAINT


@dataclass(frozen=True)
class _Search:
    title: str
    facts: str
    tiles: Sequence[_Tile]


class ContactSheet:
    """Searches and videos, drawn in one picture below 500 kB."""

    def __init__(self, read_frame: Callable[[str], bytes]) -> None:
        """
        Args:
            read_frame: Returns the file of a frame by its key in the frames bucket.
        """
        self._read = read_frame
        self._searches: list[_Search] = []
        self._videos: list[SheetVideo] = []

    def add_answer(self, question: str, moments: Iterable[SheetMoment], *, fits: bool) -> None:
        """Add a search: its moments, best first, or where nothing fits those that come nearest."""
        tiles = []
        for rank, one in enumerate(moments, 1):
            picture = self._thumbnail(one.path)
            drawn = _ranked(picture, rank) if fits else _faded(picture)
            tiles.append(_Tile(drawn, _moment_caption(one)))
        facts = "moments that fit, with their confidence" if fits else "nothing fits; the nearest"
        self._searches.append(_Search(f"“{question}”", facts, tiles))

    def add_video(self, video: SheetVideo) -> None:
        """Add a done video."""
        self._videos.append(video)

    def image(self) -> Image.Image:
        """Draw the sheet."""
        page = _Page()
        page.legend()
        for search in self._searches:
            page.title(search.title, search.facts)
            page.tiles(search.tiles)
        for video in self._videos:
            page.title(video.name, _facts(video))
            _draw_video(page, video)
        return page.image()

    def save(self, target: Path) -> None:
        """Write the sheet as JPEG or WebP, as the name says, in at most 500 kB if that can be."""
        image = self.image()
        kind = {".webp": "WEBP"}.get(target.suffix.lower(), "JPEG")
        for quality in (85, 75, 65, 50, 35):
            content = io.BytesIO()
            image.save(content, kind, quality=quality, optimize=True)
            if content.tell() <= _MOST_BYTES:
                break
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.getvalue())

    def _thumbnail(self, path: str) -> Image.Image:
        return _scaled(opened(self._read(path)), _TILE_HEIGHT)


class _Page:
    """A picture that grows downwards."""

    def __init__(self) -> None:
        self._sheet = Image.new("RGB", (_WIDTH, 4000), _BACKGROUND)
        self.draw = ImageDraw.Draw(self._sheet)
        self.top = _MARGIN

    def image(self) -> Image.Image:
        return self._sheet.crop((0, 0, _WIDTH, self.top + _MARGIN))

    def need(self, height: int) -> None:
        """Make room below."""
        if self.top + height + _MARGIN > self._sheet.height:
            taller = Image.new("RGB", (_WIDTH, 2 * (self.top + height)), _BACKGROUND)
            taller.paste(self._sheet)
            self._sheet, self.draw = taller, ImageDraw.Draw(taller)

    def paste(self, picture: Image.Image, left: int, top: int) -> None:
        self._sheet.paste(picture, (left, top))

    def legend(self) -> None:
        """Say what the colours mean."""
        left = _MARGIN
        for colour, meaning in _LEGEND:
            self.draw.rectangle((left, self.top + 3, left + 13, self.top + 16), colour)
            self.draw.text((left + 20, self.top), meaning, _FAINT, _font(14))
            left += 44 + int(_font(14).getlength(meaning))
        self.top += 30

    def title(self, title: str, facts: str) -> None:
        """Begin a part."""
        self.need(_TITLE)
        self.draw.text((_MARGIN, self.top), title, _INK, _font(22))
        after = _MARGIN + _font(22).getlength(title) + 16
        self.draw.text((after, self.top + 6), facts, _FAINT, _font(15))
        self.top += _TITLE

    def tiles(self, tiles: Sequence[_Tile], left: int = _MARGIN) -> None:
        """Draw rows of tiles, from `left` to the right margin."""
        for row in _wrapped(tiles, _WIDTH - _MARGIN - left):
            self.need(_TILE_HEIGHT + _CAPTION + _GAP)
            at = left
            for tile in row:
                self.paste(tile.picture, at, self.top)
                below = (at, self.top + _TILE_HEIGHT + 3)
                self.draw.text(below, tile.caption, tile.ink, _font(14))
                at += _width(tile) + _GAP
            self.top += _TILE_HEIGHT + _CAPTION + _GAP


def _draw_video(page: _Page, video: SheetVideo) -> None:
    begin, left = page.top, _MARGIN
    if video.crop and video.source and video.frames:
        left = _draw_crop(page, video)
        bottom, page.top = page.top, begin
        page.tiles([_frame_tile(frame) for frame in video.frames], left)
        page.top = max(page.top, bottom)
    else:
        page.tiles([_frame_tile(frame) for frame in video.frames])
    _draw_time_line(page, video)


def _draw_crop(page: _Page, video: SheetVideo) -> int:
    """Draw a source frame with the crop in it, and beside it the frame that came of it.

    Return where the space to their right begins.
    """
    source, crop = video.source, video.crop
    assert source
    assert crop
    scale = min(_SOURCE_HEIGHT / source.height, _SOURCE_WIDTH / source.width)
    page.need(round(source.height * scale) + _CAPTION + _GAP)
    size = (round(source.width * scale), round(source.height * scale))
    edges = (crop.x, crop.y, crop.x + crop.width, crop.y + crop.height)
    box = [round(edge * scale) for edge in edges]
    drawn = source.resize(size, Image.Resampling.LANCZOS)
    inside = drawn.crop((box[0], box[1], box[2], box[3]))
    drawn = ImageEnhance.Brightness(drawn).enhance(0.45)
    drawn.paste(inside, (box[0], box[1]))
    # A black border would not be seen on the page's dark ground.
    ImageDraw.Draw(drawn).rectangle((0, 0, size[0] - 1, size[1] - 1), outline=_FAINT)
    outline = (max(0, box[0]), max(0, box[1]), min(size[0], box[2]) - 1, min(size[1], box[3]) - 1)
    ImageDraw.Draw(drawn).rectangle(outline, outline=_CROP, width=3)
    page.paste(drawn, _MARGIN, page.top)
    below = page.top + size[1] + 3
    page.draw.text((_MARGIN, below), f"source {source.width}x{source.height}", _FAINT, _font(14))
    arrow, middle = _MARGIN + size[0] + 6, page.top + (box[1] + box[3]) // 2
    page.draw.line((arrow, middle, arrow + _ARROW - 12, middle), _CROP, 3)
    tip = arrow + _ARROW - 6
    page.draw.polygon([(tip, middle), (tip - 9, middle - 6), (tip - 9, middle + 6)], _CROP)
    kept = [frame for frame in video.frames if not frame.dropped]
    result = kept[len(kept) // 2].picture
    shown = result.resize((box[2] - box[0], box[3] - box[1]), Image.Resampling.LANCZOS)
    at = arrow + _ARROW
    page.paste(shown, at, page.top + box[1])
    page.draw.rectangle(
        (at, page.top + box[1], at + shown.width - 1, page.top + box[3] - 1), outline=_CROP, width=3
    )
    page.draw.text(
        (at, page.top + box[3] + 3), f"result {result.width}x{result.height}", _CROP, _font(14)
    )
    page.top += size[1] + _CAPTION + _GAP
    return at + shown.width + 3 * _GAP


def _draw_time_line(page: _Page, video: SheetVideo) -> None:
    """Draw the video's scenes as a bar, and on it where the frames are."""
    page.need(_BAR + _CAPTION + 2 * _GAP)
    width, top = _WIDTH - 2 * _MARGIN, page.top

    def at(second: float) -> float:
        return _MARGIN + width * min(
            1.0, max(0.0, second / video.duration if video.duration else 0)
        )

    page.draw.rectangle((_MARGIN, top, _WIDTH - _MARGIN, top + _BAR), _SCENES[0])
    scenes = sorted({(one.frame.scene_start, one.frame.scene_end) for one in video.frames})
    for number, (start, end) in enumerate(scenes):
        page.draw.rectangle((at(start), top, at(end) - 1, top + _BAR), _SCENES[number % 2])
    for one in video.frames:
        mark = _DROPPED if one.dropped else _INK
        middle = at(one.frame.second)
        page.draw.rectangle((middle - 1, top - 3, middle + 1, top + _BAR + 3), mark)
    page.draw.text((_MARGIN, top + _BAR + 5), "0 s", _FAINT, _font(13))
    end_label = f"{video.duration:.1f} s"
    right = _WIDTH - _MARGIN - _font(13).getlength(end_label)
    page.draw.text((right, top + _BAR + 5), end_label, _FAINT, _font(13))
    page.top += _BAR + _CAPTION + 2 * _GAP


def _facts(video: SheetVideo) -> str:
    crop = video.crop
    kept = sum(not frame.dropped for frame in video.frames)
    return " · ".join(
        (
            f"{video.duration:.1f} s",
            f"{kept} frames kept",
            f"near-duplicates dropped: {video.duplicates_removed}",
            f"crop {crop.width}x{crop.height} at {crop.x},{crop.y}" if crop else "no border",
        )
    )


def _frame_tile(one: SheetFrame) -> _Tile:
    picture = _scaled(one.picture, _TILE_HEIGHT)
    if not one.dropped:
        return _Tile(picture, f"{one.frame.second:.2f} s")
    faded = _faded(picture)
    draw = ImageDraw.Draw(faded)
    draw.line((0, faded.height, faded.width, 0), _DROPPED, 3)
    draw.rectangle((0, 0, faded.width - 1, faded.height - 1), outline=_DROPPED, width=2)
    return _Tile(faded, f"{one.frame.second:.2f} s dropped", _DROPPED)


def _moment_caption(moment: SheetMoment) -> str:
    said = f"{moment.confidence:.2f}  {moment.code} {moment.start:.1f} to {moment.end:.1f} s"
    return said + (f", also in {', '.join(moment.same)}" if moment.same else "")


def _faded(picture: Image.Image) -> Image.Image:
    return ImageEnhance.Brightness(picture).enhance(0.5)


def _ranked(picture: Image.Image, rank: int) -> Image.Image:
    """Write the rank into a corner of the picture."""
    drawn = picture.copy()
    draw = ImageDraw.Draw(drawn)
    draw.rectangle((0, 0, 26, 26), _RANK)
    draw.text((13, 13), str(rank), _BACKGROUND, _font(17), anchor="mm")
    return drawn


def _wrapped(tiles: Sequence[_Tile], room: int) -> list[list[_Tile]]:
    """Break the tiles into rows of at most this width."""
    rows: list[list[_Tile]] = [[]]
    used = 0
    for tile in tiles:
        if rows[-1] and used + _width(tile) > room:
            rows.append([])
            used = 0
        rows[-1].append(tile)
        used += _width(tile) + _GAP
    return rows


def _width(tile: _Tile) -> int:
    return max(tile.picture.width, int(_font(14).getlength(tile.caption)))


def _scaled(picture: Image.Image, height: int) -> Image.Image:
    width = max(1, round(picture.width * height / picture.height))
    return picture.resize((width, height), Image.Resampling.LANCZOS)


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
