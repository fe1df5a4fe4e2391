"""Flatten: the same numbers under another shape.

The equations stand in `nanocnn/reference/flatten.py`.
"""

from __future__ import annotations

import math
from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]


def flatten_forward(x: Array) -> Array:
    """Lay each image out as one row, in row order (F1).

    Parameters
    ----------
    x : (N, H, W, C) array

    Returns
    -------
    (N, H*W*C) array, same dtype as `x`
        A view where the memory of `x` allows one.
    """
    return x.reshape(x.shape[0], math.prod(x.shape[1:]))


def flatten_backward(dy: Array, x_shape: tuple[int, ...]) -> Array:
    """Give the gradient the image's shape again (F2).

    Parameters
    ----------
    dy : (N, H*W*C) array
    x_shape : (N, H, W, C)

    Returns
    -------
    (N, H, W, C) array, same dtype as `dy`
    """
    return dy.reshape(x_shape)
