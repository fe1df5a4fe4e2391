"""The dense (fully connected) layer's operation: the public pair."""

from __future__ import annotations

from typing import NamedTuple

from .._backend import rung
from ._checks import Array, check_axes, check_floats, check_shape
from ._fused import backward_through_activation, check_fused, forward_with_activation


class DenseCache(NamedTuple):
    """What (D2) to (D4) need: x and w, and y where an activation was fused."""

    x: Array
    w: Array
    y: Array | None
    has_bias: bool
    activation: str | None


def dense_forward(
    x: Array, w: Array, b: Array | None = None, *, activation: str | None = None
) -> tuple[Array, DenseCache]:
    r"""Multiply each row with a matrix and add a bias.

    .. math:: y_{nf} = b_f + \sum_c x_{nc}\, w_{cf}   \tag{D1}

    Parameters
    ----------
    x : (N, D) float array
    w : (D, F) float array, same dtype as `x`
    b : (F,) float array or None, same dtype as `x`
    activation : None, "relu", "sigmoid" or "tanh"
        Applied before the result is stored.

    Returns
    -------
    y : (N, F) array, dtype of `x`
    cache : DenseCache

    Raises
    ------
    TypeError
        If dtypes differ or are not floating-point.
    ValueError
        If shapes do not fit each other.
    """
    where = "dense"
    check_floats(where, x=x, w=w, b=b)
    check_axes(where, "x", x, "N D")
    check_axes(where, "w", w, "D F")
    check_fused(where, activation)
    if x.shape[1] != w.shape[0]:
        raise ValueError(
            f"{where}: x of shape {x.shape} needs weights of shape ({x.shape[1]}, F), got {w.shape}"
        )
    if b is not None:
        check_shape(where, "b", b, (w.shape[1],))
    y = forward_with_activation(rung(), "dense_forward", (x, w, b), activation)
    return y, DenseCache(x, w, y if activation else None, b is not None, activation)


def dense_backward(
    dy: Array, cache: DenseCache, *, need_dx: bool = True, need_dw: bool = True
) -> tuple[Array | None, Array | None, Array | None]:
    r"""Carry a gradient back through `dense_forward`.

    .. math:: dx_{nc} &= \sum_f dy_{nf}\, w_{cf}   \tag{D2} \\
              dw_{cf} &= \sum_n x_{nc}\, dy_{nf}   \tag{D3} \\
              db_f &= \sum_n dy_{nf}   \tag{D4}

    where a fused activation's slope is first multiplied into dy.

    Parameters
    ----------
    dy : (N, F) float array
    cache : DenseCache
    need_dx, need_dw : bool

    Returns
    -------
    dx : (N, D) array or None
    dw : (D, F) array or None
    db : (F,) array or None
        None where not needed, or for db where there was no bias.
    """
    check_floats("dense backward", x=cache.x, dy=dy)
    check_shape("dense backward", "dy", dy, (cache.x.shape[0], cache.w.shape[1]))
    level = rung()
    dz, db = backward_through_activation(
        level, "dense_backward_bias", dy, cache.y, cache.activation, need_dw and cache.has_bias
    )
    dw = level.dense_backward_weight(dz, cache.x) if need_dw else None
    dx = level.dense_backward_input(dz, cache.w) if need_dx else None
    return dx, dw, db
