"""How much of a video may be lost to damage before it is no longer that video."""

from __future__ import annotations

from components.errors import Reason, VideoRejectedError
from components.media.video import VideoFile
from components.settings import LimitSettings

# Of a video of which so much is larger than allowed, what is left is another video; less may be
# damage that changed a size.
_OVERSIZED = 0.1


def check_losses(video: VideoFile, decoded: int, limits: LimitSettings) -> None:
    """Compare what was lost with the frames decoded.

    Raises:
        VideoRejectedError: nothing was decoded, or less than the limits ask for.
    """
    asked = decoded + video.lost
    if video.oversized > _OVERSIZED * asked:
        raise VideoRejectedError(
            Reason.TOO_LARGE,
            f"{video.oversized} of {asked} frames have more pixels than "
            f"VP_MAX_PIXELS={limits.max_pixels}",
        )
    if not decoded:
        raise VideoRejectedError(
            Reason.UNDECODABLE, "no frame of the video stream can be decoded; upload it again"
        )
    if decoded < limits.min_decoded * asked:
        raise VideoRejectedError(
            Reason.UNDECODABLE,
            f"{video.lost} of {asked} frames cannot be decoded, more than "
            f"VP_MIN_DECODED={limits.min_decoded:g} allows; upload it again",
        )
