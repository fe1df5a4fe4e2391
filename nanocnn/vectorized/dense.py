"""The fully connected layer: three matrix products and a sum.

The equations and their derivation stand in `nanocnn/reference/dense.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def dense_forward(x: Array, w: Array, b: Array | None) -> Array:
    r"""Multiply each row by the weights and add the bias (D1).

    Parameters
    ----------
    x : (N, D) float or complex array
    w : (D, F) array, same dtype as `x`
    b : (F,) array or None

    Returns
    -------
    (N, F) array, same dtype as `x`
    """
    y: Array = x @ w
    return y if b is None else y + b


def dense_backward_input(dy: Array, w: Array) -> Array:
    r"""Carry the gradient back through the transposed weights (D2).

    Parameters
    ----------
    dy : (N, F) array
    w : (D, F) array, same dtype as `dy`

    Returns
    -------
    (N, D) array, same dtype as `dy`
    """
    dx: Array = dy @ w.T
    return dx


def dense_backward_weight(dy: Array, x: Array) -> Array:
    r"""Sum over the batch the products of input and gradient (D3).

    Parameters
    ----------
    dy : (N, F) array
    x : (N, D) array, same dtype as `dy`

    Returns
    -------
    (D, F) array, same dtype as `dy`
    """
    dw: Array = x.T @ dy
    return dw


def dense_backward_bias(dy: Array) -> Array:
    r"""Sum the gradient over the batch, in float64 (D4).

    Parameters
    ----------
    dy : (N, F) array

    Returns
    -------
    (F,) array, same dtype as `dy`
    """
    db: Array = dy.sum(axis=0, dtype=np.result_type(dy.dtype, np.float64))
    return db.astype(dy.dtype)
