"""The picture of a question: from its file to what a model looks at. Pillow is imported late."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from components.errors import ConfigurationError
from components.settings import Settings
from workflows.search.question import Question

if TYPE_CHECKING:
    from PIL import Image


def picture_file(path: str | Path | None) -> bytes | None:
    """Return the bytes of a picture's file, None for none.

    Raises:
        ConfigurationError: it cannot be read.
    """
    if path is None:
        return None
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ConfigurationError(f"--image {path}: expected a picture ({error})") from error


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
