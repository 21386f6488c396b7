"""What machines and stores cost, so that plans and digests can say what a run does."""

from __future__ import annotations

from components.settings.variables import Group, variable


class PriceSettings(Group):
    title = "Prices (what is not set is unknown, and said to be)"

    core_hour: float | None = variable(
        "VP_PRICE_CORE_HOUR", None, "Price of a CPU core for an hour, its memory included", ge=0
    )
    gpu_hour: float | None = variable("VP_PRICE_GPU_HOUR", None, "Price of a GPU for an hour", ge=0)
    gb_month: float | None = variable(
        "VP_PRICE_GB_MONTH", None, "Price of a GB (10⁹ bytes) in S3 for a month", ge=0
    )
    thousand_requests: float | None = variable(
        "VP_PRICE_1000_REQUESTS",
        None,
        "Price of 1,000 requests to S3; most of them are writes",
        ge=0,
    )
    currency: str = variable(
        "VP_PRICE_CURRENCY", "USD", "What the prices are in", pattern=r"^\S{1,8}$"
    )
