"""Rejections for workers that did what no sound one does; they may be in hostile hands."""

from __future__ import annotations

from components.errors import Reason, VideoRejectedError


def crashed(how: str) -> VideoRejectedError:
    """Return the rejection of a video on which the decoder did this."""
    return VideoRejectedError(Reason.DECODER_CRASHED, f"the decoder {how} on this video")


def unbelievable(what: str) -> VideoRejectedError:
    """Return the rejection for an answer that no sound worker gives, though it has the right form.

    Who is answered checks what later phases rely on.
    """
    return crashed(f"answered with {what}, which cannot be")
