"""Direct convolution or Winograd's: looked up in a table of shapes.

Nothing is timed at run time, since the two round differently: the same call must give the same bits
today and tomorrow. `benchmarks/choose_winograd.py` measures both and writes the table; a shape
that is not in it goes by its nearest neighbour, in ratios of channels, filters and image size.
"""

from __future__ import annotations

import math
import os
from contextvars import ContextVar
from functools import lru_cache

import numpy as np

from .winograd_table import SPEEDUPS

PASSES = ("forward", "input", "weight")
MARGIN = 1.05  # below this gain the direct convolution, which rounds less, is preferred
LEAST_CHANNELS, LEAST_SIZE = 12, 4  # below these there is nothing to gain: vectors stay half empty
enabled: ContextVar[bool] = ContextVar(
    "nanocnn_winograd", default=os.environ.get("NANOCNN_WINOGRAD", "1") != "0"
)


def winograd_pays(which, dtype, x_shape, w_shape, stride, padding, dilation, groups) -> bool:
    """Tell whether one of `PASSES` is done by Winograd's convolution.

    That is 3x3 with stride 1, padding of at most 2, no dilation, no groups, and float32; it has to
    be allowed, and to pay by the table.
    """
    if dtype != np.float32 or not enabled.get():
        return False
    if w_shape[:2] != (3, 3) or groups != 1:
        return False
    if stride != (1, 1) or dilation != (1, 1) or max(map(max, padding)) > 2:
        return False
    size = min(x_shape[1] + sum(padding[0]), x_shape[2] + sum(padding[1])) - 2
    c, f = w_shape[2:]
    if min(c, f) < LEAST_CHANNELS or size < LEAST_SIZE or x_shape[0] == 0:
        return False
    return _nearest_speedup(PASSES.index(which), c, f, size) > MARGIN


@lru_cache(maxsize=1024)
def _nearest_speedup(which: int, c: int, f: int, size: int) -> float:
    """Return what the table says of the nearest shape."""

    def distance(key: tuple[int, int, int]) -> float:
        return sum(math.log(a / b) ** 2 for a, b in zip(key, (c, f, size), strict=True))

    return SPEEDUPS[min(SPEEDUPS, key=distance)][which]
