"""Upsampling by a whole factor: the public pair."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .._backend import rung
from ._checks import Array, Pair, check_axes, check_floats, check_shape, pair

INTERPOLATIONS = ("nearest", "bilinear")


class Upsample2DCache(NamedTuple):
    """What (U3) needs: shapes and the weights' rule, no numbers."""

    y_shape: tuple[int, ...]
    factor: Pair
    interpolation: str


def check_interpolation(where: str, interpolation: str) -> None:
    """Raise ValueError unless the name is known."""
    if interpolation not in INTERPOLATIONS:
        raise ValueError(
            f"{where}: interpolation must be 'nearest' or 'bilinear', got {interpolation!r}"
        )


def upsample2d_forward(
    x: Array, factor: int | Sequence[int] = 2, *, interpolation: str = "nearest"
) -> tuple[Array, Upsample2DCache]:
    r"""Make images larger: nearest repeats pixels, bilinear blends them.

    .. math:: y_{nijc} &= \sum_{r,q} A_{ir} B_{jq}\, x_{nrqc}   \tag{U1} \\
              A_{ir} &= \max(0,\, 1 - |t_i - r|), \quad
              t_i = (i + \tfrac12)/a - \tfrac12\ \text{within}\ [0, H-1]   \tag{U2}

    (U2) is bilinear's rule: half-pixel centres, as in Keras, and in PyTorch with
    ``align_corners=False``. For nearest, A is 1 where ``r = i // a``.

    Parameters
    ----------
    x : (N, H, W, C) float array
    factor : int or (int, int)
        Rows and columns.
    interpolation : "nearest" or "bilinear"

    Returns
    -------
    y : (N, a H, b W, C) array, dtype of `x`
    cache : Upsample2DCache

    Raises
    ------
    TypeError, ValueError
        If x is no batch of floating-point images, or an option is none of those above.
    """
    check_floats("upsample2d", x=x)
    check_axes("upsample2d", "x", x, "N H W C")
    check_interpolation("upsample2d", interpolation)
    times = pair("upsample2d: factor", factor)
    y: Array = rung().upsample2d_forward(x, times, interpolation)
    return y, Upsample2DCache(y.shape, times, interpolation)


def upsample2d_backward(dy: Array, cache: Upsample2DCache) -> Array:
    r"""Give each pixel's gradient to the pixels it was made of.

    .. math:: dx_{nrqc} = \sum_{i,j} A_{ir} B_{jq}\, dy_{nijc}   \tag{U3}

    Parameters
    ----------
    dy : (N, a H, b W, C) float array
    cache : Upsample2DCache

    Returns
    -------
    dx : (N, H, W, C) array, dtype of `dy`
    """
    check_floats("upsample2d backward", dy=dy)
    check_shape("upsample2d backward", "dy", dy, cache.y_shape)
    dx: Array = rung().upsample2d_backward(dy, cache.factor, cache.interpolation)
    return dx
