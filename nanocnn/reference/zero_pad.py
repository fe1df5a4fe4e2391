"""Zero padding, index by index: a border of zeros around every image.

With t rows above and l columns to the left, pixel (i, j) of y is

    y[n,i,j,c] = x[n, i - t, j - l, c], or 0 where that lies outside the image                  (Z1)

x[n,r,q,c] stands in one place of y, as it is; what was added depends on nothing:

    dx[n,r,q,c] = dy[n, r + t, q + l, c]                                                        (Z2)
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Padding = tuple[tuple[int, int], tuple[int, int]]


def zero_pad2d_forward(x: Array, padding: Padding) -> Array:
    """Surround every image with zeros (Z1).

    Parameters
    ----------
    x : (N, H, W, C) float or complex array
    padding : ((top, bottom), (left, right)) of int

    Returns
    -------
    (N, H + top + bottom, W + left + right, C) array, same dtype as `x`
    """
    N, H, W, C = x.shape
    (top, bottom), (left, right) = padding
    y = np.zeros((N, H + top + bottom, W + left + right, C), x.dtype)
    for n, i, j, c in np.ndindex(y.shape):
        if 0 <= i - top < H and 0 <= j - left < W:
            y[n, i, j, c] = x[n, i - top, j - left, c]
    return y


def zero_pad2d_backward(dy: Array, padding: Padding) -> Array:
    """Cut the border off (Z2).

    Parameters
    ----------
    dy : (N, H + top + bottom, W + left + right, C) array
    padding : ((top, bottom), (left, right)) of int

    Returns
    -------
    (N, H, W, C) array, same dtype as `dy`
    """
    N, OH, OW, C = dy.shape
    (top, bottom), (left, right) = padding
    dx = np.zeros((N, OH - top - bottom, OW - left - right, C), dy.dtype)
    for n, r, q, c in np.ndindex(dx.shape):
        dx[n, r, q, c] = dy[n, r + top, q + left, c]
    return dx
