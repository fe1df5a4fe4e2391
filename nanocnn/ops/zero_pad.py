"""A border of zeros around images: the public pair."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from .._backend import rung
from ._checks import Array, Padding, check_axes, check_floats, check_shape, resolve_padding


class ZeroPad2DCache(NamedTuple):
    """What (Z2) needs."""

    y_shape: tuple[int, ...]
    padding: Padding


def border(where: str, padding: int | Sequence[Any]) -> Padding:
    """Return the padding in numbers; words have no meaning without a window."""
    if isinstance(padding, str):
        raise ValueError(f"{where}: padding must be given in numbers, got {padding!r}")
    return resolve_padding(padding, (1, 1), (1, 1), (1, 1))


def zero_pad2d_forward(x: Array, padding: int | Sequence[Any] = 1) -> tuple[Array, ZeroPad2DCache]:
    r"""Surround every image with zeros.

    .. math:: y_{nijc} = x_{n,\,i-t,\,j-l,\,c}\ \text{inside the image, else}\ 0   \tag{Z1}

    Parameters
    ----------
    x : (N, H, W, C) float array
    padding : int, (int, int) or ((int, int), (int, int))
        All around; rows and columns; top, bottom, left and right.

    Returns
    -------
    y : (N, H + top + bottom, W + left + right, C) array, dtype of `x`
    cache : ZeroPad2DCache

    Raises
    ------
    TypeError, ValueError
        If x is no batch of floating-point images, or the padding none of those above.
    """
    check_floats("zero_pad2d", x=x)
    check_axes("zero_pad2d", "x", x, "N H W C")
    around = border("zero_pad2d", padding)
    y: Array = rung().zero_pad2d_forward(x, around)
    return y, ZeroPad2DCache(y.shape, around)


def zero_pad2d_backward(dy: Array, cache: ZeroPad2DCache) -> Array:
    r"""Cut the border off.

    .. math:: dx_{nrqc} = dy_{n,\,r+t,\,q+l,\,c}   \tag{Z2}

    Parameters
    ----------
    dy : (N, H + top + bottom, W + left + right, C) float array
    cache : ZeroPad2DCache

    Returns
    -------
    dx : (N, H, W, C) array, dtype of `dy`
    """
    check_floats("zero_pad2d backward", dy=dy)
    check_shape("zero_pad2d backward", "dy", dy, cache.y_shape)
    dx: Array = rung().zero_pad2d_backward(dy, cache.padding)
    return dx
