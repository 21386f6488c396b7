"""What work comes to: cores and GPUs held, requests to S3, and their price."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from components.costs.machine import Machine
from components.pipeline import component, video_to_embedding
from components.records.bill import Bill
from components.settings import PriceSettings


@dataclass(frozen=True)
class Held:
    """Seconds for which cores and GPUs were held, whether busy or not."""

    core_s: float
    gpu_s: float = 0.0


@dataclass(frozen=True)
class Stored:
    """What S3 is asked for, and keeps: requests, and bytes of published frames."""

    requests: int
    kept: int


def held_here(seconds: Mapping[str, float], took_s: float, machine: Machine) -> dict[str, Held]:
    """Return what phases held of one machine: all of it for as long as the run took.

    Args:
        seconds: Of work by phase; the whole is shared out by them.
    """
    work = sum(seconds.values())
    return {
        phase: Held(
            took_s * machine.cores * spent / work, took_s * len(machine.gpus) * spent / work
        )
        for phase, spent in seconds.items()
        if work
    }


def held_by_pods(
    seconds: Mapping[str, float], shards: int, layout: str, start_s: float
) -> dict[str, Held]:
    """Return what each kind of pod reserved: its cores and GPUs for its start and its work.

    Args:
        seconds: Of work by phase; a pod works on as many videos at once as it has cores.
        layout: As plan's input `pods`.
        start_s: Seconds that a pod takes to start.
    """
    held = {}
    for step in video_to_embedding(fused="fused" in layout).each:
        phases, needs = step.component.runs or (step.name,), step.component.resources
        at_once = max(1, int(needs.cpu))
        pod_s = shards * start_s + sum(seconds.get(phase, 0.0) for phase in phases) / at_once
        gpus = needs.gpu if layout.endswith("-gpu") else 0
        held[step.name] = Held(pod_s * needs.cpu, pod_s * gpus)
    return held


def requests(videos: Mapping[str, int], frames: float) -> int:
    """Return the requests to S3 of phases that work on so many videos of so many frames each."""
    asked = 0.0
    for phase, count in videos.items():
        asks = component(phase).traffic
        asked += count * (asks.requests + asks.requests_a_frame * frames)
    return round(asked)


def billed(held: Mapping[str, Held], stored: Stored, video_s: float, prices: PriceSettings) -> Bill:
    """Return the bill."""
    core_h = sum(each.core_s for each in held.values()) / 3600
    gpu_h = sum(each.gpu_s for each in held.values()) / 3600
    gb = stored.kept / 1e9
    cores = _amount(core_h, prices.core_hour)
    gpus = _amount(gpu_h, prices.gpu_hour)
    s3 = _amount(stored.requests / 1000, prices.thousand_requests)
    known = [amount for amount in (cores, gpus, s3) if amount is not None]
    priced = prices.core_hour is not None or prices.gpu_hour is not None
    return Bill(
        currency=prices.currency,
        core_hours=round(core_h, 5),
        gpu_hours=round(gpu_h, 5),
        requests=stored.requests,
        stored_gb=round(gb, 6),
        video_hours=round(video_s / 3600, 6),
        cores=cores,
        gpus=gpus,
        s3=s3,
        storage_a_month=_amount(gb, prices.gb_month),
        phases={
            name: round(
                each.core_s / 3600 * (prices.core_hour or 0)
                + each.gpu_s / 3600 * (prices.gpu_hour or 0),
                6,
            )
            for name, each in held.items()
            if priced
        },
        total=round(sum(known), 6) if priced and known else None,
        unpriced=_unpriced(prices, gpu_h),
    )


def _amount(units: float, price: float | None) -> float | None:
    if not units:
        return 0.0
    return None if price is None else round(units * price, 6)


def _unpriced(prices: PriceSettings, gpu_h: float) -> tuple[str, ...]:
    """Return the variables that would have to be set to price the rest."""
    needed = {"core_hour", "gb_month", "thousand_requests", *(["gpu_hour"] if gpu_h else [])}
    return tuple(
        variable.name
        for variable in prices.variables()
        if variable.field in needed and getattr(prices, variable.field) is None
    )


def amount(money: float) -> str:
    """Return an amount with two digits that say something: 12.34, 0.56, 0.0078."""
    return f"{money:.2f}" if not 0 < abs(money) < 0.1 else f"{money:.2g}"


def told(bill: Bill) -> str:
    """Return the bill in a line, for people."""
    usage = f"{bill.core_hours:.2f} core hours"
    if bill.gpu_hours:
        usage += f", {bill.gpu_hours:.2f} GPU hours"
    usage += f", {bill.requests} S3 requests"
    if bill.total is None:
        a_thousand = bill.a_thousand_hours(bill.core_hours)
        rate = f" ({a_thousand:.0f} core hours per 1,000 hours of video)" if a_thousand else ""
        return f"{usage}{rate}; for a price set {', '.join(bill.unpriced)}"
    a_thousand = bill.a_thousand_hours(bill.total)
    text = f"{amount(bill.total)} {bill.currency} for {usage}"
    if a_thousand is not None:
        text += f"; {amount(a_thousand)} {bill.currency} per 1,000 hours of video"
        month = bill.a_thousand_hours(bill.storage_a_month)
        if month:
            text += f" and {amount(month)} a month to keep their frames"
    costly = sorted(bill.phases.items(), key=lambda item: -item[1])
    spent = sum(bill.phases.values())
    if spent:
        text += "; " + ", ".join(f"{name} {part / spent:.0%}" for name, part in costly[:4])
    if bill.unpriced:
        text += f"; not priced: {', '.join(bill.unpriced)}"
    return text
