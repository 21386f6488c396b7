"""Vectors as encoders give them and stores take them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# (count, dim), a row a frame or text.
Vectors = NDArray[np.float32]
