"""Activations, element by element: the bend between two linear layers.

An activation turns every number x[e] into y[e] = s(x[e]) by itself. Write dy for ∂L/∂y, which
arrives from above, and dx for ∂L/∂x. By the chain rule x[e] acts on the loss through every output,

    dx[e] = sum_g dy[g] ∂y[g]/∂x[e]

but y[g] does not contain x[e] unless g = e, so the Jacobian is diagonal: ∂y[g]/∂x[e] is s'(x[e]) if
g = e, else 0. One term of the sum is left, and the backward pass is one product per element:

    dx[e] = dy[e] s'(x[e])

Here s' is taken *at the input* x. For relu, sigmoid and tanh s'(x) can be *written* with the
output y, which is cheaper because y is at hand; that is not s' *at* y. Each section below forms s'
and puts it into this line; the index e is left out.

Relu
----
    y = max(x, 0)                                                                               (A1)
    dx = dy if y > 0, else 0                                                                    (A2)

The slope is 1 above zero and 0 below. At x = 0 there is a kink and no derivative; 0 is chosen. As
y > 0 exactly when x > 0, the output is enough (Nair and Hinton 2010).

Leaky relu
----------
    y = x if x > 0, else slope * x                                                              (A3)
    dx = dy if x > 0, else slope * dy                                                           (A4)

The small slope keeps a unit alive whose input is always negative (Maas et al. 2013).

Sigmoid
-------
    y = 1 / (1 + e^-x)                                                                          (A5)

e^-x overflows when x is far below zero. Multiply numerator and denominator by e^x there:
y = e^x / (1 + e^x). Choosing by the sign of x, the exponential is never above 1. With the quotient
rule, and as 1 - y = (1 + e^-x - 1) / (1 + e^-x) = e^-x / (1 + e^-x), the derivative is

    s'(x) = e^-x / (1 + e^-x)^2 = y * e^-x / (1 + e^-x) = y (1 - y)

    dx = dy y (1 - y)                                                                           (A6)

Tanh
----
    y = tanh(x) = sinh(x) / cosh(x)                                                             (A7)

sinh' = cosh and cosh' = sinh, so the quotient rule gives
s'(x) = (cosh^2 - sinh^2) / cosh^2 = 1 - tanh(x)^2 = 1 - y^2:

    dx = dy (1 - y^2)                                                                           (A8)

GELU
----
x times the probability that a standard normal number lies below x, in the form that its authors
give with tanh (Hendrycks and Gimpel 2016). With k = sqrt(2/pi):

    y = x/2 (1 + tanh(h)),    h = k (x + 0.044715 x^3)                                          (A9)

x stands in both factors. The product rule gives s'(x) = (1 + tanh(h))/2 + x/2 d tanh(h)/dx; the
chain rule, with (A8) for tanh, d tanh(h)/dx = (1 - tanh(h)^2) h', where
h' = k (1 + 3 * 0.044715 x^2). Here s' needs the input, the output does not tell it:

    dx = dy [ (1 + tanh(h))/2 + x/2 (1 - tanh(h)^2) k (1 + 3 * 0.044715 x^2) ]                 (A10)

All functions take arrays of any shape, work in float64 (complex128 for complex input) and return
the input's dtype. Order comparisons look at the real part, which is all that the complex-step
derivative needs: s'(x) = Im s(x + ih) / h for tiny h, away from kinks. The loops are slow on
purpose.

References
----------
V. Nair and G. Hinton (2010), Rectified linear units improve restricted Boltzmann machines, ICML.
A. Maas, A. Hannun and A. Ng (2013), Rectifier nonlinearities improve neural network acoustic
models, ICML.
D. Hendrycks and K. Gimpel (2016), Gaussian error linear units, arXiv:1606.08415.
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
    y = _wide(x)
    for e in np.ndindex(*x.shape):
        if x[e].real <= 0:
            y[e] = 0
    return y.astype(x.dtype)


def relu_backward(dy: Array, y: Array) -> Array:
    """Stop the gradient where the *output* is zero (A2).

    Parameters
    ----------
    dy, y : arrays of one shape
        Upstream gradient and output of `relu_forward`.

    Returns
    -------
    array, shape and dtype of `dy`
    """
    dx = _wide(dy)
    for e in np.ndindex(*dy.shape):
        if y[e].real <= 0:
            dx[e] = 0
    return dx.astype(dy.dtype)


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
    y = _wide(x)
    for e in np.ndindex(*x.shape):
        if x[e].real <= 0:
            y[e] *= slope
    return y.astype(x.dtype)


def leaky_relu_backward(dy: Array, x: Array, slope: float) -> Array:
    """Multiply the gradient by `slope` where the *input* was not positive (A4).

    Parameters
    ----------
    dy, x : arrays of one shape
    slope : float

    Returns
    -------
    array, shape and dtype of `dy`
    """
    dx = _wide(dy)
    for e in np.ndindex(*dy.shape):
        if x[e].real <= 0:
            dx[e] *= slope
    return dx.astype(dy.dtype)


def sigmoid_forward(x: Array) -> Array:
    """Squash to between 0 and 1, without overflow at any `x` (A5).

    Parameters
    ----------
    x : float or complex array of any shape

    Returns
    -------
    array, shape and dtype of `x`
    """
    y = _wide(x)
    for e in np.ndindex(*x.shape):
        if y[e].real >= 0:
            y[e] = 1 / (1 + np.exp(-y[e]))
        else:
            y[e] = np.exp(y[e]) / (1 + np.exp(y[e]))
    return y.astype(x.dtype)


def sigmoid_backward(dy: Array, y: Array) -> Array:
    """Multiply the gradient by y (1 - y), y being the *output* (A6).

    Parameters
    ----------
    dy, y : arrays of one shape

    Returns
    -------
    array, shape and dtype of `dy`
    """
    dx, output = _wide(dy), _wide(y)
    for e in np.ndindex(*dy.shape):
        dx[e] *= output[e] * (1 - output[e])
    return dx.astype(dy.dtype)


def tanh_forward(x: Array) -> Array:
    """Squash to between -1 and 1 (A7).

    Parameters
    ----------
    x : float or complex array of any shape

    Returns
    -------
    array, shape and dtype of `x`
    """
    y = _wide(x)
    for e in np.ndindex(*x.shape):
        y[e] = np.tanh(y[e])
    return y.astype(x.dtype)


def tanh_backward(dy: Array, y: Array) -> Array:
    """Multiply the gradient by 1 - y^2, y being the *output* (A8).

    Parameters
    ----------
    dy, y : arrays of one shape

    Returns
    -------
    array, shape and dtype of `dy`
    """
    dx, output = _wide(dy), _wide(y)
    for e in np.ndindex(*dy.shape):
        dx[e] *= 1 - output[e] * output[e]
    return dx.astype(dy.dtype)


def gelu_forward(x: Array) -> Array:
    """Gate x with a smooth step, the tanh form of GELU (A9).

    Parameters
    ----------
    x : float or complex array of any shape

    Returns
    -------
    array, shape and dtype of `x`
    """
    y = _wide(x)
    for e in np.ndindex(*x.shape):
        a = y[e]
        h = GELU_SCALE * (a + GELU_CUBIC * a * a * a)
        y[e] = a / 2 * (1 + np.tanh(h))
    return y.astype(x.dtype)


def gelu_backward(dy: Array, x: Array) -> Array:
    """Multiply the gradient by the slope of GELU at the *input* (A10).

    Parameters
    ----------
    dy, x : arrays of one shape

    Returns
    -------
    array, shape and dtype of `dy`
    """
    dx, inputs = _wide(dy), _wide(x)
    for e in np.ndindex(*dy.shape):
        a = inputs[e]
        t = np.tanh(GELU_SCALE * (a + GELU_CUBIC * a * a * a))
        slope_of_h = GELU_SCALE * (1 + 3 * GELU_CUBIC * a * a)
        dx[e] *= (1 + t) / 2 + a / 2 * (1 - t * t) * slope_of_h
    return dx.astype(dy.dtype)


def _wide(x: Array) -> Array:
    """Copy to float64 (complex128 if complex)."""
    return x.astype(np.result_type(x.dtype, np.float64))
