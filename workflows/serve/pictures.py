"""A picture that somebody sends, and the refusal of what is not one."""

from __future__ import annotations

from components.errors import VideoRejectedError
from components.running.services import Services
from workflows.search import pictures
from workflows.search.pictures import FORMATS, MOST_PIXELS
from workflows.serve.refusals import RefusedError


def plain_picture(services: Services, content: bytes) -> bytes:
    """Return the picture in these bytes as a plain RGB PNG, made in a confined worker.

    Raises:
        RefusedError: 422, it is not a picture, or too large a one.
    """
    try:
        return pictures.plain_picture(services.decoders, services.scratch, content)
    except VideoRejectedError as error:
        raise RefusedError(
            422,
            f"picture: {error.message}",
            f"send {', '.join(FORMATS)} of at most {MOST_PIXELS // 10**6} megapixels",
        ) from error
