"""Flatten, index by index: an image becomes one row of numbers for a dense layer.

Forward
-------
Pixel (i, j), channel c of an image of height H, width W and C channels moves to one place of a row;
row by row, column by column, channels innermost:

    y[n, (i W + j) C + c] = x[n,i,j,c]                                                          (F1)

Each number goes to a place of its own, so nothing is added and nothing is lost.

Backward
--------
Write dy for ∂L/∂y, which arrives from above. By the chain rule dx[n,i,j,c] is the sum of
dy[n,e] ∂y[n,e]/∂x[n,i,j,c] over all places e of the row. The pixel stands in one of them only, in
e = (i W + j) C + c, with derivative 1, so the gradient goes back where its number came from:

    dx[n,i,j,c] = dy[n, (i W + j) C + c]                                                        (F2)
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def flatten_forward(x: Array) -> Array:
    """Lay each image out as one row (F1).

    Parameters
    ----------
    x : (N, ...) array
        (N, H, W, C) for images; the numbers of each n in row order.

    Returns
    -------
    (N, H*W*C) array, same dtype as `x`
    """
    N, *sizes = x.shape
    y = np.zeros((N, int(np.prod(sizes))), x.dtype)
    for n in range(N):
        # ndindex counts the places in row order: (i W + j) C + c for an image.
        for e, place in enumerate(np.ndindex(*sizes)):
            pixel = (n, *place)
            y[n, e] = x[pixel]
    return y


def flatten_backward(dy: Array, x_shape: tuple[int, ...]) -> Array:
    """Put each gradient back where its number came from (F2).

    Parameters
    ----------
    dy : (N, H*W*C) array
    x_shape : (N, ...)

    Returns
    -------
    (N, H, W, C) array, same dtype as `dy`
    """
    N, *sizes = x_shape
    dx = np.zeros(x_shape, dy.dtype)
    for n in range(N):
        for e, place in enumerate(np.ndindex(*sizes)):
            pixel = (n, *place)
            dx[pixel] = dy[n, e]
    return dx
