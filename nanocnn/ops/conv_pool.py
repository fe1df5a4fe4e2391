"""Convolution and the max pooling behind it in one go, for containers that see both layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._backend import current_backend, rung
from ._checks import Array
from .conv import Conv2DCache, check_conv2d, conv2d_forward, conv2d_geometry
from .pool import MaxPool2DCache, check_window, max_pool2d_forward


def conv2d_max_pool2d_forward(
    x: Array,
    w: Array,
    b: Array | None,
    activation: str | None,
    conv: Mapping[str, Any],
    pool: Mapping[str, Any],
) -> tuple[Array, Conv2DCache, MaxPool2DCache]:
    """Return what `max_pool2d_forward` makes of `conv2d_forward`, bit for bit: (P1) of (C1).

    Compiled, the convolution's result is never stored as a whole: see `nanocnn.kernels.bands`. So
    it is not in its cache, either: (P2) finds the winners, and the slope of a relu follows from
    what was pooled.

    Parameters
    ----------
    x, w, b, activation : as for `conv2d_forward`
    conv, pool : dict
        All keyword arguments of `conv2d_forward` but the activation, and all arguments of
        `max_pool2d_forward` but `x`: `Conv2D.geometry` and `MaxPool2D.geometry`.

    Returns
    -------
    y : (N, OH, OW, F) array
    conv_cache : Conv2DCache        without activation: its slope is the caller's to apply
    pool_cache : MaxPool2DCache

    Raises
    ------
    TypeError, ValueError
        As the two operations.
    """
    if current_backend() != "numba":
        z, conv_cache = conv2d_forward(x, w, b, **conv, activation=activation)
        y, pool_cache = max_pool2d_forward(z, **pool)
        return y, conv_cache._replace(y=None, activation=None), pool_cache
    geometry = check_conv2d(x, w, b, **conv, activation=activation)
    rows, cols = conv2d_geometry(x.shape[1:3], w.shape[:2], *geometry[:3])[3]
    z_shape = (x.shape[0], rows, cols, w.shape[3])
    window = check_window("max_pool2d", (rows, cols), **pool)
    y, winner = rung().conv2d_max_pool2d_forward(x, w, b, *geometry, activation, *window)
    return (
        y,
        Conv2DCache(x, w, None, b is not None, *geometry, None, z_shape),
        MaxPool2DCache(winner, z_shape, *window),
    )
