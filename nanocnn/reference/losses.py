r"""Losses, index by index: how wrong the outputs are, and in which direction they should move.

A loss is the end of the chain, so it returns both of what the backward pass starts with: the
number `loss` and its gradient `dy`. Every function here takes the target as a table of real
numbers `q` (one-hot rows for hard labels, see `nanocnn.losses`, which also smooths labels and looks
up class weights), and `s`, one weight for each row: 1 if there are no class weights.

Softmax with cross-entropy
--------------------------
From logits `z` (N, K), with :math:`p_{nk} = e^{z_{nk}} / \sum_j e^{z_{nj}}`,

.. math:: L = -\frac1N \sum_n s_n \sum_k q_{nk} \log p_{nk}                              \tag{L1}

The logarithm of the softmax is :math:`z_{nk} - \log\sum_j e^{z_{nj}}`. A constant `m` may be taken
out of the sum, :math:`\log\sum_j e^{z_j} = m + \log\sum_j e^{z_j-m}`; with `m` the largest logit no
exponential overflows. Differentiate the logarithm of the sum by one logit :math:`z_{nc}`: it is
:math:`e^{z_{nc}} / \sum_j e^{z_{nj}} = p_{nc}`. So
:math:`\partial \log p_{nk} / \partial z_{nc} = [k = c] - p_{nc}`, and as :math:`\sum_k q_{nk} = 1`,

.. math:: \frac{\partial L}{\partial z_{nc}}
          = -\frac{s_n}{N} \sum_k q_{nk} ([k = c] - p_{nc})
          = \frac{s_n}{N} (p_{nc} - q_{nc})                                             \tag{L2}

Cross-entropy on probabilities
------------------------------
Here `p` (N, K) are the outputs themselves. As in Keras they are first divided by their sum
:math:`S_n = \sum_j p_{nj}`, then kept inside :math:`[\epsilon, 1-\epsilon]` with
:math:`\epsilon = 10^{-7}`:

.. math:: r_{nk} = p_{nk} / S_n, \qquad
          L = -\frac1N \sum_n s_n \sum_k q_{nk} \log \mathrm{clip}(r_{nk})              \tag{L3}

Two steps lead from `p` to the loss. The second, from `r`: the derivative of :math:`-q \log r` is
:math:`a_{nk} = -q_{nk}/r_{nk}` where `r` is inside the interval, and 0 where it is clipped (there
the loss does not move), so :math:`\partial L/\partial r_{nk} = s_n a_{nk} / N`. The first:
:math:`p_{nc}` stands in the numerator of :math:`r_{nc}` and, through :math:`S_n`, in the
denominator of every `r` of its row. With :math:`\partial S_n / \partial p_{nc} = 1` the quotient
rule gives

.. math:: \frac{\partial r_{nk}}{\partial p_{nc}}
          = \frac{[k = c]\, S_n - p_{nk}}{S_n^2} = \frac{[k = c] - r_{nk}}{S_n}

and the chain rule sums over all `r` of the row:

.. math:: \frac{\partial L}{\partial p_{nc}}
          = \sum_k \frac{s_n a_{nk}}{N}\, \frac{[k = c] - r_{nk}}{S_n}
          = \frac{s_n}{N S_n} \Big(a_{nc} - \sum_k a_{nk} r_{nk}\Big)                   \tag{L4}

A row that is confident and wrong is clipped and gets no gradient from its true class: one more
reason to train on logits with (L1), where nothing is clipped.

Binary cross-entropy
--------------------
From logits `z` of any shape with M elements, with the sigmoid :math:`p = 1/(1+e^{-z})`:

.. math:: L = -\frac1M \sum_i s_i \big(q_i \log p_i + (1-q_i) \log(1-p_i)\big)          \tag{L5}

Since :math:`\log(1-p) = \log p - z`, the bracket is :math:`\log p_i - (1-q_i) z_i`, and
:math:`-\log p = \log(1+e^{-z}) = \max(-z, 0) + \log(1+e^{-|z|})`, which never overflows.
Each :math:`z_i` stands in its own term only. The derivative of :math:`\log p` is
:math:`p'/p = p(1-p)/p = 1-p`, so that of the bracket is :math:`(1-p_i) - (1-q_i) = q_i - p_i`, and
with the minus sign in front of the sum:

.. math:: \frac{\partial L}{\partial z_i} = \frac{s_i}{M} (p_i - q_i)                   \tag{L6}

Mean squared error
------------------
For outputs `y` and targets `t` with M elements, each :math:`y_i` in one term of the sum:

.. math:: L = \frac1M \sum_i (y_i - t_i)^2, \qquad
          \frac{\partial L}{\partial y_i} = \frac2M (y_i - t_i)                         \tag{L7}

The square is written as a product, not as an absolute value, so that all formulas hold for complex
arguments too: that is what the complex-step derivative of the gradient checker needs. Order
comparisons look at the real part. All sums run in float64 (complex128 for complex outputs); the
gradient is given back in the dtype of the outputs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Scalar = float | complex

EPSILON = 1e-7


def softmax_cross_entropy(z: Array, q: Array, s: Array) -> tuple[Scalar, Array]:
    r"""Softmax followed by cross-entropy, from logits: (L1) and (L2).

    Parameters
    ----------
    z : (N, K) float32, float64 or complex128 array
        Logits.
    q : (N, K) float64 array
        Target; each row sums to 1.
    s : (N,) float64 array
        Weight of each row.

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
            row = z[n].astype(wide)
            m = row[0].real
            for k in range(1, K):  # the largest logit; a NaN stays, so that it is seen
                if row[k].real > m or np.isnan(row[k].real):
                    m = row[k].real
            total = wide.type(0)
            for j in range(K):
                total += np.exp(row[j] - m)
            for k in range(K):
                if q[n, k] != 0:  # 0 * log(0) counts as 0
                    loss -= s[n] * q[n, k] * (row[k] - m - np.log(total)) / N  # (L1)
            for c in range(K):
                p = np.exp(row[c] - m) / total
                dz[n, c] = s[n] * (p - q[n, c]) / N  # (L2)
    return loss.item(), dz


def categorical_crossentropy(p: Array, q: Array, s: Array) -> tuple[Scalar, Array]:
    r"""Cross-entropy on probabilities, normalised and clipped as in Keras: (L3) and (L4).

    Parameters
    ----------
    p : (N, K) float32, float64 or complex128 array
        Probabilities, not negative.
    q : (N, K) float64 array
        Target; each row sums to 1.
    s : (N,) float64 array
        Weight of each row.

    Returns
    -------
    loss : float (complex for complex `p`)
    dp : (N, K) array, dtype of `p`
    """
    N, K = p.shape
    wide = np.result_type(p.dtype, np.float64)
    dp = np.empty((N, K), p.dtype)
    loss = wide.type(0)
    for n in range(N):
        S = wide.type(0)
        for j in range(K):
            S += p[n, j]
        r = np.empty(K, wide)
        a = np.zeros(K, wide)
        inner = wide.type(0)
        for k in range(K):
            r[k] = p[n, k] / S
            clipped = r[k]
            if r[k].real < EPSILON:
                clipped = wide.type(EPSILON)
            elif r[k].real > 1 - EPSILON:
                clipped = wide.type(1 - EPSILON)
            else:
                a[k] = -q[n, k] / r[k]
            loss -= s[n] * q[n, k] * np.log(clipped) / N  # (L3)
            inner += a[k] * r[k]
        for c in range(K):
            dp[n, c] = s[n] * (a[c] - inner) / (N * S)  # (L4)
    return loss.item(), dp


def binary_cross_entropy(z: Array, q: Array, s: Array) -> tuple[Scalar, Array]:
    r"""Sigmoid followed by binary cross-entropy, from logits: (L5) and (L6).

    Parameters
    ----------
    z : float32, float64 or complex128 array of any shape
        Logits.
    q : float64 array, shape of `z`
        Target, each in [0, 1].
    s : float64 array, shape of `z`
        Weight of each element.

    Returns
    -------
    loss : float (complex for complex `z`)
    dz : array, shape and dtype of `z`
    """
    wide = np.result_type(z.dtype, np.float64)
    dz = np.empty(z.shape, z.dtype)
    M = z.size
    loss = wide.type(0)
    for i in np.ndindex(z.shape):
        v = wide.type(z[i])
        if v.real >= 0:
            small = np.exp(-v)  # at most 1 in size, so nothing overflows
            minus_log_p = np.log1p(small)
            p = 1 / (1 + small)
        else:
            small = np.exp(v)
            minus_log_p = -v + np.log1p(small)
            p = small / (1 + small)
        loss += s[i] * (minus_log_p + (1 - q[i]) * v) / M  # (L5)
        dz[i] = s[i] * (p - q[i]) / M  # (L6)
    return loss.item(), dz


def mean_squared_error(y: Array, t: Array) -> tuple[Scalar, Array]:
    r"""Mean of the squared differences: (L7).

    Parameters
    ----------
    y : float32, float64 or complex128 array of any shape
    t : float64 array, shape of `y`

    Returns
    -------
    loss : float (complex for complex `y`)
    dy : array, shape and dtype of `y`
    """
    wide = np.result_type(y.dtype, np.float64)
    dy = np.empty(y.shape, y.dtype)
    M = y.size
    loss = wide.type(0)
    for i in np.ndindex(y.shape):
        difference = wide.type(y[i]) - t[i]
        loss += difference * difference / M
        dy[i] = 2 * difference / M
    return loss.item(), dy
