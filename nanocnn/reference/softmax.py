"""Softmax, index by index: scores become probabilities.

It works along the last axis, of length K; k and l are indices on it, all other axes are carried
along. Every row of scores x[.., K] becomes positive numbers that sum to 1.

Forward
-------
    y[k] = e^(x[k] - m) / sum_l e^(x[l] - m),    m = max_l x[l]                                 (S1)

*The shift.* Taking m from every score multiplies numerator and denominator by the same e^-m and
changes nothing. But e^x overflows in float32 from x = 89 on; after the shift the largest exponent
is 0, so no exponential exceeds 1 and the denominator is at least 1. As y does not depend on
m, m is a constant in what follows, although it was computed from x.

Backward
--------
Let Z = sum_l e^(x[l] - m). The quotient rule on y[k] = e^(x[k] - m) / Z gives

    ∂y[k]/∂x[l] = [k = l] e^(x[k] - m) / Z - e^(x[k] - m) e^(x[l] - m) / Z^2
                = y[k] ([k = l] - y[l])

where [k = l] is 1 if k = l, else 0. All outputs depend on all scores of the row, so the chain rule
sums over k. With dy[k] for ∂L/∂y[k], the gradient that arrives from above, and dx[l] for ∂L/∂x[l]:

    dx[l] = sum_k dy[k] y[k] ([k = l] - y[l]) = dy[l] y[l] - y[l] sum_k dy[k] y[k]

    dx[l] = y[l] (dy[l] - sum_k dy[k] y[k])                                                     (S2)

The sum is the mean of dy under the probabilities y: only what differs from it moves the scores, and
the dx of a row sum to 0, since adding one number to all scores changes nothing. Followed by
cross-entropy, (S2) shrinks to y - target: see `losses.py`.

Sums run in float64. Complex numbers are compared by their real part. The loops are slow on purpose.

References
----------
I. Goodfellow, Y. Bengio and A. Courville (2016), Deep Learning, MIT Press, sections 4.1 and
6.2.2.3.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def softmax_forward(x: Array) -> Array:
    """Turn scores into probabilities (S1).

    Parameters
    ----------
    x : (..., K) float or complex array

    Returns
    -------
    array, shape and dtype of `x`
    """
    *rows, K = x.shape
    y = _wide(x)
    for row in np.ndindex(*rows):
        m = max(y[row][k].real for k in range(K))
        total = sum(np.exp(y[row][k] - m) for k in range(K))
        for k in range(K):
            y[row][k] = np.exp(y[row][k] - m) / total
    return y.astype(x.dtype)


def softmax_backward(dy: Array, y: Array) -> Array:
    """Multiply the gradient by softmax's Jacobian, from the *output* (S2).

    Parameters
    ----------
    dy, y : (..., K) arrays

    Returns
    -------
    array, shape and dtype of `dy`
    """
    *rows, K = y.shape
    upstream, output = _wide(dy), _wide(y)
    dx = np.zeros_like(upstream)
    for row in np.ndindex(*rows):
        mean = sum(upstream[row][k] * output[row][k] for k in range(K))
        for k in range(K):
            dx[row][k] = output[row][k] * (upstream[row][k] - mean)
    return dx.astype(dy.dtype)


def _wide(x: Array) -> Array:
    """Copy to float64 (complex128 if complex), in which all sums run."""
    return x.astype(np.result_type(x.dtype, np.float64))
