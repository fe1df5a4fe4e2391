"""Dropout: the public pair."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from .._backend import rung
from ._checks import Array, check_floats, check_shape, is_count


class DropoutCache(NamedTuple):
    """What (R2) needs: the rate and the key, from which the mask is computed again."""

    rate: float
    key: int
    shape: tuple[int, ...]


def check_rate(rate: float) -> None:
    """Raise ValueError unless 0 <= rate < 1."""
    if not (isinstance(rate, (int, float, np.floating)) and math.isfinite(rate) and 0 <= rate < 1):
        raise ValueError(f"dropout: rate must be a number from 0 to below 1, got {rate!r}")


def dropout_forward(x: Array, rate: float, key: int) -> tuple[Array, DropoutCache]:
    r"""Set each element to zero with probability `rate`, and scale up the rest.

    .. math:: y_e = x_e\, k_e / (1 - r), \quad k_e = [\text{hash}(key, e) \ge r]   \tag{R1}

    The mask is a hash of the key and the element's place in row order: the same on any number of
    threads, and the same again whenever the key is.

    Parameters
    ----------
    x : float array of any shape
    rate : float
        Share that is dropped, 0 <= rate < 1.
    key : int
        0 <= key < 2**64.

    Returns
    -------
    y : array of x's shape and dtype
    cache : DropoutCache

    Raises
    ------
    TypeError
        If x is not float32 or float64.
    ValueError
        If rate or key are out of range.
    """
    check_floats("dropout", x=x)
    check_rate(rate)
    if not is_count(key, 0) or int(key) >= 1 << 64:
        raise ValueError(f"dropout: key must be a whole number from 0 to below 2**64, got {key!r}")
    rate, key = float(rate), int(key)
    y: Array = rung().dropout_forward(x, rate, key)
    return y, DropoutCache(rate, key, x.shape)


def dropout_backward(dy: Array, cache: DropoutCache) -> Array:
    r"""Let the gradient through where the value was let through.

    .. math:: dx_e = dy_e\, k_e / (1 - r)   \tag{R2}

    Parameters
    ----------
    dy : float array of x's shape
    cache : DropoutCache

    Returns
    -------
    dx : array of dy's shape and dtype
    """
    check_floats("dropout backward", dy=dy)
    check_shape("dropout backward", "dy", dy, cache.shape)
    dx: Array = rung().dropout_backward(dy, cache.rate, cache.key)
    return dx
