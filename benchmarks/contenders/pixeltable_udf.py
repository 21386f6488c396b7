"""The model as a function that pixeltable stores by its module's name; its environment only."""

from functools import cache
from typing import Any

import numpy as np
import pixeltable as pxt
from pixeltable.func import Batch

from benchmarks.contenders.contender import BATCH
from benchmarks.contenders.embedding import encoder

_model = cache(encoder)


@pxt.udf(batch_size=BATCH)  # type: ignore[untyped-decorator]
def vector(pictures: Batch[pxt.Image]) -> Batch[pxt.Array[(384,), np.float32]]:
    """Return a row a picture."""
    rows: Any = _model().embed_images(pictures)
    return list(rows)
