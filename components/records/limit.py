"""What a machine could at most, and which part of that a run came to."""

from __future__ import annotations

from typing import Literal

from components.records.record import Document, IsoTime

Rate = Literal["decode", "forward"]


class MeasuredRate(Document):
    """What a machine takes for bare work: `machines/<machine>.<rate>.json`, of pods below `pods/`.

    For `decode`, the CPU seconds of a megapixel decoded and nothing else done with it; for
    `forward`, those of a frame in the model, or on a GPU its seconds. `amount` is how much it was
    measured on. `settings` is a hash of what decides embed's results, empty for decoding; with
    another `setup` it is measured anew.
    """

    rate: Rate
    machine: str
    measured_at: IsoTime
    setup: str
    settings: str = ""
    amount: float
    cpu_s: float = 0.0
    gpu_s: float = 0.0


class Limit(Document):
    """What decoding every frame once and the bare forward passes would take of the machine.

    `core_s` are seconds of cores, `gpu_s` of GPUs; `of_cores` and `of_gpus` which part they are of
    those that the run held, None where it held none. `measured_at` is when the older of the two
    rates was measured.
    """

    core_s: float
    gpu_s: float
    of_cores: float | None
    of_gpus: float | None
    measured_at: IsoTime
