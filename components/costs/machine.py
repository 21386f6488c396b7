"""Which machine this is, and what is known of it."""

from __future__ import annotations

import os
import platform
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from components.base.logs import log
from components.base.wrong_values import wrong_value
from components.errors import NotFoundError
from components.records.machine import MachineHistory, RunWork

if TYPE_CHECKING:
    from components.stores.s3 import Store

# All pods of a deployment count as one machine: which node a pod ran on, its run does not say.
PODS = "pods"
_RUNS_KEPT = 20


@dataclass(frozen=True)
class Machine:
    """A machine by what makes it fast: processor, cores, GPUs."""

    processor: str
    cores: int
    gpus: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """`AMD EPYC 9B14, 2 cores`, the same on all machines that are alike."""
        parts = [self.processor, f"{self.cores} core" + "s" * (self.cores != 1)]
        return ", ".join([*parts, *(f"{n} x {gpu}" for gpu, n in Counter(self.gpus).items())])


def this_machine() -> Machine:
    """Return the machine that this process runs on."""
    return Machine(_processor(), len(os.sched_getaffinity(0)), _gpus())


def history(store: Store, bucket: str, machine: str) -> MachineHistory:
    """Return what is known of a machine; nothing where that cannot be read."""
    uri = history_uri(bucket, machine)
    try:
        return MachineHistory.model_validate_json(store.get(uri))
    except NotFoundError:
        return MachineHistory(machine=machine)
    except ValidationError as error:
        log.warning("%s cannot be read and is begun anew: %s", uri, wrong_value(error))
        return MachineHistory(machine=machine)


def with_run(known: MachineHistory, work: RunWork) -> MachineHistory:
    """Return the history with one run more; a run that is summed up again replaces itself."""
    runs = [*(run for run in known.runs if run.run != work.run), work]
    return known.model_copy(update={"runs": tuple(runs[-_RUNS_KEPT:])})


def keep(store: Store, bucket: str, known: MachineHistory) -> None:
    """Write the history. Of two runs that end at once, one is not learnt from."""
    content = known.model_dump_json(indent=1).encode()
    store.put(history_uri(bucket, known.machine), content, content_type="application/json")


def history_uri(bucket: str, machine: str) -> str:
    """Return the address of what is known of a machine."""
    return f"s3://{bucket}/machines/{slug(machine)}.json"


def slug(machine: str) -> str:
    """Return a machine's name as keys in S3 have it."""
    return re.sub(r"[^a-z0-9]+", "-", machine.lower()).strip("-") or "unknown"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def _gpus() -> tuple[str, ...]:
    """Return the models of NVIDIA's GPUs, as the driver names them."""
    found = []
    for file in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information")):
        text = file.read_text()
        found += re.findall(r"^Model:\s*(.+?)\s*$", text, re.MULTILINE)
    return tuple(found)
