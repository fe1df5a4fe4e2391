"""Batch and group normalization, by broadcasting, in float64.

The equations and their derivation stand in `nanocnn/reference/norm.py`.
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
    values, m = _wide(x), max(len(x), 1)
    mean = values.sum(axis=0) / m
    return mean, ((values - mean) ** 2).sum(axis=0) / m


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
    xhat = (x - mean) / np.sqrt(variance + epsilon)
    y: Array = gamma * xhat + beta
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
    s, g, m = np.sqrt(variance + epsilon), _wide(dy), max(len(x), 1)
    xhat = (x - mean) / s
    dgamma, dbeta = (g * xhat).sum(axis=0), g.sum(axis=0)
    dx = gamma / s * (g - dbeta / m - xhat * (dgamma / m))
    return dx.astype(dy.dtype), dgamma.astype(dy.dtype), dbeta.astype(dy.dtype)


def batch_norm_backward_constant(
    dy: Array, x: Array, gamma: Array, mean: Array, variance: Array, epsilon: float
) -> tuple[Array, Array, Array]:
    """Carry the gradient back where mean and variance are constants (B4) (B5) (B6).

    Parameters and results as in `batch_norm_backward`; mean and variance may be any.
    """
    s, g = np.sqrt(variance + epsilon), _wide(dy)
    dgamma, dbeta = (g * ((x - mean) / s)).sum(axis=0), g.sum(axis=0)
    dx = g * (gamma / s)
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
    values = _wide(_grouped(x, groups))
    mean = values.mean(axis=(1, 3), keepdims=True)
    variance = ((values - mean) ** 2).mean(axis=(1, 3), keepdims=True)
    xhat = ((values - mean) / np.sqrt(variance + epsilon)).reshape(x.shape)
    y: Array = gamma * xhat + beta
    return y.astype(x.dtype), mean[:, 0, :, 0], variance[:, 0, :, 0]


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
    groups, g = mean.shape[1], _wide(dy)
    s = np.sqrt(variance + epsilon)[:, None, :, None]
    xhat = (_grouped(x, groups) - mean[:, None, :, None]) / s
    h = _grouped(gamma * g, groups)
    along = h.mean(axis=(1, 3), keepdims=True)
    along = along + xhat * (h * xhat).mean(axis=(1, 3), keepdims=True)
    dx = ((h - along) / s).reshape(x.shape)
    dgamma, dbeta = (g * xhat.reshape(x.shape)).sum(axis=(0, 1)), g.sum(axis=(0, 1))
    return dx.astype(dy.dtype), dgamma.astype(dy.dtype), dbeta.astype(dy.dtype)


def _grouped(x: Array, groups: int) -> Array:
    """(N, P, C) -> (N, P, G, C/G)."""
    return x.reshape(*x.shape[:2], groups, x.shape[2] // groups)


def _wide(x: Array) -> Array:
    """Copy to float64 (complex128 if complex), in which all sums run."""
    return x.astype(np.result_type(x.dtype, np.float64))
