"""What a run costs, or will."""

from __future__ import annotations

from pydantic import Field

from components.records.record import Document


class Bill(Document):
    """What a run costs in `currency`; amounts whose price is not set are None.

    `phases` are cores and GPUs by what held them: a phase, or the pod of several. `total` is the
    sum of cores, GPUs and requests as far as their prices are known; `unpriced` names the variables
    of the others. `storage_a_month` is for keeping the frames.
    """

    currency: str
    core_hours: float
    gpu_hours: float
    requests: int
    stored_gb: float
    video_hours: float
    cores: float | None = None
    gpus: float | None = None
    s3: float | None = None
    storage_a_month: float | None = None
    phases: dict[str, float] = Field(default_factory=dict)
    total: float | None = None
    unpriced: tuple[str, ...] = ()

    def a_thousand_hours(self, amount: float | None) -> float | None:
        """Return what an amount comes to for 1,000 hours of video; None if it is not known."""
        if amount is None or not self.video_hours:
            return None
        return amount / self.video_hours * 1000
