"""Which markers upload saw beside a video's frames, so that record need not ask for others.

Both run in one process only where it takes videos through all phases.
"""

from __future__ import annotations

from components.records.videos import Video


class SeenMarkers:
    """Names of markers by video, from upload's listing of its folder until record has written."""

    def __init__(self) -> None:
        self._names: dict[Video, frozenset[str]] = {}

    def saw(self, video: Video, names: frozenset[str]) -> None:
        """Note that the video has these markers and no others."""
        self._names[video] = names

    def may_be_there(self, video: Video, name: str) -> bool:
        """Return whether the video may have a marker of this name."""
        names = self._names.get(video)
        return names is None or name in names

    def forget(self, video: Video) -> None:
        """Drop what was seen, for it is changed now."""
        self._names.pop(video, None)
