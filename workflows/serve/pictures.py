"""A picture that somebody sends: decoded in a confined worker, as any other that may be hostile."""

from __future__ import annotations

import warnings
from pathlib import Path

from PIL import Image, ImageOps

from components.errors import Reason, VideoRejectedError
from components.running.decoders import Access
from components.running.services import Services
from workflows.serve.refusals import RefusedError

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
_MOST_PIXELS = 64_000_000
# More than any model looks at; what is searched by is made no larger.
_LONGEST_SIDE = 1024
_CPU_S = 20


def plain_picture(services: Services, content: bytes) -> bytes:
    """Return the picture in these bytes as a plain RGB PNG, made in a confined worker.

    Raises:
        RefusedError: 422, it is not a picture, or too large a one.
    """
    with services.scratch.folder() as folder:
        given, plain = folder / "given", folder / "plain.png"
        given.write_bytes(content)
        access = Access(given, (plain,), cpu_s=_CPU_S)
        try:
            services.decoders.call(access, write_plain, given, plain)
        except VideoRejectedError as error:
            raise RefusedError(
                422,
                f"picture: {error.message}",
                f"send {', '.join(FORMATS)} of at most {_MOST_PIXELS // 10**6} megapixels",
            ) from error
        return plain.read_bytes()


def write_plain(path: Path, target: Path) -> None:
    """Write the picture as displayed, no larger than a model looks at, as an RGB PNG.

    Raises:
        VideoRejectedError: it is not a picture of a kind that is known, or has too many pixels.
    """
    Image.MAX_IMAGE_PIXELS = _MOST_PIXELS
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    try:
        with Image.open(path, formats=FORMATS) as picture:
            if picture.width * picture.height > _MOST_PIXELS:
                raise VideoRejectedError(
                    Reason.TOO_LARGE, f"{picture.width}x{picture.height} is too large"
                )
            picture.draft("RGB", (_LONGEST_SIDE, _LONGEST_SIDE))
            plain = ImageOps.exif_transpose(picture).convert("RGB")
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise VideoRejectedError(Reason.TOO_LARGE, "too many pixels") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise VideoRejectedError(
            Reason.UNDECODABLE, "expected a picture, found something else"
        ) from error
    plain.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
    plain.save(target, "PNG")
