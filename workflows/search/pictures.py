"""A picture to search by: decoded in a confined worker, as any other that may be hostile."""

from __future__ import annotations

import warnings
from contextlib import closing
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from components.base.scratch import Scratch
from components.errors import ConfigurationError, Reason, VideoRejectedError
from components.frames_tar.read import png_size
from components.running.decoders import Access, Decoders
from components.running.disbelief import unbelievable
from components.running.wardens import start_forkserver
from components.settings import Settings
from workflows.search.picture_kind import STARTS_WITHIN, looks_like

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
MOST_PIXELS = 64_000_000
# More than any model looks at; what is searched by is made no larger.
_LONGEST_SIDE = 1024
_MOST_BYTES = 4 * _LONGEST_SIDE**2
_CPU_S = 20


def plain_picture(decoders: Decoders, scratch: Scratch, content: bytes) -> bytes:
    """Return the picture in these bytes as a plain RGB PNG, made in a confined worker.

    Raises:
        VideoRejectedError: it is not a picture, or too large a one.
    """
    with scratch.folder() as folder:
        given, plain = folder / "given", folder / "plain.png"
        given.write_bytes(content)
        access = Access(given, (plain,), cpu_s=_CPU_S)
        decoders.call(access, write_plain, given, plain)
        return _checked(plain)


def _checked(path: Path) -> bytes:
    """Return what a worker wrote, if it is what it should be; it is decoded in this process next.

    Raises:
        VideoRejectedError: it is something else, as hostile code would write it.
    """
    with path.open("rb") as file:
        content = file.read(_MOST_BYTES)
    width, height = png_size(content) or (0, 0)
    if not 0 < max(width, height) <= _LONGEST_SIDE or len(content) == _MOST_BYTES:
        raise unbelievable("a picture that is none")
    return content


def plain_picture_of_command(settings: Settings, content: bytes) -> bytes:
    """Return the same where there are no services: the one picture of a command.

    Raises:
        ConfigurationError: it is not a picture, or too large a one.
    """
    start_forkserver()
    decoders = Decoders(1, settings.limits, settings.work.sandbox)
    with closing(decoders), closing(Scratch(settings.work.scratch_dir)) as scratch:
        try:
            return plain_picture(decoders, scratch, content)
        except VideoRejectedError as error:
            raise ConfigurationError(
                f"image: {error.message}; give {', '.join(FORMATS)} of at most "
                f"{MOST_PIXELS // 10**6} megapixels"
            ) from error


def write_plain(path: Path, target: Path) -> None:
    """Write the picture as displayed, no larger than a model looks at, as an RGB PNG.

    Raises:
        VideoRejectedError: it is not a picture of a kind that is known, or has too many pixels.
    """
    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    try:
        with Image.open(path, formats=FORMATS) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise VideoRejectedError(
                    Reason.TOO_LARGE, f"{picture.width}x{picture.height} is too large"
                )
            picture.draft("RGB", (_LONGEST_SIDE, _LONGEST_SIDE))
            plain = _as_shown(ImageOps.exif_transpose(picture))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise VideoRejectedError(Reason.TOO_LARGE, "too many pixels") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        with path.open("rb") as file:
            found = looks_like(file.read(STARTS_WITHIN))
        raise VideoRejectedError(
            Reason.UNDECODABLE, f"expected a picture, found {found}"
        ) from error
    plain.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
    plain.save(target, "PNG")


def _as_shown(picture: Image.Image) -> Image.Image:
    """Return the picture as RGB, as a viewer shows it."""
    if picture.mode.startswith("I"):
        # Grey of 16 bits, all of which but the darkest Pillow makes white.
        return Image.fromarray((np.asarray(picture) // 257).astype(np.uint8)).convert("RGB")
    if picture.has_transparency_data:
        # What lies below is mostly black, and so is what is drawn on it.
        over = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", over.size, "white"), over).convert("RGB")
    return picture.convert("RGB")
