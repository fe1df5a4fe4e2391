r"""Losses for rare classes, index by index: focal, Tversky, and Dice, which is a case of Tversky.

Where one pixel in a hundred is a tumour's, cross-entropy is nearly as small without the tumour. Two
ways out: count what is right already for less (focal), or measure the overlap of each class, which
does not look at how large the background is (Tversky). Target `q` and weights `s` are those of
`losses.py`: rows that sum to 1, and a number for each row. One output `z` for a yes-or-no question
is the softmax of (0, z): :math:`e^z / (e^0 + e^z)` is the sigmoid; so nothing here is only for it.

Focal loss (Lin et al. 2017)
----------------------------
From logits `z` (N, K), with `p` their softmax and an exponent :math:`\gamma \ge 0`,

.. math:: L = -\frac1N \sum_n s_n \sum_k q_{nk} (1 - p_{nk})^\gamma \log p_{nk}          \tag{L8}

With :math:`\gamma = 0` it is cross-entropy (L1). The product rule, for one `p`, and p times it:

.. math:: p \frac{d}{dp} \big(-(1-p)^\gamma \log p\big)
          = \gamma p (1-p)^{\gamma-1} \log p - (1-p)^\gamma
          = (1-p)^\gamma \Big(\gamma p\, \frac{\log p}{1-p} - 1\Big)

In the last form nothing overflows when `p` reaches 1: :math:`\log p / (1-p)` tends to -1. With
:math:`g_{nk}` as q times this, and :math:`\partial p_k/\partial z_c = p_k ([k = c] - p_c)`,

.. math:: g_{nk} = q_{nk} (1-p_{nk})^\gamma
          \Big(\gamma p_{nk} \frac{\log p_{nk}}{1-p_{nk}} - 1\Big), \qquad
          \frac{\partial L}{\partial z_{nc}}
          = \frac{s_n}{N} \Big(g_{nc} - p_{nc} \sum_k g_{nk}\Big)                       \tag{L9}

Tversky loss (Salehi et al. 2017)
---------------------------------
Here pixels stand in G groups of P: all pixels of a batch are one group, or each image is its own.
For class `k` of a group, with the sums over its pixels `i`, true positives, false positives and
false negatives are counted in fractions,

.. math:: A_k = \sum_i s_i p_{ik} q_{ik}, \qquad
          B_k = \sum_i s_i p_{ik} (1 - q_{ik}), \qquad
          C_k = \sum_i s_i (1 - p_{ik}) q_{ik}

and with a smoothing :math:`\sigma > 0`, a number of pixels, and a weight :math:`c_k` for each class
(0 for one that is left out),

.. math:: T_k = \frac{2 A_k + \sigma}{2 A_k + 2\alpha B_k + 2\beta C_k + \sigma}, \qquad
          L = \frac1G \sum_g \sum_k c_k (1 - T_{gk})                                    \tag{L10}

:math:`\alpha` is the price of a pixel too many, :math:`\beta` that of one too few. The smoothing
makes a class that is neither there nor predicted perfect, 1, where 0/0 would stand. With
:math:`\alpha = \beta = 1/2` the denominator's :math:`2A + B + C` is :math:`(A + B) + (A + C)`, the
size of the prediction and that of the truth, so that T is the soft Dice coefficient (Milletari et
al. 2016):

.. math:: \alpha = \beta = \tfrac12: \quad
          T_k = \frac{2 \sum_i s_i p_{ik} q_{ik} + \sigma}
                     {\sum_i s_i p_{ik} + \sum_i s_i q_{ik} + \sigma}                   \tag{L11}

Write T as a fraction :math:`U/V`. By one :math:`p_{ik}` the numerator grows by
:math:`2 s_i q_{ik}` and the denominator by
:math:`2 s_i (q + \alpha (1-q) - \beta q) = 2 s_i (\alpha + (1 - \alpha - \beta) q_{ik})`. The
quotient rule, :math:`dT = dU/V - T\,dV/V`, gives a gradient that depends on the pixel through
`q` alone; everything else is two numbers a class:

.. math:: \frac{\partial L}{\partial p_{ik}} = h_{ik}
          = s_i (u_k q_{ik} + v_k), \qquad
          v_k = \frac{2 c_k}{G V_k} \alpha T_k, \qquad
          u_k = \frac{2 c_k}{G V_k} \big((1 - \alpha - \beta) T_k - 1\big)              \tag{L12}

and, as `p` is a softmax, whose gradient is (S2),

.. math:: \frac{\partial L}{\partial z_{ic}}
          = p_{ic} \Big(h_{ic} - \sum_k h_{ik}\, p_{ik}\Big)                            \tag{L13}

References
----------
T.-Y. Lin, P. Goyal, R. Girshick, K. He, P. Dollar (2017), Focal loss for dense object detection.
F. Milletari, N. Navab, S.-A. Ahmadi (2016), V-Net.
S. S. M. Salehi, D. Erdogmus, A. Gholipour (2017), Tversky loss function for image segmentation.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Scalar = float | complex


def focal(z: Array, q: Array, s: Array, gamma: float) -> tuple[Scalar, Array]:
    r"""Cross-entropy in which a pixel that is right already counts for less: (L8) and (L9).

    Parameters
    ----------
    z : (N, K) float32, float64 or complex128 array
        Logits.
    q : (N, K) float64 array
        Target; each row sums to 1.
    s : (N,) float64 array
        Weight of each row.
    gamma : float
        From 0, which is cross-entropy.

    Returns
    -------
    loss : float (complex for complex `z`)
    dz : (N, K) array, dtype of `z`
    """
    N, K = z.shape
    wide = np.result_type(z.dtype, np.float64)
    dz = np.empty((N, K), z.dtype)
    loss = wide.type(0)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for n in range(N):
            log_p = _log_softmax(z[n].astype(wide))
            p = np.exp(log_p)
            g = np.zeros(K, wide)
            for k in range(K):
                if q[n, k] != 0:  # 0 * log(0) counts as 0
                    rest = 1 - p[k]
                    loss -= s[n] * q[n, k] * rest**gamma * log_p[k] / N  # (L8)
                    ratio = log_p[k] / rest if rest != 0 else wide.type(-1)
                    g[k] = q[n, k] * rest**gamma * (gamma * p[k] * ratio - 1)
            for c in range(K):
                dz[n, c] = s[n] * (g[c] - p[c] * g.sum()) / N  # (L9)
    return loss.item(), dz


def _log_softmax(row: Array) -> Array:
    """Return the logarithms of the softmax of one row, as (L1) needs them."""
    m = row[0].real
    for k in range(1, len(row)):  # the largest logit; a NaN stays, so that it is seen
        if row[k].real > m or np.isnan(row[k].real):
            m = row[k].real
    total = row.dtype.type(0)
    for j in range(len(row)):
        total += np.exp(row[j] - m)
    log_p: Array = row - m - np.log(total)
    return log_p


def tversky(
    z: Array, q: Array, s: Array, c: Array, alpha: float, beta: float, smoothing: float
) -> tuple[Scalar, Array]:
    r"""Overlap of the predicted and the true pixels of each class: (L10), (L12) and (L13).

    Parameters
    ----------
    z : (G, P, K) float32, float64 or complex128 array
        Logits of P pixels in each of G groups.
    q : (G, P, K) float64 array
        Target; each row sums to 1.
    s : (G, P) float64 array
        Weight of each pixel.
    c : (K,) float64 array
        Weight of each class.
    alpha, beta : float
        Price of a pixel too many, and of one too few; both 1/2 is Dice (L11).
    smoothing : float
        Above 0.

    Returns
    -------
    loss : float (complex for complex `z`)
    dz : (G, P, K) array, dtype of `z`
    """
    G, P, K = z.shape
    wide = np.result_type(z.dtype, np.float64)
    dz = np.empty((G, P, K), z.dtype)
    loss = wide.type(0)
    with np.errstate(over="ignore", invalid="ignore"):
        for g in range(G):
            p = np.empty((P, K), wide)
            A, B, C = np.zeros((3, K), wide)
            for i in range(P):
                p[i] = np.exp(_log_softmax(z[g, i].astype(wide)))
                for k in range(K):
                    A[k] += s[g, i] * p[i, k] * q[g, i, k]
                    B[k] += s[g, i] * p[i, k] * (1 - q[g, i, k])
                    C[k] += s[g, i] * (1 - p[i, k]) * q[g, i, k]
            u, v = np.empty((2, K), wide)
            for k in range(K):
                V = 2 * A[k] + 2 * alpha * B[k] + 2 * beta * C[k] + smoothing
                T = (2 * A[k] + smoothing) / V  # (L10), and with alpha = beta = 1/2 (L11)
                loss += c[k] * (1 - T) / G
                v[k] = 2 * c[k] / (G * V) * alpha * T
                u[k] = 2 * c[k] / (G * V) * ((1 - alpha - beta) * T - 1)
            for i in range(P):
                h = s[g, i] * (u * q[g, i] + v)  # (L12)
                inner = wide.type(0)
                for k in range(K):
                    inner += h[k] * p[i, k]
                for k in range(K):
                    dz[g, i, k] = p[i, k] * (h[k] - inner)  # (L13)
    return loss.item(), dz
