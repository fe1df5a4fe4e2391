"""Normalization, index by index: numbers are brought to mean 0 and variance 1, then scaled anew.

Indices: place m (a pixel of an image: N and all axes but the channels, in one), channel c; in group
normalization image n, pixel p, channel c of group g. Write dy for ∂L/∂y, which arrives from above.

Batch statistics
----------------
    mean[c] = 1/M sum_m x[m,c]                                                                  (B1)

    variance[c] = 1/M sum_m (x[m,c] - mean[c])^2                                                (B2)

Divided by M, not by M - 1: this is what brings the batch itself to variance 1. (The *running*
variance that the layer keeps for later is another matter, see `nanocnn.layers.BatchNorm`.)

Batch normalization, forward
----------------------------
    y[m,c] = gamma[c] xhat[m,c] + beta[c],   xhat[m,c] = (x[m,c] - mean[c]) / s[c],
    s[c] = sqrt(variance[c] + epsilon)                                                          (B3)

The small epsilon keeps a constant channel from dividing by 0: there y is beta.

Batch normalization, backward
-----------------------------
gamma[c] and beta[c] stand in all y of their channel, with factors xhat[m,c] and 1:

    dgamma[c] = sum_m dy[m,c] xhat[m,c]                                                         (B4)

    dbeta[c] = sum_m dy[m,c]                                                                    (B5)

*Constants.* In inference, and in a layer that is frozen, mean and variance are given. Then (B3) is
linear in x, each number goes its own way, and

    dx[m,c] = dy[m,c] gamma[c] / s[c]                                                           (B6)

*Batch statistics.* In training they are (B1) and (B2) of the same x, so x[k,c] stands in y[m,c] for
*all* m. First the statistics themselves, channel by channel (c is left out):

    ∂mean/∂x[k] = 1/M,     ∂variance/∂x[k] = 2/M sum_m (x[m] - mean) ([m = k] - 1/M)
                                           = 2/M (x[k] - mean)     as sum_m (x[m] - mean) = 0

and so, with s^2 = variance + epsilon, ∂s/∂x[k] = (x[k] - mean) / (M s) = xhat[k] / M. The quotient
rule on xhat[m] = (x[m] - mean) / s gives

    ∂xhat[m]/∂x[k] = ([m = k] - 1/M) / s - (x[m] - mean) / s^2 * xhat[k] / M
                   = ([m = k] - 1/M - xhat[m] xhat[k] / M) / s

The chain rule sums over m, with dy[m] gamma for ∂L/∂xhat[m]. Both sums are there already:

    dx[k,c] = gamma[c] / s[c] (dy[k,c] - dbeta[c] / M - xhat[k,c] dgamma[c] / M)                (B7)

From dy its mean is taken off, and its part along xhat: adding a number to x, or stretching x about
its mean, changes nothing in y (but for epsilon), so the gradient must not point there. dx sums to 0
in each channel, and so does dx xhat, but for epsilon.

Group normalization, forward
----------------------------
The C channels are cut into G groups of C/G neighbours, and the statistics are those of one image's
group: over its P pixels and the group's channels, Q = P C/G numbers in all. No other image is
needed, so training and inference are one. With g the group of channel c:

    mean[n,g] = 1/Q sum_{p, c in g} x[n,p,c]                                                    (B8)

    variance[n,g] = 1/Q sum_{p, c in g} (x[n,p,c] - mean[n,g])^2                                (B9)

    y[n,p,c] = gamma[c] xhat[n,p,c] + beta[c],
    xhat[n,p,c] = (x[n,p,c] - mean[n,g]) / sqrt(variance[n,g] + epsilon)                       (B10)

*Layer normalization* over the channels of each pixel is the same with every pixel taken for an
image of its own: P = 1 and G = 1.

Group normalization, backward
-----------------------------
gamma and beta belong to channels as before, and are shared by all images and pixels:

    dgamma[c] = sum_{n,p} dy[n,p,c] xhat[n,p,c],     dbeta[c] = sum_{n,p} dy[n,p,c]            (B11)

Within a group the derivation of (B7) holds word for word, with Q for M; but gamma differs from
number to number, so it stays with dy in the sums. With h[n,p,c] = gamma[c] dy[n,p,c]:

    dx[n,p,c] = 1 / sqrt(variance[n,g] + epsilon) (h[n,p,c] - 1/Q sum_{q, d in g} h[n,q,d]
                - xhat[n,p,c] / Q sum_{q, d in g} h[n,q,d] xhat[n,q,d])                        (B12)

Sums run in float64. Complex numbers are squared, not multiplied by their conjugates: (B2) has a
complex derivative then. The loops are slow on purpose.

References
----------
S. Ioffe and C. Szegedy (2015), Batch normalization, arXiv:1502.03167.
J. L. Ba, J. R. Kiros and G. E. Hinton (2016), Layer normalization, arXiv:1607.06450.
Y. Wu and K. He (2018), Group normalization, arXiv:1803.08494.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def batch_norm_statistics(x: Array) -> tuple[Array, Array]:
    """Return mean and variance of each channel (B1) (B2).

    Parameters
    ----------
    x : (M, C) float or complex array

    Returns
    -------
    mean, variance : (C,) float64 or complex128 arrays
        0 where there is no number.
    """
    M, C = x.shape
    values = _wide(x)
    mean, variance = np.zeros(C, values.dtype), np.zeros(C, values.dtype)
    for c in range(C):
        for m in range(M):
            mean[c] += values[m, c] / M
        for m in range(M):
            variance[c] += (values[m, c] - mean[c]) ** 2 / M
    return mean, variance


def batch_norm_forward(
    x: Array, gamma: Array, beta: Array, mean: Array, variance: Array, epsilon: float
) -> Array:
    """Bring each channel to mean beta and standard deviation gamma (B3).

    Parameters
    ----------
    x : (M, C) float or complex array
    gamma, beta : (C,) arrays, dtype of `x`
    mean, variance : (C,) float64 arrays
    epsilon : float

    Returns
    -------
    (M, C) array, dtype of `x`
    """
    M, C = x.shape
    values, scale, shift = _wide(x), _wide(gamma), _wide(beta)
    y = np.zeros_like(values)
    for m in range(M):
        for c in range(C):
            xhat = (values[m, c] - mean[c]) / np.sqrt(variance[c] + epsilon)
            y[m, c] = scale[c] * xhat + shift[c]
    return y.astype(x.dtype)


def batch_norm_backward(
    dy: Array, x: Array, gamma: Array, mean: Array, variance: Array, epsilon: float
) -> tuple[Array, Array, Array]:
    """Carry the gradient back, also through the batch statistics (B4) (B5) (B7).

    Parameters
    ----------
    dy, x : (M, C) arrays
    gamma : (C,) array
    mean, variance : (C,) float64 arrays, those of `x`
    epsilon : float

    Returns
    -------
    dx : (M, C) array, dtype of `dy`
    dgamma, dbeta : (C,) arrays, dtype of `dy`
    """
    M, C = x.shape
    upstream = _wide(dy)
    dx, dgamma, dbeta = _zeros(dy)
    for c in range(C):
        s = np.sqrt(variance[c] + epsilon)
        for m in range(M):
            dgamma[c] += upstream[m, c] * ((x[m, c] - mean[c]) / s)
            dbeta[c] += upstream[m, c]
        for m in range(M):
            xhat = (x[m, c] - mean[c]) / s
            along = dbeta[c] / M + xhat * (dgamma[c] / M)
            dx[m, c] = gamma[c] / s * (upstream[m, c] - along)
    return dx.astype(dy.dtype), dgamma.astype(dy.dtype), dbeta.astype(dy.dtype)


def batch_norm_backward_constant(
    dy: Array, x: Array, gamma: Array, mean: Array, variance: Array, epsilon: float
) -> tuple[Array, Array, Array]:
    """Carry the gradient back where mean and variance are constants (B4) (B5) (B6).

    Parameters and results as in `batch_norm_backward`; mean and variance may be any.
    """
    M, C = x.shape
    upstream = _wide(dy)
    dx, dgamma, dbeta = _zeros(dy)
    for c in range(C):
        s = np.sqrt(variance[c] + epsilon)
        for m in range(M):
            dgamma[c] += upstream[m, c] * ((x[m, c] - mean[c]) / s)
            dbeta[c] += upstream[m, c]
            dx[m, c] = upstream[m, c] * (gamma[c] / s)
    return dx.astype(dy.dtype), dgamma.astype(dy.dtype), dbeta.astype(dy.dtype)


def group_norm_forward(
    x: Array, gamma: Array, beta: Array, groups: int, epsilon: float
) -> tuple[Array, Array, Array]:
    """Normalize each image's groups of channels (B8) (B9) (B10).

    Parameters
    ----------
    x : (N, P, C) float or complex array
    gamma, beta : (C,) arrays, dtype of `x`
    groups : int
        Divides C.
    epsilon : float

    Returns
    -------
    y : (N, P, C) array, dtype of `x`
    mean, variance : (N, G) float64 or complex128 arrays
    """
    N, P, C = x.shape
    width = C // groups
    Q = P * width
    values, scale, shift = _wide(x), _wide(gamma), _wide(beta)
    y = np.zeros_like(values)
    mean = np.zeros((N, groups), values.dtype)
    variance = np.zeros((N, groups), values.dtype)
    for n in range(N):
        for p, c in np.ndindex(P, C):
            mean[n, c // width] += values[n, p, c] / Q
        for p, c in np.ndindex(P, C):
            variance[n, c // width] += (values[n, p, c] - mean[n, c // width]) ** 2 / Q
        for p, c in np.ndindex(P, C):
            s = np.sqrt(variance[n, c // width] + epsilon)
            y[n, p, c] = scale[c] * ((values[n, p, c] - mean[n, c // width]) / s) + shift[c]
    return y.astype(x.dtype), mean, variance


def group_norm_backward(
    dy: Array, x: Array, gamma: Array, mean: Array, variance: Array, epsilon: float
) -> tuple[Array, Array, Array]:
    """Carry the gradient back through normalization and statistics (B11) (B12).

    Parameters
    ----------
    dy, x : (N, P, C) arrays
    gamma : (C,) array
    mean, variance : (N, G) arrays, from the forward pass
    epsilon : float

    Returns
    -------
    dx : (N, P, C) array, dtype of `dy`
    dgamma, dbeta : (C,) arrays, dtype of `dy`
    """
    N, P, C = x.shape
    width = C // mean.shape[1]
    Q = P * width
    upstream = _wide(dy)
    dx, dgamma, dbeta = _zeros(dy)
    for n in range(N):
        for g in range(mean.shape[1]):
            s = np.sqrt(variance[n, g] + epsilon)
            total = product = 0.0
            for p, k in np.ndindex(P, width):
                c = g * width + k
                xhat = (x[n, p, c] - mean[n, g]) / s
                dgamma[c] += upstream[n, p, c] * xhat
                dbeta[c] += upstream[n, p, c]
                total += gamma[c] * upstream[n, p, c]
                product += gamma[c] * upstream[n, p, c] * xhat
            for p, k in np.ndindex(P, width):
                c = g * width + k
                xhat = (x[n, p, c] - mean[n, g]) / s
                dx[n, p, c] = (gamma[c] * upstream[n, p, c] - (total + xhat * product) / Q) / s
    return dx.astype(dy.dtype), dgamma.astype(dy.dtype), dbeta.astype(dy.dtype)


def _zeros(dy: Array) -> tuple[Array, Array, Array]:
    """Return zeros for dx, dgamma and dbeta, wide enough for sums."""
    wide = np.result_type(dy.dtype, np.float64)
    return np.zeros(dy.shape, wide), np.zeros(dy.shape[-1], wide), np.zeros(dy.shape[-1], wide)


def _wide(x: Array) -> Array:
    """Copy to float64 (complex128 if complex), in which all sums run."""
    return x.astype(np.result_type(x.dtype, np.float64))
