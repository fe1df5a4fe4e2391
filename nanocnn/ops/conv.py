"""Two-dimensional convolution: the public pair."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from .._backend import current_backend, rung
from ._checks import (
    Array,
    Padding,
    Pair,
    check_axes,
    check_floats,
    check_shape,
    is_count,
    output_size,
    pair,
    remembered,
    resolve_padding,
)
from ._fused import backward_through_activation, check_fused, forward_with_activation


class Conv2DCache(NamedTuple):
    """What (C2) to (C4) need: x and w, the geometry, and y where an activation was fused."""

    x: Array
    w: Array
    y: Array | None
    has_bias: bool
    stride: Pair
    padding: Padding
    dilation: Pair
    groups: int
    activation: str | None
    y_shape: tuple[int, ...]


@remembered
def conv2d_geometry(
    size: Pair,
    kernel: Pair,
    stride: int | Sequence[int],
    padding: str | int | Sequence[Any],
    dilation: int | Sequence[int],
) -> tuple[Pair, Padding, Pair, Pair]:
    """Return stride, padding and dilation as numbers, and the output's size."""
    steps, spread = pair("stride", stride), pair("dilation", dilation)
    around = resolve_padding(padding, size, kernel, steps, spread)
    return steps, around, spread, output_size("conv2d", size, kernel, steps, around, spread)


def check_conv2d(
    x: Array,
    w: Array,
    b: Array | None,
    stride: int | Sequence[int],
    padding: str | int | Sequence[Any],
    dilation: int | Sequence[int],
    groups: int,
    activation: str | None,
) -> tuple[Pair, Padding, Pair, int]:
    """Return stride, padding, dilation and groups as numbers; raise where something is wrong."""
    check_floats("conv2d", x=x, w=w, b=b)
    check_axes("conv2d", "x", x, "N H W C")
    return check_conv2d_shapes(x.shape, w, b, stride, padding, dilation, groups, activation)


def check_conv2d_shapes(
    x_shape: tuple[int, ...],
    w: Array,
    b: Array | None,
    stride: int | Sequence[int],
    padding: str | int | Sequence[Any],
    dilation: int | Sequence[int],
    groups: int,
    activation: str | None,
) -> tuple[Pair, Padding, Pair, int]:
    """Do the same for an x (N, H, W, C) that need not be there."""
    where = "conv2d"
    check_axes(where, "w", w, "KH KW C/groups F")
    check_fused(where, activation)
    kh, kw, depth, f = w.shape
    if 0 in w.shape:
        raise ValueError(
            f"{where}: filters of shape {w.shape} hold no number; every axis needs at least 1"
        )
    if not is_count(groups, 1) or x_shape[3] != depth * groups or f % groups:
        raise ValueError(
            f"{where}: with groups={groups!r}, x of shape {x_shape} needs filters of shape "
            f"(KH, KW, C/groups, F), F a multiple of groups, got {w.shape}"
        )
    if b is not None:
        check_shape(where, "b", b, (f,))
    size = (x_shape[1], x_shape[2])
    steps, around, spread, _ = conv2d_geometry(size, (kh, kw), stride, padding, dilation)
    return steps, around, spread, int(groups)


def conv2d_forward(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    stride: int | Sequence[int] = 1,
    padding: str | int | Sequence[Any] = "valid",
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
    activation: str | None = None,
) -> tuple[Array, Conv2DCache]:
    r"""Cross-correlate a batch of images with a bank of filters.

    .. math:: y_{nijf} = b_f + \sum_{u,v,c} w_{uvcf}\,
              x_{n,\,i s_h + u d_h - p_t,\,j s_w + v d_w - p_l,\,g + c}   \tag{C1}

    with :math:`g = (C/G)\lfloor f G/F \rfloor`, the first input channel of the group of `f`.
    The filter is not flipped: see `nanocnn.reference.conv` for why, and for the derivation.
    Compiled, 3x3 filters with stride 1 in float32 may be applied by Winograd's form of it, (W2)
    from (W0) and (W1), which is faster and rounds a little more: see `nanocnn.config.winograd`.

    Parameters
    ----------
    x : (N, H, W, C) float array
    w : (KH, KW, C/G, F) float array, same dtype as `x`
    b : (F,) float array or None, same dtype as `x`
    stride, dilation : int or (int, int)
        Rows and columns; dilation 1 means that neighbouring taps read neighbouring pixels.
    padding : "valid", "same", int, (int, int) or ((int, int), (int, int))
        None; as much as ceil(H / stride) outputs need (an odd pixel goes below and to the right,
        as in TensorFlow); all around; rows and columns; top, bottom, left and right.
    groups : int
        Input and output channels are cut into this many groups that do not see each other.
    activation : None, "relu", "sigmoid" or "tanh"
        Applied before the result is stored.

    Returns
    -------
    y : (N, OH, OW, F) array
        ``OH = (H + top + bottom - d_h (KH - 1) - 1)//s_h + 1`` (C0), dtype of `x`.
    cache : Conv2DCache
        For `conv2d_backward`.

    Raises
    ------
    TypeError
        If dtypes differ or are not floating-point.
    ValueError
        If shapes do not fit each other, or an image is smaller than the window.
    """
    steps, around, spread, groups = check_conv2d(
        x, w, b, stride, padding, dilation, groups, activation
    )
    args = (x, w, b, steps, around, spread, groups)
    y = forward_with_activation(rung(), "conv2d_forward", args, activation)
    kept = y if activation else None
    cache = Conv2DCache(
        x, w, kept, b is not None, steps, around, spread, groups, activation, y.shape
    )
    return y, cache


def conv2d_backward(
    dy: Array, cache: Conv2DCache, *, need_dx: bool = True, need_dw: bool = True
) -> tuple[Array | None, Array | None, Array | None]:
    r"""Carry a gradient back through `conv2d_forward`.

    .. math:: dx_{nrqc} &= \sum_{i,j,u,v,f} w_{u,v,c-g,f}\, dy_{nijf}
              \quad\text{over}\ r = i s_h + u d_h - p_t,\ q = j s_w + v d_w - p_l   \tag{C2} \\
              dw_{uvcf} &= \sum_{n,i,j} dy_{nijf}\,
              x_{n,\,i s_h + u d_h - p_t,\,j s_w + v d_w - p_l,\,g + c}   \tag{C3} \\
              db_f &= \sum_{n,i,j} dy_{nijf}   \tag{C4}

    with g as in (C1) and f from the group of c; a fused activation's slope is first multiplied
    into dy. What was said of Winograd's form holds here too: (W2) for dx, (W3) for dw.

    Parameters
    ----------
    dy : (N, OH, OW, F) float array
        Gradient of the loss with respect to y.
    cache : Conv2DCache
        From `conv2d_forward`.
    need_dx, need_dw : bool
        What to compute: the first layer needs no dx, a frozen layer no dw and db.

    Returns
    -------
    dx : (N, H, W, C) array or None
    dw : (KH, KW, C/G, F) array or None
    db : (F,) array or None
        None where not needed, or for db where there was no bias. Sums accumulate in float64 (db)
        or in the order that the shapes fix (dw), so the bits do not depend on the threads.
    """
    check_floats("conv2d backward", x=cache.x, dy=dy)
    check_shape("conv2d backward", "dy", dy, cache.y_shape)
    level = rung()
    need_db = need_dw and cache.has_bias
    at_once = need_db and current_backend() == "numba"  # db is summed where dw reads dz
    dz, db = backward_through_activation(
        level, "conv2d_backward_bias", dy, cache.y, cache.activation, need_db and not at_once
    )
    geometry = (cache.stride, cache.padding, cache.dilation, cache.groups)
    dx = dw = None
    if at_once:
        dw, db = level.conv2d_backward_weight_and_bias(dz, cache.x, cache.w.shape, *geometry)
    elif need_dw:
        dw = level.conv2d_backward_weight(dz, cache.x, cache.w.shape, *geometry)
    if need_dx:
        dx = level.conv2d_backward_input(dz, cache.w, cache.x.shape, *geometry)
    return dx, dw, db
