"""Flattening images to rows: the public pair."""

from __future__ import annotations

from typing import NamedTuple

from .._backend import rung
from ._checks import Array, check_floats, check_shape


class FlattenCache(NamedTuple):
    """What (F2) needs: the shape of x."""

    x_shape: tuple[int, ...]


def flatten_forward(x: Array) -> tuple[Array, FlattenCache]:
    r"""Lay the pixels of each image behind each other, channels innermost.

    .. math:: y_{n,\,(iW + j)C + c} = x_{nijc}   \tag{F1}

    Parameters
    ----------
    x : (N, ...) float array

    Returns
    -------
    y : (N, H W C) array
        A view of x where that is possible.
    cache : FlattenCache

    Raises
    ------
    TypeError
        If x is not float32 or float64.
    ValueError
        If x has no batch axis.
    """
    check_floats("flatten", x=x)
    if x.ndim == 0:
        raise ValueError("flatten: x must have a batch axis, got a single number")
    y: Array = rung().flatten_forward(x)
    return y, FlattenCache(x.shape)


def flatten_backward(dy: Array, cache: FlattenCache) -> Array:
    r"""Put the gradient back into the image's shape.

    .. math:: dx_{nijc} = dy_{n,\,(iW + j)C + c}   \tag{F2}

    Parameters
    ----------
    dy : (N, H W C) float array
    cache : FlattenCache

    Returns
    -------
    dx : (N, H, W, C) array
    """
    check_floats("flatten backward", dy=dy)
    size = 1
    for n in cache.x_shape[1:]:
        size *= n
    check_shape("flatten backward", "dy", dy, (cache.x_shape[0], size))
    dx: Array = rung().flatten_backward(dy, cache.x_shape)
    return dx
