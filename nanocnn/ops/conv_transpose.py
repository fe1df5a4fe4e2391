"""Transposed convolution, which makes images larger: the public pair."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from .._backend import rung
from ._checks import (
    Array,
    Padding,
    Pair,
    check_axes,
    check_floats,
    check_shape,
    pair,
    remembered,
    resolve_padding,
)
from ._fused import backward_through_activation, check_fused, forward_with_activation


class ConvTranspose2DCache(NamedTuple):
    """What (T2), (T3) and (C4) need: x and w, the geometry, y where an activation was fused."""

    x: Array
    w: Array
    y: Array | None
    has_bias: bool
    stride: Pair
    padding: Padding
    activation: str | None
    y_shape: tuple[int, ...]


@remembered
def transposed_size(
    where: str, size: Pair, kernel: Pair, stride: Pair, padding: str | int | Sequence[Any]
) -> tuple[Pair, Padding]:
    """Return (OH, OW) by (T0), and the padding in numbers; raise where no pixel would be left."""
    same = isinstance(padding, str) and padding == "same"
    larger = (size[0] * stride[0], size[1] * stride[1])
    around = resolve_padding(padding, larger, kernel, stride)
    rows, cols = (
        (n - 1) * s + k - before - after
        for n, k, s, (before, after) in zip(size, kernel, stride, around, strict=True)
    )
    if min(*size, rows, cols) < 1:
        raise ValueError(
            f"{where}: from an image of {size[0]}x{size[1]}, a window of {kernel[0]}x{kernel[1]}, "
            f"stride {stride} and padding {around} leave no pixel; use less padding"
        )
    return (larger if same else (rows, cols)), around


def conv_transpose2d_forward(
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    stride: int | Sequence[int] = 1,
    padding: str | int | Sequence[Any] = "valid",
    activation: str | None = None,
) -> tuple[Array, ConvTranspose2DCache]:
    r"""Stamp filters on a larger image, once for each pixel: the adjoint of `conv2d_forward`.

    .. math:: y_{nrqf} = b_f + \sum_{i,j,u,v,c} w_{uvfc}\, x_{nijc}
              \quad\text{over}\ r = i s_h + u - p_t,\ q = j s_w + v - p_l   \tag{T1}

    The sum is (C2), so it is done by convolution's own kernel, and `w` lies as in a convolution
    that takes y's channels to x's. See `nanocnn.reference.conv_transpose` for the derivation.

    Parameters
    ----------
    x : (N, H, W, C) float array
    w : (KH, KW, F, C) float array, same dtype as `x`
        As in Keras: the channels of the output come before those of the input.
    b : (F,) float array or None, same dtype as `x`
    stride : int or (int, int)
        Pixels of y between neighbouring pixels of x.
    padding : "valid", "same", int, (int, int) or ((int, int), (int, int))
        What is cut off: nothing; as much as leaves H * stride rows; all around; rows and columns;
        top, bottom, left and right.
    activation : None, "relu", "sigmoid" or "tanh"
        Applied before the result is stored.

    Returns
    -------
    y : (N, OH, OW, F) array
        ``OH = (H - 1) s_h + KH - top - bottom`` (T0), or ``H s_h`` if "same"; dtype of `x`.
    cache : ConvTranspose2DCache
        For `conv_transpose2d_backward`.

    Raises
    ------
    TypeError
        If dtypes differ or are not floating-point.
    ValueError
        If shapes do not fit each other, or padding leaves no pixel.
    """
    where = "conv_transpose2d"
    check_floats(where, x=x, w=w, b=b)
    check_axes(where, "x", x, "N H W C")
    check_axes(where, "w", w, "KH KW F C")
    check_fused(where, activation)
    if 0 in w.shape or w.shape[3] != x.shape[3]:
        raise ValueError(
            f"{where}: x of shape {x.shape} needs filters of shape (KH, KW, F, {x.shape[3]}), "
            f"every axis at least 1, got {w.shape}"
        )
    if b is not None:
        check_shape(where, "b", b, (w.shape[2],))
    steps = pair("stride", stride)
    kernel = (w.shape[0], w.shape[1])
    size, around = transposed_size(where, (x.shape[1], x.shape[2]), kernel, steps, padding)
    args = (x, w, b, size, steps, around)
    y = forward_with_activation(rung(), "conv_transpose2d_forward", args, activation)
    kept = y if activation else None
    return y, ConvTranspose2DCache(x, w, kept, b is not None, steps, around, activation, y.shape)


def conv_transpose2d_backward(
    dy: Array, cache: ConvTranspose2DCache, *, need_dx: bool = True, need_dw: bool = True
) -> tuple[Array | None, Array | None, Array | None]:
    r"""Carry a gradient back through `conv_transpose2d_forward`.

    .. math:: dx_{nijc} &= \sum_{u,v,f} w_{uvfc}\,
              dy_{n,\,i s_h + u - p_t,\,j s_w + v - p_l,\,f}   \tag{T2} \\
              dw_{uvfc} &= \sum_{n,i,j} x_{nijc}\,
              dy_{n,\,i s_h + u - p_t,\,j s_w + v - p_l,\,f}   \tag{T3}

    which are (C1) of dy, and (C3) with x and dy exchanged; db is (C4). A fused activation's slope
    is first multiplied into dy.

    Parameters
    ----------
    dy : (N, OH, OW, F) float array
    cache : ConvTranspose2DCache
    need_dx, need_dw : bool
        What to compute: the first layer needs no dx, a frozen layer no dw and db.

    Returns
    -------
    dx : (N, H, W, C) array or None
    dw : (KH, KW, F, C) array or None
    db : (F,) array or None
        None where not needed, or for db where there was no bias.
    """
    check_floats("conv_transpose2d backward", x=cache.x, dy=dy)
    check_shape("conv_transpose2d backward", "dy", dy, cache.y_shape)
    level, (x, w) = rung(), (cache.x, cache.w)
    need_db = need_dw and cache.has_bias
    dz, db = backward_through_activation(
        level, "conv2d_backward_bias", dy, cache.y, cache.activation, need_db
    )
    geometry = (cache.stride, cache.padding)
    dx = dw = None
    if need_dw:
        dw = level.conv_transpose2d_backward_weight(dz, x, w.shape, *geometry)
    if need_dx:
        dx = level.conv_transpose2d_backward_input(dz, w, x.shape, *geometry)
    return dx, dw, db
