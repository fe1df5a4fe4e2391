"""Dropout with a mask that is a hash of (key, element), not a stream of random numbers.

The equations and the reason for the hash stand in `nanocnn/reference/dropout.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio, odd
MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
MIX_2 = np.uint64(0x94D049BB133111EB)


def dropout_mask(key: int, size: int, rate: float) -> NDArray[np.bool_]:
    """Decide for each of `size` elements whether it is kept (R1).

    Parameters
    ----------
    key : int, 0 <= key < 2**64
    size : int
    rate : float, 0 <= rate < 1
        The share that is dropped.

    Returns
    -------
    (size,) bool array
        True where the element is kept.
    """
    z = splitmix64(np.uint64(key) + np.arange(1, size + 1, dtype=np.uint64) * GOLDEN)
    uniform = (z >> np.uint64(40)).astype(np.float64) * 2.0**-24  # 24 bits, exact in float32 too
    keep: NDArray[np.bool_] = uniform >= rate
    return keep


def splitmix64(z: Array) -> Array:
    """Mix 64 bits so that every output bit depends on every input bit; products wrap at 2^64."""
    z = (z ^ (z >> np.uint64(30))) * MIX_1
    z = (z ^ (z >> np.uint64(27))) * MIX_2
    mixed: Array = z ^ (z >> np.uint64(31))
    return mixed


def dropout_forward(x: Array, rate: float, key: int) -> Array:
    """Zero a random share of `x` and scale the rest by 1 / (1 - rate) (R1).

    Parameters
    ----------
    x : float or complex array of any shape
    rate : float, 0 <= rate < 1
    key : int, 0 <= key < 2**64

    Returns
    -------
    array, shape and dtype of `x`
    """
    keep = dropout_mask(key, x.size, rate).reshape(x.shape)
    return np.where(keep, x / (1 - rate), x.dtype.type(0))


def dropout_backward(dy: Array, rate: float, key: int) -> Array:
    """Apply the mask and the scale of the forward pass to the gradient (R2).

    Parameters
    ----------
    dy : array
    rate : float, 0 <= rate < 1
    key : int, 0 <= key < 2**64
        Both as in the forward pass: the mask is computed again, not stored.

    Returns
    -------
    array, shape and dtype of `dy`
    """
    return dropout_forward(dy, rate, key)
