"""Normal random numbers from hashed counters, all at once.

The equation and its derivation stand in `nanocnn/reference/normal.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .dropout import GOLDEN, splitmix64

Array = NDArray[Any]


def normal_numbers(key: int, size: int) -> Array:
    """Return standard normal numbers, a function of the key alone (N1).

    Parameters
    ----------
    key : int, 0 <= key < 2**64
    size : int

    Returns
    -------
    (size,) float32 array
    """
    pairs = np.arange(1, size // 2 + size % 2 + 1, dtype=np.uint64)
    z = splitmix64(np.uint64(key) + pairs * GOLDEN)
    a = ((z >> np.uint64(40)).astype(np.float64) + 1) * 2.0**-24
    b = (z >> np.uint64(16) & np.uint64(2**24 - 1)).astype(np.float64) * 2.0**-24
    radius, angle = np.sqrt(-2 * np.log(a)), 2 * np.pi * b
    both = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return both.reshape(-1)[:size].astype(np.float32)
