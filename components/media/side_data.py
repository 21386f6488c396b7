"""What a container or a bitstream says beside a frame, as FFmpeg's structs."""

from __future__ import annotations

from typing import cast

from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame


def side_data(frame: VideoFrame, kind: Type) -> bytes | None:
    """Return the bytes of the frame's side data of a kind, None where there is none."""
    # A mapping by type, which PyAV's stubs declare as one by name.
    found = frame.side_data.get(cast(str, kind))
    return None if found is None else bytes(cast(bytes, found))
