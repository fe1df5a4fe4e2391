"""Convolution and the max pooling behind it in one go, for containers that see both layers."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

from .._backend import current_backend, rung
from ._checks import Array, check_floats, check_shape
from .activations import OutputCache, relu_backward
from .conv import Conv2DCache, check_conv2d, conv2d_backward, conv2d_forward, conv2d_geometry
from .pool import MaxPool2DCache, check_window, max_pool2d_backward, max_pool2d_forward


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


def _winners() -> ModuleType:
    from ..kernels import winners  # with the rung, not before: it brings Numba along

    return winners


def conv2d_max_pool2d_backward(
    dy: Array,
    y: Array | None,
    conv_cache: Conv2DCache,
    pool_cache: MaxPool2DCache,
    *,
    need_dx: bool = True,
    need_dw: bool = True,
) -> tuple[Array | None, Array | None, Array | None]:
    r"""Carry a gradient back through `conv2d_max_pool2d_forward`: (C2) to (C4) of (P2) of (A2).

    Compiled, with windows of 2x2 pixels in float32, dz is never there, which is four times as large
    as dy and 0 but for the winners: dw is summed over windows instead of pixels, and where it is
    Winograd's, its tiles are made from the winners. See `nanocnn.kernels.winners`.

    Parameters
    ----------
    dy : (N, PH, PW, F) float array
        Gradient of the loss with respect to y.
    y : (N, PH, PW, F) array or None
        What was pooled, where the activation was relu; None where there was none.
    conv_cache, pool_cache : Conv2DCache, MaxPool2DCache
        From `conv2d_max_pool2d_forward`.
    need_dx, need_dw : bool
        What to compute.

    Returns
    -------
    dx, dw, db
        As of `conv2d_backward`.
    """
    if current_backend() != "numba":
        dp = dy if y is None else relu_backward(dy, OutputCache(y))
        dz = max_pool2d_backward(dp, pool_cache)
        return conv2d_backward(dz, conv_cache, need_dx=need_dx, need_dw=need_dw)
    check_floats("conv2d backward", x=conv_cache.x, dy=dy, y=y)
    check_shape("conv2d backward", "dy", dy, pool_cache.winner.shape)
    if y is not None:
        check_shape("conv2d backward", "y", y, pool_cache.winner.shape)
    winner, z_shape, *pool = pool_cache
    conv = conv_cache.stride, conv_cache.padding, conv_cache.dilation, conv_cache.groups
    dx, dw, db = _winners().conv2d_max_pool2d_backward(
        dy, y, winner, conv_cache.x, conv_cache.w, z_shape, conv, tuple(pool), need_dx, need_dw
    )
    return dx, dw, db if conv_cache.has_bias else None
