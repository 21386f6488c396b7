"""The frames that represent a video, of those that a scan offers and the cuts that it finds."""

from __future__ import annotations

from collections.abc import Callable

from av.video.frame import VideoFrame

from components.frame.changes import ChangeWatch
from components.frame.framing import is_blank
from components.frame.pick import Pickable, Picker
from components.media.pictures import Picture
from components.records.videos import Frame
from components.settings import FrameSettings


class Choice:
    """Picks by time and cuts (`Picker`), and within a scene by what is shown (`ChangeWatch`).

    Args:
        keep: Called with each frame as soon as it is picked, in any order.
    """

    def __init__(
        self, settings: FrameSettings, keep: Callable[[Pickable[VideoFrame]], None]
    ) -> None:
        self._picker = Picker(1 / settings.sample_fps, settings.min_frames, keep)
        self._watch = ChangeWatch(settings.scene_change) if settings.scene_change else None
        self._solid_std = settings.solid_std

    def cut(self, second: float) -> None:
        """A new scene began at `second`, which may be a little in the past."""
        self._picker.cut(second)
        if self._watch:
            self._watch.cut(second)

    def offer(
        self, candidate: Pickable[VideoFrame], thumbnail: Picture, blank: bool | None = None
    ) -> bool:
        """Take the next frame, and whether it is blank where that is known; return that.

        A blank frame is not picked.
        """
        changed = self._watch.feed(candidate.second, thumbnail) if self._watch else None
        if changed is not None:
            self._picker.split(changed)
        if blank is None:
            blank = is_blank(thumbnail, self._solid_std)
        self._picker.offer(candidate, blank=blank)
        return blank

    def has_changed(self, thumbnail: Picture) -> bool:
        """Return whether a frame, not offered yet, shows something else than the last one did."""
        return self._watch is not None and self._watch.has_changed(thumbnail)

    def differ(self, one: Picture, other: Picture) -> bool:
        """Return whether two frames show something else than each other."""
        return self._watch is not None and self._watch.differ(one, other)

    def finish(self, end: float) -> list[Frame]:
        """Return the frames picked from a video that ends at `end`, in order of time."""
        changed = self._watch.finish(end) if self._watch else None
        if changed is not None:
            self._picker.split(changed)
        return self._picker.finish(end)
