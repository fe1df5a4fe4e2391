"""Upsampling, first along rows and then along columns: two pixels and a fraction between them.

The equations and their derivation stand in `nanocnn/reference/upsample.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Pair = tuple[int, int]


def upsample2d_forward(x: Array, factor: Pair, interpolation: str) -> Array:
    """Make images larger (U1).

    Parameters
    ----------
    x : (N, H, W, C) float or complex array
    factor : (int, int)
    interpolation : "nearest" or "bilinear"

    Returns
    -------
    (N, a*H, b*W, C) array, same dtype as `x`
    """
    for axis, a in enumerate(factor, start=1):
        if interpolation == "nearest":
            x = np.repeat(x, a, axis)
        else:
            before, after, fraction = _between(x.shape[axis], a)
            fraction = _along(axis, fraction).astype(x.dtype)
            x = x.take(before, axis) * (1 - fraction) + x.take(after, axis) * fraction
    return x


def upsample2d_backward(dy: Array, factor: Pair, interpolation: str) -> Array:
    """Give each pixel's gradient to the pixels it was made of (U3).

    Parameters
    ----------
    dy : (N, a*H, b*W, C) array
    factor : (int, int)
    interpolation : "nearest" or "bilinear"

    Returns
    -------
    (N, H, W, C) array, same dtype as `dy`
    """
    for axis, a in enumerate(factor, start=1):
        size = dy.shape[axis] // a
        if interpolation == "nearest":
            dy = dy.reshape(*dy.shape[:axis], size, a, *dy.shape[axis + 1 :]).sum(axis + 1)
            continue
        before, after, fraction = _between(size, a)
        fraction = _along(axis, fraction).astype(dy.dtype)
        dx = np.zeros((*dy.shape[:axis], size, *dy.shape[axis + 1 :]), dy.dtype)
        columns = (slice(None),) * axis
        np.add.at(dx, (*columns, before), dy * (1 - fraction))
        np.add.at(dx, (*columns, after), dy * fraction)
        dy = dx
    return dy


def _between(size: int, a: int) -> tuple[Array, Array, Array]:
    """Return, for each new pixel, the old ones before and behind it and its way between (U2)."""
    t = np.clip((np.arange(a * size) + 0.5) / a - 0.5, 0, max(0, size - 1))
    before = np.floor(t).astype(np.intp)
    return before, np.minimum(before + 1, size - 1), t - before


def _along(axis: int, numbers: Array) -> Array:
    """Lay numbers along an axis of (N, H, W, C)."""
    return numbers.reshape(-1, *(1,) * (3 - axis))
