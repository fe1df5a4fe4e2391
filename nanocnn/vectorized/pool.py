"""Pooling over windows, with one NumPy operation for each tap of the window.

The equations and their derivation stand in `nanocnn/reference/pool.py`.
"""

from __future__ import annotations

import math

import numpy as np

from .conv import (
    Array,
    Padding,
    Pair,
    Shape,
    crop,
    pad,
    padded_shape,
    sliding_windows,
    tap_view,
)


def max_pool2d_forward(
    x: Array, window: Pair, stride: Pair, padding: Padding
) -> tuple[Array, Array]:
    r"""Keep the largest pixel of each window, and where it sat (P1).

    Parameters
    ----------
    x : (N, H, W, C) float or complex array
        Complex numbers are compared by their real part.
    window, stride : (int, int)
    padding : ((top, bottom), (left, right)) of int
        Padding counts as -inf, and loses to a pixel that is -inf.

    Returns
    -------
    y : (N, OH, OW, C) array, same dtype as `x`
    winner : (N, OH, OW, C) unsigned int array
        u*KW + v of the winner; the first in row order wins a tie, the first NaN wins all.
    """
    taps = _taps(pad(x, padding, -np.inf), window, stride)  # (N, OH, OW, C, KH*KW)
    is_pixel = _taps(pad(np.ones((1, *x.shape[1:3], 1), bool), padding), window, stride)
    largest = taps.real.max(axis=-1, keepdims=True)  # NaN if there is one
    wins = is_pixel & ((taps.real == largest) | np.isnan(taps.real))
    winner = wins.argmax(axis=-1)  # the first that is True
    y: Array = np.take_along_axis(taps, winner[..., None], axis=-1)[..., 0]
    return y, winner.astype(np.min_scalar_type(math.prod(window) - 1))


def max_pool2d_backward(
    dy: Array, winner: Array, x_shape: Shape, window: Pair, stride: Pair, padding: Padding
) -> Array:
    r"""Send each gradient to the pixel that won, adding where windows overlap (P2).

    Parameters
    ----------
    dy : (N, OH, OW, C) array
    winner : (N, OH, OW, C) unsigned int array, from the forward pass
    x_shape : (N, H, W, C)
    window, stride : (int, int)
    padding : ((top, bottom), (left, right)) of int

    Returns
    -------
    (N, H, W, C) array, same dtype as `dy`
    """
    size = (dy.shape[1], dy.shape[2])
    dx = np.zeros(padded_shape(x_shape, padding), dy.dtype)
    for u in range(window[0]):
        for v in range(window[1]):
            view = tap_view(dx, (u, v), size, stride)
            view += np.where(winner == u * window[1] + v, dy, 0)
    return crop(dx, padding)


def average_pool2d_forward(x: Array, window: Pair, stride: Pair, padding: Padding) -> Array:
    r"""Average the real pixels of each window (P3).

    Parameters
    ----------
    x : (N, H, W, C) float or complex array
    window, stride : (int, int)
    padding : ((top, bottom), (left, right)) of int
        Padding adds nothing to the sum and nothing to the count.

    Returns
    -------
    (N, OH, OW, C) array, same dtype as `x`
    """
    windows = sliding_windows(pad(x, padding), window, stride, (1, 1))
    total = windows.sum(axis=(4, 5), dtype=np.result_type(x.dtype, np.float64))
    y: Array = total / _real_pixels(x.shape, window, stride, padding)
    return y.astype(x.dtype)


def average_pool2d_backward(
    dy: Array, x_shape: Shape, window: Pair, stride: Pair, padding: Padding
) -> Array:
    r"""Give every real pixel of a window an equal share of its gradient (P4).

    Parameters
    ----------
    dy : (N, OH, OW, C) array
    x_shape : (N, H, W, C)
    window, stride : (int, int)
    padding : ((top, bottom), (left, right)) of int

    Returns
    -------
    (N, H, W, C) array, same dtype as `dy`
    """
    size = (dy.shape[1], dy.shape[2])
    share = (dy / _real_pixels(x_shape, window, stride, padding)).astype(dy.dtype)
    dx = np.zeros(padded_shape(x_shape, padding), dy.dtype)
    for u in range(window[0]):
        for v in range(window[1]):
            view = tap_view(dx, (u, v), size, stride)
            view += share
    return crop(dx, padding)


def global_average_pool2d_forward(x: Array) -> Array:
    r"""Average each channel over the whole image, in float64 (P5).

    Parameters
    ----------
    x : (N, H, W, C) float or complex array

    Returns
    -------
    (N, C) array, same dtype as `x`
    """
    y: Array = x.mean(axis=(1, 2), dtype=np.result_type(x.dtype, np.float64))
    return y.astype(x.dtype)


def global_average_pool2d_backward(dy: Array, x_shape: Shape) -> Array:
    r"""Give every pixel of a channel an equal share of its gradient (P6).

    Parameters
    ----------
    dy : (N, C) array
    x_shape : (N, H, W, C)

    Returns
    -------
    (N, H, W, C) array, same dtype as `dy`
    """
    _, h, w, _ = x_shape
    dx = np.empty(x_shape, dy.dtype)
    dx[...] = (dy / (h * w))[:, None, None, :]
    return dx


def _taps(x: Array, window: Pair, stride: Pair) -> Array:
    """Lay the windows of a padded image out as rows of taps, (N, OH, OW, C, KH*KW)."""
    windows = sliding_windows(x, window, stride, (1, 1))
    taps: Array = windows.reshape(*windows.shape[:4], math.prod(window))
    return taps


def _real_pixels(x_shape: Shape, window: Pair, stride: Pair, padding: Padding) -> Array:
    """Count the pixels of each window that are not padding, (1, OH, OW, 1), at least 1."""
    ones = np.ones((1, x_shape[1], x_shape[2], 1))
    windows = sliding_windows(pad(ones, padding), window, stride, (1, 1))
    count: Array = windows.sum(axis=(4, 5))
    return np.maximum(count, 1)  # a window of padding alone averages to 0
