"""Losses in plain NumPy: the same sums as `nanocnn.reference.losses`, whole arrays at a time.

The derivations of (L1) to (L7) stand there. Inputs are widened to float64 (complex128 for complex
outputs) at once: a loss touches N*K numbers only, so width costs nothing beside the network, and
the loss that is printed does not depend on the order of summation.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Scalar = float | complex

EPSILON = 1e-7


def _wide(a: Array) -> Array:
    return a.astype(np.result_type(a.dtype, np.float64))


def softmax_cross_entropy(z: Array, q: Array, s: Array) -> tuple[Scalar, Array]:
    """Softmax and cross-entropy: logits `z` (N, K), target `q` (N, K), weights `s` (N,): L1, L2."""
    v = _wide(z)
    N = len(v)
    # Infinite logits give NaN, silently: whoever trains looks at the loss and stops there.
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        v -= v.real.max(axis=1, keepdims=True)  # any constant may go; this one keeps exp below 1
        e = np.exp(v)
        total = e.sum(axis=1, keepdims=True)
        log_p = v - np.log(total)
        terms = np.where(q == 0, 0, q * log_p)  # 0 * log(0) counts as 0
        loss = -(s @ terms.sum(axis=1)) / N
        dz = (s / N)[:, None] * (e / total - q)
    return loss.item(), dz.astype(z.dtype)


def categorical_crossentropy(p: Array, q: Array, s: Array) -> tuple[Scalar, Array]:
    """Cross-entropy on probabilities `p` (N, K), target `q` (N, K), weights `s` (N,): (L3, L4)."""
    v = _wide(p)
    N = len(v)
    S = v.sum(axis=1, keepdims=True)
    r = v / S
    low, high = r.real < EPSILON, r.real > 1 - EPSILON
    clipped = np.where(low, EPSILON, np.where(high, 1 - EPSILON, r))
    loss = -(s @ (q * np.log(clipped)).sum(axis=1)) / N
    a = np.where(low | high, 0, -q / clipped)
    dp = (s / N)[:, None] * (a - (a * r).sum(axis=1, keepdims=True)) / S
    return loss.item(), dp.astype(p.dtype)


def binary_cross_entropy(z: Array, q: Array, s: Array) -> tuple[Scalar, Array]:
    """Sigmoid and binary cross-entropy from logits `z`, target `q`, weights `s`: (L5, L6)."""
    v = _wide(z)
    size = np.where(v.real >= 0, v, -v)  # |z|, but differentiable where z is complex
    small = np.exp(-size)
    minus_log_p = np.where(v.real >= 0, 0, -v) + np.log1p(small)
    with np.errstate(invalid="ignore"):  # infinite logits may give NaN, silently as above
        loss = (s * (minus_log_p + (1 - q) * v)).sum() / v.size
    sigmoid = np.where(v.real >= 0, 1, small) / (1 + small)
    dz = s * (sigmoid - q) / v.size
    return loss.item(), dz.astype(z.dtype)


def mean_squared_error(y: Array, t: Array) -> tuple[Scalar, Array]:
    """Mean of the squared differences between `y` and `t`: (L7)."""
    difference = _wide(y) - t
    loss = (difference * difference).sum() / difference.size
    return loss.item(), (2 / difference.size * difference).astype(y.dtype)
