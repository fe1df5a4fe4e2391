"""Softmax over the last axis.

The equations and their derivation stand in `nanocnn/reference/softmax.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def softmax_forward(x: Array) -> Array:
    """Turn scores into probabilities (S1).

    Parameters
    ----------
    x : (..., K) float or complex array

    Returns
    -------
    array, shape and dtype of `x`
        Each row sums to 1.
    """
    z = np.exp(x - x.real.max(axis=-1, keepdims=True))  # the shift keeps exp below 1
    y: Array = z / z.sum(axis=-1, keepdims=True)
    return y


def softmax_backward(dy: Array, y: Array) -> Array:
    """Multiply the gradient by softmax's Jacobian, from the *output* (S2).

    Parameters
    ----------
    dy, y : (..., K) arrays

    Returns
    -------
    array, shape and dtype of `dy`
    """
    dx: Array = y * (dy - (dy * y).sum(axis=-1, keepdims=True))
    return dx
