"""The article's network, its weights and a batch, all from a formula: twenty steps to compare.

The batch is four images of a checkerboard, of one sign for class 0 and of the other for class 1,
under noise. The weights are such that the loss really moves in twenty steps, up and then down to a
sixth, and that rounding is not blown up on the way: the biases are far from 0 in both directions,
so few units sit near the kink of relu, and maxima are no near ties.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .formula import numbers

Array = NDArray[np.float64]

STEPS, BATCH, LEARNING_RATE = 20, 4, 1e-3
# name: shape, size of the even distribution, size of the pattern + - - - that is added
WEIGHTS: dict[str, tuple[tuple[int, ...], float, float]] = {
    "conv2d_1.w": ((3, 3, 3, 32), 1 / 8, 0.0),
    "conv2d_1.b": ((32,), 1 / 32, 1 / 8),
    "conv2d_2.w": ((3, 3, 32, 64), 1 / 16, 0.0),
    "conv2d_2.b": ((64,), 1 / 32, 1 / 8),
    "dense_1.w": ((57600, 64), 1 / 256, 0.0),
    "dense_1.b": ((64,), 1 / 64, 1 / 16),
    "dense_2.w": ((64, 2), 1 / 16, 0.0),
    "dense_2.b": ((2,), 1 / 256, 0.0),
}


def weights() -> dict[str, Array]:
    """Return the parameters by nanocnn's names."""
    found = {}
    for name, (shape, scale, pattern) in WEIGHTS.items():
        found[name] = numbers(f"article/{name}", shape, scale)
        if pattern:
            found[name] += np.where(np.arange(shape[0]) % 4 == 0, -pattern, pattern)
    return found


def batch() -> tuple[Array, NDArray[np.int64]]:
    """Return images (4, 128, 128, 3) and labels (4,)."""
    y = np.arange(BATCH) % 2
    i = np.arange(128) // 16
    board = np.where((i[:, None] + i) % 2 == 0, 0.25, -0.25)[None, :, :, None]
    sign = np.where(y == 1, 1.0, -1.0)[:, None, None, None]
    noise = numbers("article/x", (BATCH, 128, 128, 3), 1 / 16)
    return (0.5 + noise + board * sign) / 8, y
