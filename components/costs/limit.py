"""The limit: which part of what it held a run would have needed for bare decoding and embedding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from pydantic import ValidationError

from components.costs.bill import Held
from components.costs.machine import PODS, slug
from components.errors import NotFoundError
from components.records.limit import Limit, MeasuredRate, Rate
from components.records.machine import RunWork

if TYPE_CHECKING:
    from components.stores.s3 import Store


def rate_uri(bucket: str, machine: str, rate: Rate, *, in_pod: bool) -> str:
    """Return the address of a rate that was measured on a machine, or in a pod on one."""
    return f"s3://{bucket}/machines/{'pods/' if in_pod else ''}{slug(machine)}.{rate}.json"


def known_rate(store: Store, uri: str) -> MeasuredRate | None:
    """Return what is stored there; None where that is nothing, or cannot be read."""
    try:
        return MeasuredRate.model_validate_json(store.get(uri))
    except (NotFoundError, ValidationError):
        return None


def latest_rate(
    store: Store, bucket: str, machine: str, rate: Rate, settings: str
) -> MeasuredRate | None:
    """Return a machine's rate under these settings; of pods, the one that was measured last."""
    if machine == PODS:
        folder, end = f"s3://{bucket}/machines/pods/", f".{rate}.json"
        uris = [found.uri for found in store.objects(folder) if found.uri.endswith(end)]
    else:
        uris = [rate_uri(bucket, machine, rate, in_pod=False)]
    found = [one for uri in uris if (one := known_rate(store, uri)) and one.settings == settings]
    return max(found, key=lambda one: one.measured_at, default=None)


def limit(
    work: RunWork, held: Mapping[str, Held], rates: Iterable[MeasuredRate | None]
) -> Limit | None:
    """Return how near a run came to it; None where a rate that this takes is not known."""
    needed = {"decode": _amount(work, "frame", "mpx"), "forward": _amount(work, "embed", "frames")}
    known = {rate.rate: rate for rate in rates if rate}
    if not any(needed.values()) or any(needed[name] and name not in known for name in needed):
        return None
    taken = [(needed[name], rate) for name, rate in known.items() if needed[name]]
    core_s = sum(amount * rate.cpu_s for amount, rate in taken)
    gpu_s = sum(amount * rate.gpu_s for amount, rate in taken)
    return Limit(
        core_s=round(core_s, 2),
        gpu_s=round(gpu_s, 2),
        of_cores=_part(core_s, sum(each.core_s for each in held.values())),
        of_gpus=_part(gpu_s, sum(each.gpu_s for each in held.values())),
        measured_at=min(rate.measured_at for _, rate in taken),
    )


def told(found: Limit) -> str:
    """Return it in a line, for people."""
    return "; ".join(_told(found))


def _told(found: Limit) -> Iterator[str]:
    if found.of_cores is not None:
        yield (
            f"{found.of_cores:.0%} of the limit: decoding every frame once and the bare forward "
            f"passes take {found.core_s:.1f} s of cores here"
        )
    if found.of_gpus is not None:
        yield f"{found.of_gpus:.0%} of what the GPUs could: {found.gpu_s:.1f} s of forward passes"


def _amount(work: RunWork, phase: str, of: str) -> float:
    spent = work.phases.get(phase)
    return float(getattr(spent, of)) if spent else 0.0


def _part(needed: float, held: float) -> float | None:
    return round(needed / held, 4) if held else None
