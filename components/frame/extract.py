"""The frames that represent a video, as files in a tar."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
from av.video.frame import VideoFrame
from PIL import Image

from components.base.logs import log
from components.base.profiling import profile
from components.encoders.scaling import Pixels, Scaling, of_fair_shape
from components.errors import Reason, VideoRejectedError
from components.frame.framing import BorderGoneError, Framing
from components.frame.full_scan import full_scan, full_scan_in_segments
from components.frame.keyframe_scan import keyframe_scan
from components.frame.pick import Pickable
from components.frame.reference_scan import reference_scan
from components.frame.scanned import Scanned
from components.frame.skipping import CannotSkipError
from components.frames_tar.digest import md5
from components.frames_tar.encoding import encoded, fitting, sketch
from components.frames_tar.scaled import ScaledFrames
from components.frames_tar.write import FramesTar
from components.media.video import cores_for, decoder_errors
from components.records.frame_names import frame_file
from components.records.record import Record
from components.records.videos import CroppedVideo, Frame, Rectangle, SourceVideo, WhyAll
from components.settings import FrameSettings, LimitSettings

Keep = Callable[[Pickable[VideoFrame]], None]
Scan = Callable[[Path, Framing, FrameSettings, LimitSettings, Keep], Scanned]
# What is tried in turn; where none will do, all frames are decoded in one piece.
_SCANS: dict[str, tuple[Scan, ...]] = {
    "all": (full_scan_in_segments,),
    "reference": (reference_scan,),
    "keyframes": (keyframe_scan, reference_scan),
}
# So many pictures in full size may wait to be written, and so many are made files of at once.
_PENDING, _AT_ONCE = 4, 2


@dataclass(frozen=True)
class ScaledTo:
    """A file for what a model sees of the frames, and what that is."""

    path: Path
    scaling: Scaling

    def opened(self) -> ScaledFrames:
        return ScaledFrames(self.path, self.scaling.size)

    def of(self, picture: Image.Image) -> Pixels:
        return self.scaling(of_fair_shape(picture))


@dataclass(frozen=True)
class _Made:
    """What was made of a picked frame: its file, what is known of it, what a model sees of it."""

    number: int
    name: str
    file: bytes
    looks: dict[str, Any]
    scaled: Pixels | None


class Extracted(Record):
    """The frames written, the crop applied to them, and the rest as `FramedVideo` has it."""

    frames: tuple[Frame, ...]
    rectangle: Rectangle | None
    lost_packets: int
    decoded_all: WhyAll | None = None


@profile
@decoder_errors(cv2.error)
def extract(
    path: Path,
    tar: Path,
    cropped: CroppedVideo,
    settings: FrameSettings,
    limits: LimitSettings,
    black_limit: int,
    *,
    scaled: ScaledTo | None = None,
) -> Extracted:
    """Write the picked frames of the video to `tar`, and what a model sees of them to `scaled`.

    A border has to be black in every frame that is decoded. Where it is not, nothing is cropped,
    and the video is decoded a second time.

    Args:
        black_limit: Luma up to which a border counts as black (see `CropSettings.limit`).

    Raises:
        VideoRejectedError: too little can be decoded, all frames are blank, or more are picked
            than the limits allow.
    """
    source = _as_decoded(cropped)
    whole = Framing(source, None, black_limit)
    written = partial(_written, path, tar, scaled=scaled, settings=settings, limits=limits)
    if cropped.reencoded or cropped.rectangle is None:
        rectangle, scanned = cropped.rectangle, written(whole)
    else:
        try:
            within = Framing(source, cropped.rectangle, black_limit)
            rectangle, scanned = cropped.rectangle, written(within)
        except BorderGoneError:
            rectangle, scanned = None, written(whole)
    return Extracted(
        frames=tuple(scanned.frames),
        rectangle=rectangle,
        lost_packets=scanned.lost,
        decoded_all=scanned.decoded_all,
    )


def _written(
    path: Path,
    tar: Path,
    framing: Framing,
    *,
    scaled: ScaledTo | None,
    settings: FrameSettings,
    limits: LimitSettings,
) -> Scanned:
    written = partial(
        _written_by,
        path=path,
        tar_path=tar,
        framing=framing,
        scaled=scaled,
        settings=settings,
        limits=limits,
    )
    why: WhyAll | None = None
    for scan in _SCANS[settings.scan]:
        try:
            return written(scan)
        except CannotSkipError as reason:
            # What was picked by then is not in the next tar.
            log.info("%s of %s ends, for %s", scan.__name__, path.name, reason)
            why = reason.why
    scanned = written(full_scan)
    return scanned if settings.scan == "all" else replace(scanned, decoded_all=why)


def _written_by(
    scan: Scan,
    path: Path,
    tar_path: Path,
    framing: Framing,
    *,
    scaled: ScaledTo | None,
    settings: FrameSettings,
    limits: LimitSettings,
) -> Scanned:
    looks: dict[int, dict[str, Any]] = {}
    kept = 0
    pending: deque[Future[_Made]] = deque()
    # Decoding goes on while picked frames become files, which are written in order.
    with (
        FramesTar(tar_path) as tar,
        scaled.opened() if scaled else nullcontext() as seen,
        ThreadPoolExecutor(min(_AT_ONCE, cores_for(framing.source.duration))) as makers,
    ):

        def make(candidate: Pickable[VideoFrame]) -> _Made:
            picture = framing.picture(candidate.item)
            height, width = picture.shape[:2]
            # Pillow's copy of it, made once.
            image = Image.fromarray(picture)
            kind = fitting(settings.picture_format, width, height)
            file = encoded(picture, kind, settings.picture_quality)
            return _Made(
                number=candidate.number,
                name=frame_file(candidate.number, candidate.second, kind),
                file=file,
                looks={
                    "md5": md5(file),
                    "sketch": sketch(image),
                    "width": width,
                    "height": height,
                    "format": kind,
                },
                scaled=scaled.of(image) if scaled else None,
            )

        def write_next() -> None:
            made = pending.popleft().result()
            looks[made.number] = made.looks
            tar.add(made.name, made.file)
            if seen and made.scaled is not None:
                seen.add(made.number, made.scaled)

        def keep(candidate: Pickable[VideoFrame]) -> None:
            nonlocal kept
            kept += 1
            if kept > limits.max_frames:
                raise VideoRejectedError(
                    Reason.TOO_MANY_FRAMES,
                    f"more than VP_MAX_FRAMES={limits.max_frames} frames of it",
                )
            pending.append(makers.submit(make, candidate))
            if len(pending) > _PENDING:
                write_next()

        scanned = scan(path, framing, settings, limits, keep)
        while pending:
            write_next()
    if not scanned.frames:
        raise VideoRejectedError(
            Reason.BLANK,
            "all its frames are of a single colour, or nearly; VP_SOLID_STD=0 keeps such frames",
        )
    frames = [frame.model_copy(update=looks[frame.number]) for frame in scanned.frames]
    return replace(scanned, frames=frames)


def _as_decoded(cropped: CroppedVideo) -> SourceVideo:
    """Return the source as the decoder will find it, which a re-encoded file has changed."""
    if not cropped.reencoded or not cropped.rectangle:
        return cropped.source
    changed = {
        "width": cropped.rectangle.width,
        "height": cropped.rectangle.height,
        "rotation": 0,
        "mirrored": False,
        "pixel_aspect": 1.0,
        "stream": None,
    }
    return cropped.source.model_copy(update=changed)
