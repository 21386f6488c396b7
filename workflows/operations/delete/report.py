"""What `oriane delete --json` prints."""

from __future__ import annotations

from components.records.record import Record


class Holdings(Record):
    """What is stored of a video; `state` is the ledger's, `source` whether that is there."""

    platform: str
    code: str
    frames: int
    points: int
    artifacts: int
    markers: int
    state: str | None
    source: bool

    @property
    def video(self) -> str:
        """`platform/code`."""
        return f"{self.platform}/{self.code}"

    @property
    def anything(self) -> bool:
        """Whether anything is stored but the source."""
        return bool(
            self.frames or self.points or self.artifacts or self.markers or self.state is not None
        )


class Deleted(Record):
    """What was stored of the videos; with `applied` it is gone."""

    applied: bool
    videos: tuple[Holdings, ...]
