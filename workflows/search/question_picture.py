"""The picture of a question: from its file to what a model looks at. Pillow is imported late."""

from __future__ import annotations

import io
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from components.errors import ConfigurationError
from components.settings import Settings
from workflows.search.picture_kind import UNKNOWN, looks_like
from workflows.search.question import Question

if TYPE_CHECKING:
    from PIL import Image


def picture_file(path: str | Path | None, settings: Settings) -> bytes | None:
    """Return the bytes of a picture's file, None for none.

    Raises:
        ConfigurationError: it cannot be read, is not a regular file, or is too large.
    """
    if path is None:
        return None
    most = settings.serve.picture_bytes
    try:
        # Not opened if it is another kind: a named pipe waits for whoever writes into it.
        if not stat.S_ISREG(Path(path).stat().st_mode):
            raise ConfigurationError(
                f"--image {path}: expected a picture, found no regular file; give a JPEG, PNG, "
                "WebP, GIF or BMP"
            )
        with Path(path).open("rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise ConfigurationError(f"--image {path}: expected a picture ({error})") from error
    if (found := looks_like(content)) != UNKNOWN:
        raise ConfigurationError(
            f"--image {path}: expected a picture, found {found}; give a JPEG, PNG, WebP, GIF or BMP"
        )
    if len(content) > most:
        raise ConfigurationError(
            f"--image {path}: larger than {most / 1e6:g} MB; make it smaller, or raise "
            "VP_SERVE_PICTURE_MB"
        )
    return content


def with_plain_picture(question: Question, settings: Settings) -> Question:
    """Return the question with its picture, if any, as a plain one that is safe to decode here.

    Raises:
        ConfigurationError: it is not a picture, or too large a one.
    """
    if question.image is None:
        return question
    from workflows.search.pictures import plain_picture_of_command

    plain = plain_picture_of_command(settings, question.image)
    return question.model_copy(update={"image": plain})


def decoded(content: bytes) -> Image.Image:
    """Return the picture in the bytes of a file.

    Raises:
        ConfigurationError: there is none.
    """
    from PIL import Image

    from workflows.search.pictures import FORMATS

    try:
        return Image.open(io.BytesIO(content), formats=FORMATS).convert("RGB")
    except (OSError, Image.DecompressionBombError) as error:
        raise ConfigurationError(f"image: expected a picture ({error})") from error
