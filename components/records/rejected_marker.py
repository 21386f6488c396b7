"""The marker of a rejected video, which holds as long as the video's source stays the same."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from components.records.booking import Booking
from components.records.record import Document, IsoTime, Name, S3Uri

REJECTED_MARKER = "rejected.json"


class RejectedMarker(Document):
    """Why a video is rejected: `rejected.json` in its folder of the frames bucket.

    `seconds` are what the run spent in each phase passed, None where it reused an earlier result.
    """

    platform: Name
    code: Name
    source: S3Uri
    etag: str
    phase: str
    reason: str
    message: str
    run: str
    recorded_at: IsoTime
    seconds: dict[str, float | None] = Field(
        default_factory=dict, exclude_if=lambda seconds: not seconds
    )

    @property
    def booking(self) -> Booking:
        """The state of the video that the marker stands for."""
        return Booking(
            platform=self.platform,
            code=self.code,
            state="rejected",
            run=self.run,
            source=self.source,
            etag=self.etag,
            phase=self.phase,
            reason=self.reason,
            message=self.message,
            updated_at=datetime.fromisoformat(self.recorded_at),
        )
