"""Changing the grey values of images: a loop over the images, everything else in whole arrays.

The equations stand in `nanocnn/reference/intensity.py`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .normal import normal_numbers

Array = NDArray[Any]


def blur_images(x: Array, sigmas: Array) -> Array:
    """Smooth each image with a Gaussian of its own width, along columns and then along rows (I1).

    Parameters
    ----------
    x : (N, H, W, C) float or complex array
    sigmas : (N,) float64 array
        Standard deviations in pixels, from 0.

    Returns
    -------
    array, shape and dtype of `x`
    """
    y: Array = x.copy(order="C")
    for n, sigma in enumerate(sigmas):
        w = gaussian_weights(float(sigma))
        R = len(w) // 2
        for axis in (0, 1):
            size = x.shape[1 + axis]
            places = np.clip(np.arange(-R, size + R), 0, size - 1)
            wide = np.take(y[n], places, axis=axis)
            taps = (np.take(wide, np.arange(u, u + size), axis=axis) for u in range(len(w)))
            y[n] = sum(weight * tap for weight, tap in zip(w, taps, strict=True))
    return y


def gaussian_weights(sigma: float) -> Array:
    """Return w[-R] ... w[R] of (I1) in float64; from `math`, for the same bits in any batch."""
    R = math.ceil(3 * sigma)
    ratios = [u / sigma if u else 0.0 for u in range(-R, R + 1)]
    w = np.array([math.exp(-ratio * ratio / 2) for ratio in ratios])
    normalised: Array = w / w.sum()
    return normalised


def adjust_images(
    x: Array,
    contrast: Array,
    brightness: Array,
    gamma: Array,
    noise: Array,
    keys: Array,
    boxes: Array,
) -> Array:
    """Change contrast, brightness and gamma, add noise, hide a rectangle (I2), (I3), (I4).

    Parameters
    ----------
    x : (N, H, W, C) float array in [0, 1]
    contrast, brightness, gamma, noise : (N,) float64 arrays
        1, 0, 1 and 0 change nothing.
    keys : (N,) uint64 array
    boxes : (N, 4) int64 array
        top, bottom, left, right; cut off at the border. None is hidden where it is empty.

    Returns
    -------
    array, shape and dtype of `x`
    """
    y: Array = np.empty(x.shape, x.dtype)
    for n, image in enumerate(x):
        mu = image.mean(axis=(0, 1), dtype=np.float64)
        offset = (1 - contrast[n]) * mu + brightness[n]
        w = np.clip(x.dtype.type(contrast[n]) * image + offset.astype(x.dtype), 0, 1)  # (I2)
        if gamma[n] != 1:
            w **= x.dtype.type(gamma[n])
        if noise[n]:
            normal = normal_numbers(int(keys[n]), image.size).reshape(image.shape)
            w = np.clip(w + x.dtype.type(noise[n]) * normal, 0, 1)  # (I3)
        top, bottom, left, right = np.maximum(boxes[n], 0)
        w[top:bottom, left:right] = mu  # (I4)
        y[n] = w
    return y
