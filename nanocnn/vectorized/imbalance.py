"""Losses for rare classes in plain NumPy: the same sums as `nanocnn.reference.imbalance`.

The derivations of (L8) to (L13) stand there. As in `losses.py` everything is widened to float64.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Scalar = float | complex


def _log_softmax(z: Array) -> Array:
    v = z.astype(np.result_type(z.dtype, np.float64))
    v -= v.real.max(axis=-1, keepdims=True)
    log_p: Array = v - np.log(np.exp(v).sum(axis=-1, keepdims=True))
    return log_p


def focal(z: Array, q: Array, s: Array, gamma: float) -> tuple[Scalar, Array]:
    """Focal loss: logits `z` (N, K), target `q` (N, K), weights `s` (N,): (L8, L9)."""
    N = len(z)
    # Infinite logits give NaN, silently: whoever trains looks at the loss and stops there.
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        log_p = _log_softmax(z)
        p = np.exp(log_p)
        rest = 1 - p
        share = q * rest**gamma
        loss = -(s @ np.where(q == 0, 0, share * log_p).sum(axis=1)) / N
        ratio = np.where(rest == 0, -1, log_p / rest)  # its limit at p = 1
        g = np.where(q == 0, 0, share * (gamma * p * ratio - 1))
        dz = (s / N)[:, None] * (g - p * g.sum(axis=1, keepdims=True))
    return loss.item(), dz.astype(z.dtype)


def tversky(
    z: Array, q: Array, s: Array, c: Array, alpha: float, beta: float, smoothing: float
) -> tuple[Scalar, Array]:
    """Tversky loss: logits `z`, target `q` (G, P, K), weights `s` (G, P), `c` (K,): L10-13."""
    G = len(z)
    with np.errstate(over="ignore", invalid="ignore"):
        p = np.exp(_log_softmax(z))
        weighted = s[:, :, None] * q
        A = (p * weighted).sum(axis=1)
        B = (p * s[:, :, None]).sum(axis=1) - A
        C = weighted.sum(axis=1) - A
        V = 2 * A + 2 * alpha * B + 2 * beta * C + smoothing
        T = (2 * A + smoothing) / V
        loss = (c * (1 - T)).sum() / G
        scale = 2 * c / (G * V)
        v, u = scale * alpha * T, scale * ((1 - alpha - beta) * T - 1)
        h = weighted * u[:, None] + s[:, :, None] * v[:, None]
        dz = p * (h - (h * p).sum(axis=2, keepdims=True))
    return loss.item(), dz.astype(z.dtype)
