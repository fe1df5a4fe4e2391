"""Activations: one number in, one number out, on whole arrays.

The equations and their derivation stand in `nanocnn/reference/activations.py`. All functions
take float32, float64 and complex128 arrays of any shape and return that shape and dtype.
Where an order is needed, complex numbers are compared by their real part.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

GELU_SCALE = float(np.sqrt(2.0 / np.pi))
GELU_CUBIC = 0.044715


def relu_forward(x: Array) -> Array:
    """Replace negative numbers by zero (A1). A NaN stays a NaN.

    Parameters
    ----------
    x : float or complex array of any shape

    Returns
    -------
    array, shape and dtype of `x`
    """
    return np.where(x.real <= 0, x.dtype.type(0), x)


def relu_backward(dy: Array, y: Array) -> Array:
    """Stop the gradient where the output is zero (A2).

    Parameters
    ----------
    dy, y : arrays of one shape
        Upstream gradient and the *output* of `relu_forward`.

    Returns
    -------
    array, shape and dtype of `dy`
    """
    return np.where(y.real <= 0, dy.dtype.type(0), dy)


def leaky_relu_forward(x: Array, slope: float) -> Array:
    """Multiply negative numbers by `slope` (A3).

    Parameters
    ----------
    x : float or complex array of any shape
    slope : float

    Returns
    -------
    array, shape and dtype of `x`
    """
    return np.where(x.real <= 0, slope * x, x)


def leaky_relu_backward(dy: Array, x: Array, slope: float) -> Array:
    """Multiply the gradient by `slope` where the input was not positive (A4).

    Parameters
    ----------
    dy, x : arrays of one shape
    slope : float

    Returns
    -------
    array, shape and dtype of `dy`
    """
    return np.where(x.real <= 0, slope * dy, dy)


def sigmoid_forward(x: Array) -> Array:
    """Squash to between 0 and 1, without overflow at any `x` (A5).

    Parameters
    ----------
    x : float or complex array of any shape

    Returns
    -------
    array, shape and dtype of `x`
    """
    negative = x.real < 0
    z = np.exp(np.where(negative, x, -x))  # never larger than 1
    y: Array = np.where(negative, z, z.dtype.type(1)) / (1 + z)
    return y


def sigmoid_backward(dy: Array, y: Array) -> Array:
    """Multiply the gradient by y (1 - y), y being the *output* (A6).

    Parameters
    ----------
    dy, y : arrays of one shape

    Returns
    -------
    array, shape and dtype of `dy`
    """
    dx: Array = dy * y * (1 - y)
    return dx


def tanh_forward(x: Array) -> Array:
    """Squash to between -1 and 1 (A7).

    Parameters
    ----------
    x : float or complex array of any shape

    Returns
    -------
    array, shape and dtype of `x`
    """
    y: Array = np.tanh(x)
    return y


def tanh_backward(dy: Array, y: Array) -> Array:
    """Multiply the gradient by 1 - y^2, y being the *output* (A8).

    Parameters
    ----------
    dy, y : arrays of one shape

    Returns
    -------
    array, shape and dtype of `dy`
    """
    dx: Array = dy * (1 - y * y)
    return dx


def gelu_forward(x: Array) -> Array:
    """Gate x with a smooth step, the tanh form of GELU (A9).

    Parameters
    ----------
    x : float or complex array of any shape

    Returns
    -------
    array, shape and dtype of `x`
    """
    y: Array = 0.5 * x * (1 + _gelu_gate(_gelu_bounded(x)))
    return y


def gelu_backward(dy: Array, x: Array) -> Array:
    """Multiply the gradient by the slope of GELU at the *input* (A10).

    Parameters
    ----------
    dy, x : arrays of one shape

    Returns
    -------
    array, shape and dtype of `dy`
    """
    x = _gelu_bounded(x)
    gate = _gelu_gate(x)
    inner = GELU_SCALE * (1 + 3 * GELU_CUBIC * x * x)
    dx: Array = dy * (0.5 * (1 + gate) + 0.5 * x * (1 - gate * gate) * inner)
    return dx


def _gelu_gate(x: Array) -> Array:
    """tanh(h) in (A9)."""
    gate: Array = np.tanh(GELU_SCALE * (x + GELU_CUBIC * x * x * x))
    return gate


def _gelu_bounded(x: Array) -> Array:
    """Keep x within 30 of 0: there tanh(h) is 1 or -1 already, and further on x^3 overflows."""
    far = np.abs(x.real) > 30
    bounded: Array = np.where(far, np.copysign(30, x.real), x).astype(x.dtype)
    return bounded
