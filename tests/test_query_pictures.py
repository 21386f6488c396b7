"""Pictures to search by, as cameras, scanners and designers save them, come out as shown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests import readable
from tests.readable import Picture
from workflows.search.pictures import write_plain

COLOURS = readable.picture(5, 0)


def plain(picture: Image.Image, path: Path, **options: object) -> Picture:
    picture.save(path, **options)
    write_plain(path, path.with_name("plain.png"))
    with Image.open(path.with_name("plain.png")) as made:
        return np.asarray(made)


@pytest.mark.parametrize(
    ("mode", "name"),
    [("CMYK", "p.jpg"), ("YCbCr", "p.jpg"), ("P", "p.gif"), ("P", "p.png"), ("RGBA", "p.webp")],
)
def test_colours_however_they_are_stored(tmp_path: Path, mode: str, name: str) -> None:
    picture = Image.fromarray(COLOURS)
    stored = picture.quantize(256) if mode == "P" else picture.convert(mode)
    reading = readable.read(plain(stored, tmp_path / name, quality=95))
    assert (reading.number, reading.is_upright) == (5, True)
    assert reading.off() <= 12


def test_grey_of_16_bits_is_not_white(tmp_path: Path) -> None:
    grey = np.asarray(Image.fromarray(COLOURS).convert("L"))
    deep = Image.fromarray(grey.astype(np.uint16) * 257)
    assert np.array_equal(plain(deep, tmp_path / "p.png")[..., 0], grey)


def test_what_is_transparent_is_paper(tmp_path: Path) -> None:
    """Drawings lie on nothing, which as stored is black, as they are."""
    drawing = np.zeros((64, 64, 4), np.uint8)
    drawing[16:48, 16:48, 3] = 255
    shown = plain(Image.fromarray(drawing), tmp_path / "p.png")
    assert shown[32, 32].tolist() == [0, 0, 0]
    assert shown[4, 4].tolist() == [255, 255, 255]
