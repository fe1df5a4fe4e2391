"""Element-by-element activations: the public pairs.

Each cache holds the one array from which the slope follows: the output where that is enough (relu,
sigmoid, tanh), the input otherwise (leaky relu, gelu). All take and return arrays of any shape,
float32 or float64, and raise TypeError for other dtypes and ValueError for a dy of another shape.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from .._backend import rung
from ._checks import Array, check_floats, check_shape


class OutputCache(NamedTuple):
    """The output y, from which the slope follows."""

    y: Array


class InputCache(NamedTuple):
    """The input x, from which the slope follows."""

    x: Array


class LeakyReLUCache(NamedTuple):
    """The input x and the slope below zero."""

    x: Array
    slope: float


def _check_backward(where: str, dy: Array, **of_cache: Array) -> None:
    check_floats(f"{where} backward", **of_cache, dy=dy)
    (kept,) = of_cache.values()
    check_shape(f"{where} backward", "dy", dy, kept.shape)


def relu_forward(x: Array) -> tuple[Array, OutputCache]:
    r"""Cut off below zero: :math:`y = \max(x, 0)` (A1). NaN stays NaN."""
    check_floats("relu", x=x)
    y: Array = rung().relu_forward(x)
    return y, OutputCache(y)


def relu_backward(dy: Array, cache: OutputCache) -> Array:
    r"""Let through where y is positive: :math:`dx = dy\,[y > 0]` (A2); slope 0 at the kink."""
    _check_backward("relu", dy, y=cache.y)
    dx: Array = rung().relu_backward(dy, cache.y)
    return dx


def leaky_relu_forward(x: Array, slope: float = 0.01) -> tuple[Array, LeakyReLUCache]:
    r"""Flatten below zero: :math:`y = x` for :math:`x > 0`, else slope * x (A3).

    Raises ValueError for a slope that is negative or not finite.
    """
    check_floats("leaky_relu", x=x)
    if not isinstance(slope, (int, float, np.floating)) or not 0 <= slope < math.inf:
        raise ValueError(f"leaky_relu: slope must be a finite number from 0, got {slope!r}")
    y: Array = rung().leaky_relu_forward(x, slope)
    return y, LeakyReLUCache(x, slope)


def leaky_relu_backward(dy: Array, cache: LeakyReLUCache) -> Array:
    r"""Return dy where x is positive, else slope * dy (A4)."""
    _check_backward("leaky_relu", dy, x=cache.x)
    dx: Array = rung().leaky_relu_backward(dy, cache.x, cache.slope)
    return dx


def sigmoid_forward(x: Array) -> tuple[Array, OutputCache]:
    r"""Squash to (0, 1): :math:`y = 1/(1 + e^{-x})` (A5), without overflow for any x."""
    check_floats("sigmoid", x=x)
    y: Array = rung().sigmoid_forward(x)
    return y, OutputCache(y)


def sigmoid_backward(dy: Array, cache: OutputCache) -> Array:
    r"""Return :math:`dx = dy\, y (1 - y)` (A6)."""
    _check_backward("sigmoid", dy, y=cache.y)
    dx: Array = rung().sigmoid_backward(dy, cache.y)
    return dx


def tanh_forward(x: Array) -> tuple[Array, OutputCache]:
    r"""Squash to (-1, 1): :math:`y = \tanh x` (A7)."""
    check_floats("tanh", x=x)
    y: Array = rung().tanh_forward(x)
    return y, OutputCache(y)


def tanh_backward(dy: Array, cache: OutputCache) -> Array:
    r"""Return :math:`dx = dy\,(1 - y^2)` (A8)."""
    _check_backward("tanh", dy, y=cache.y)
    dx: Array = rung().tanh_backward(dy, cache.y)
    return dx


def gelu_forward(x: Array) -> tuple[Array, InputCache]:
    r"""Gaussian error linear unit in its tanh form (Hendrycks and Gimpel, 2016).

    .. math:: y = \tfrac{x}{2}\left(1 + \tanh\!\left(\sqrt{2/\pi}\,(x + 0.044715\,x^3)\right)\right)
              \tag{A9}
    """
    check_floats("gelu", x=x)
    y: Array = rung().gelu_forward(x)
    return y, InputCache(x)


def gelu_backward(dy: Array, cache: InputCache) -> Array:
    r"""Return dy times the slope of (A9) at x, see (A10) in `nanocnn.reference.activations`."""
    _check_backward("gelu", dy, x=cache.x)
    dx: Array = rung().gelu_backward(dy, cache.x)
    return dx
