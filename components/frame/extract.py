"""The frames that represent a video, as PNGs in a tar."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from av.video.frame import VideoFrame

from components.base.profiling import profile
from components.errors import Reason, VideoRejectedError
from components.frame.framing import BorderGoneError, Framing
from components.frame.full_scan import full_scan
from components.frame.keyframe_scan import keyframe_scan
from components.frame.pick import Pickable
from components.frames_tar.write import FramesTar, sketch
from components.records.frame_names import frame_file
from components.records.videos import CroppedVideo, Frame, Rectangle, SourceVideo
from components.settings import FrameSettings

# So many pictures in full size may wait to be written.
_PENDING = 4


@profile
def extract(
    path: Path,
    tar: Path,
    cropped: CroppedVideo,
    settings: FrameSettings,
    black_limit: int,
    max_frames: int | None = None,
) -> tuple[Rectangle | None, list[Frame]]:
    """Write the picked frames of the video to `tar`; return the crop applied and the frames.

    A border has to be black in every frame that is decoded. Where it is not, nothing is cropped,
    and the video is decoded a second time.

    Args:
        black_limit: Luma up to which a border counts as black (see `CropSettings.limit`).
        max_frames: More of them than so many reject the video; None for any number.

    Raises:
        VideoRejectedError: no frame can be decoded, all are blank, or too many are picked.
    """
    source = _as_decoded(cropped)
    whole = Framing(source, None, black_limit)
    if cropped.reencoded or cropped.rectangle is None:
        return cropped.rectangle, _written(path, tar, whole, settings, max_frames)
    try:
        within = Framing(source, cropped.rectangle, black_limit)
        return cropped.rectangle, _written(path, tar, within, settings, max_frames)
    except BorderGoneError:
        return None, _written(path, tar, whole, settings, max_frames)


def _written(
    path: Path, tar_path: Path, framing: Framing, settings: FrameSettings, max_frames: int | None
) -> list[Frame]:
    kept = 0
    sketches: dict[int, str] = {}
    pending: deque[Future[None]] = deque()
    # Decoding goes on while a picked frame becomes a file.
    with FramesTar(tar_path) as tar, ThreadPoolExecutor(1) as writer:

        def write(candidate: Pickable[VideoFrame]) -> None:
            picture = framing.picture(candidate.item)
            sketches[candidate.number] = sketch(picture)
            tar.add(frame_file(candidate.number, candidate.second), picture)

        def keep(candidate: Pickable[VideoFrame]) -> None:
            nonlocal kept
            kept += 1
            if max_frames is not None and kept > max_frames:
                raise VideoRejectedError(
                    Reason.TOO_MANY_FRAMES, f"more than VP_MAX_FRAMES={max_frames} frames of it"
                )
            pending.append(writer.submit(write, candidate))
            if len(pending) > _PENDING:
                pending.popleft().result()

        frames = None
        if settings.scan == "keyframes":
            frames = keyframe_scan(path, framing, settings, keep)
        if frames is None:
            frames = full_scan(path, framing, settings, keep)
        for one in pending:
            one.result()
    if not frames:
        raise VideoRejectedError(
            Reason.BLANK,
            "all its frames are of a single colour; lower VP_SOLID_STD to keep them",
        )
    return [frame.model_copy(update={"sketch": sketches[frame.number]}) for frame in frames]


def _as_decoded(cropped: CroppedVideo) -> SourceVideo:
    """Return the source as the decoder will find it, which a re-encoded file has changed."""
    if not cropped.reencoded or not cropped.rectangle:
        return cropped.source
    size = {"width": cropped.rectangle.width, "height": cropped.rectangle.height, "rotation": 0}
    return cropped.source.model_copy(update=size)
