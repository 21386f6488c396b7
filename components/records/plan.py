"""What a run set out to do: `runs/<run>/plan.json` in the artifacts bucket."""

from __future__ import annotations

from pydantic import Field

from components.records.record import Document


class Plan(Document):
    """What plan took and what it left.

    `given` says that the videos were named, by a list or a prefix, and not found by catch-up.
    `reused` are those beside `videos` on which nothing was left to do, as a run on one machine sees
    before it begins. `left` counts videos by why they were left; `leased_by` names the runs that
    hold leases on any.
    """

    run: str
    written_at: str
    given: bool
    shards: int
    videos: int
    reused: int = 0
    left: dict[str, int] = Field(default_factory=dict)
    leased_by: tuple[str, ...] = ()

    @property
    def leased(self) -> int:
        """How many videos were left to the runs that work on them."""
        return self.left.get("leased", 0)

    @property
    def left_to_others(self) -> str:
        """What became of these, and what to do if the other run is dead."""
        runs = ", ".join(self.leased_by) or "another run"
        videos = "1 video is" if self.leased == 1 else f"{self.leased} videos are"
        return (
            f"{videos} left to {runs}; a lease ends with its run, or some minutes after it died. "
            "To end it now: oriane release RUN"
        )


def plan_uri(bucket: str, run: str) -> str:
    """Return the address of the run's document."""
    return f"s3://{bucket}/runs/{run}/plan.json"
