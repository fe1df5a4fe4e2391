"""Changing the values of images, pixel by pixel: blur, contrast, brightness, gamma, noise, holes.

Indices: image n, pixel (i, j), channel c. Images lie in [0, 1], and stay there. Each image has its
own strengths; those that change nothing change no bit.

Blur
----
A Gaussian of the standard deviation sigma (in pixels), cut off at R = ceil(3 sigma), where it has
fallen to a hundredth, and scaled to the sum 1, so that a plain area keeps its value:

    y[n,i,j,c] = sum_{u=-R..R} sum_{v=-R..R} w[u] w[v] x[n,i+u,j+v,c]                           (I1)

    w[u] = exp(-u^2 / 2 sigma^2) / sum_{v=-R..R} exp(-v^2 / 2 sigma^2)

Beyond the border the image goes on as its last row or column, as in `warp.py`. For sigma = 0 there
is one weight, 1.

Contrast and brightness
-----------------------
Let mu[n,c] be an image's mean. Contrast k stretches the values about it, brightness b is added:

    v[n,i,j,c] = clip(k x[n,i,j,c] + (1 - k) mu[n,c] + b)                                       (I2)

clip(v) = min(max(v, 0), 1). The mean becomes mu + b, as far as nothing is clipped: contrast leaves
it alone. A mean for each channel keeps colours from fading to grey.

Gamma and noise
---------------
A gamma g leaves 0 and 1 where they are and bends what lies between. Noise is what a detector adds
behind all else: normal numbers, see (N1), of the standard deviation sigma. e = (i W + j) C + c
counts the image's numbers in row order, and each image has a key of its own:

    w[n,i,j,c] = clip(v[n,i,j,c]^g + sigma normal(key[n])[e])                                   (I3)

Cut-out
-------
A rectangle of the image is hidden, so that the network cannot rely on one place (DeVries and Taylor
2017). It gets the image's mean, as there: 0 would be air, a vessel's shadow or a black corner, each
of which means something.

    y[n,i,j,c] = mu[n,c] if top <= i < bottom and left <= j < right, else w[n,i,j,c]            (I4)

References
----------
T. DeVries and G. Taylor (2017), Improved regularization of convolutional neural networks with
cutout, arXiv:1708.04552.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .normal import normal_numbers

Array = NDArray[Any]


def blur_images(x: Array, sigmas: Array) -> Array:
    """Smooth each image with a Gaussian of its own width (I1).

    Parameters
    ----------
    x : (N, H, W, C) float or complex array
    sigmas : (N,) float64 array
        Standard deviations in pixels, from 0.

    Returns
    -------
    array, shape and dtype of `x`
    """
    N, H, W, C = x.shape
    y = np.zeros(x.shape, x.dtype)
    for n in range(N):
        R = math.ceil(3 * sigmas[n])
        w = [_bell(u, float(sigmas[n])) for u in range(-R, R + 1)]
        total = sum(w)
        for i, j, c in np.ndindex(H, W, C):
            for u in range(-R, R + 1):
                for v in range(-R, R + 1):
                    s, r = min(max(i + u, 0), H - 1), min(max(j + v, 0), W - 1)
                    weight = w[R + u] / total * (w[R + v] / total)
                    y[n, i, j, c] += weight * x[n, s, r, c]  # (I1)
    return y


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
        k, b, g and sigma above: 1, 0, 1 and 0 change nothing.
    keys : (N,) uint64 array
    boxes : (N, 4) int64 array
        top, bottom, left, right; cut off at the border. None is hidden where it is empty.

    Returns
    -------
    array, shape and dtype of `x`
    """
    N, H, W, C = x.shape
    y = np.zeros(x.shape, x.dtype)
    for n in range(N):
        k, b, g, sigma = contrast[n], brightness[n], gamma[n], noise[n]
        top, bottom, left, right = boxes[n]
        normal = normal_numbers(int(keys[n]), H * W * C) if sigma else np.zeros(H * W * C)
        for c in range(C):
            mu = sum(float(x[n, i, j, c]) for i in range(H) for j in range(W)) / (H * W)
            for i in range(H):
                for j in range(W):
                    v = _clip(k * float(x[n, i, j, c]) + (1 - k) * mu + b)  # (I2)
                    w = _clip(v**g + sigma * float(normal[(i * W + j) * C + c]))  # (I3)
                    inside = top <= i < bottom and left <= j < right
                    y[n, i, j, c] = mu if inside else w  # (I4)
    return y


def _bell(u: int, sigma: float) -> float:
    """Return exp(-u^2 / 2 sigma^2), 1 in the middle for sigma = 0 as well."""
    ratio = u / sigma if u else 0.0
    return math.exp(-ratio * ratio / 2)


def _clip(v: float) -> float:
    return min(max(v, 0.0), 1.0)
