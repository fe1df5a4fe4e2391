"""Softmax over the last axis: the public pair."""

from __future__ import annotations

from .._backend import rung
from ._checks import Array, check_floats, check_shape
from .activations import OutputCache


def softmax_forward(x: Array) -> tuple[Array, OutputCache]:
    r"""Turn scores into probabilities along the last axis.

    .. math:: y_k = \frac{e^{x_k - m}}{\sum_l e^{x_l - m}}, \quad m = \max_l x_l   \tag{S1}

    The shift by m changes nothing but keeps the exponentials from overflowing.

    Parameters
    ----------
    x : (..., K) float array

    Returns
    -------
    y : (..., K) array, dtype of `x`
    cache : OutputCache

    Raises
    ------
    TypeError
        If x is not float32 or float64.
    ValueError
        If x has no axis, or its last axis is empty.
    """
    check_floats("softmax", x=x)
    if x.ndim == 0 or x.shape[-1] == 0:
        raise ValueError(f"softmax: x must have at least one score on its last axis, got {x.shape}")
    y: Array = rung().softmax_forward(x)
    return y, OutputCache(y)


def softmax_backward(dy: Array, cache: OutputCache) -> Array:
    r"""Carry a gradient back through softmax.

    .. math:: dx_k = y_k \Bigl(dy_k - \sum_l dy_l\, y_l\Bigr)   \tag{S2}

    Parameters
    ----------
    dy : (..., K) float array
    cache : OutputCache

    Returns
    -------
    dx : (..., K) array, dtype of `dy`
    """
    check_floats("softmax backward", y=cache.y, dy=dy)
    check_shape("softmax backward", "dy", dy, cache.y.shape)
    dx: Array = rung().softmax_backward(dy, cache.y)
    return dx
