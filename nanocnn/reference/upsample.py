"""Upsampling, index by index: an image is made larger by a whole factor, without weights.

Indices: image n, pixel (i, j) of y, pixel (r, q) of x, channel c.
Sizes: x is (N, H, W, C), the factor is (a, b), y is (N, a*H, b*W, C).

Forward
-------
Each pixel of y is a weighted sum of pixels of x, rows and columns weighted separately:

    y[n,i,j,c] = sum_{r,q} A[i,r] B[j,q] x[n,r,q,c]                                             (U1)

Nearest: A[i,r] is 1 where r = floor(i/a), else 0, so each pixel becomes a block of a times b.
Bilinear: pixels are small squares, and the centre of row i, seen from x, lies at

    t = (i + 1/2)/a - 1/2, but not outside 0..H-1;    A[i,r] = max(0, 1 - |t - r|)              (U2)

The two rows around t share the weight 1, the nearer one has more; outside the outer centres the
image goes on as at its border. This is Keras's rule, and PyTorch's with align_corners=False. B is
the same for columns, with b and W.

Backward
--------
x[n,r,q,c] enters y[n,i,j,c] with the factor A[i,r] B[j,q], so

    dx[n,r,q,c] = sum_{i,j} A[i,r] B[j,q] dy[n,i,j,c]                                           (U3)

the same sum with A and B transposed. For nearest, that is the sum over a block. Each row of A has
the sum 1: a constant image stays constant, and the sum of dx is the sum of dy.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Pair = tuple[int, int]


def upsample2d_forward(x: Array, factor: Pair, interpolation: str) -> Array:
    """Make images larger (U1).

    Parameters
    ----------
    x : (N, H, W, C) float or complex array
    factor : (int, int)
    interpolation : "nearest" or "bilinear"

    Returns
    -------
    (N, a*H, b*W, C) array, same dtype as `x`
    """
    N, H, W, C = x.shape
    OH, OW = factor[0] * H, factor[1] * W
    wide = x.astype(np.result_type(x.dtype, np.float64))
    y = np.zeros((N, OH, OW, C), wide.dtype)
    for n, i, j, c in np.ndindex(y.shape):
        for r, A in _weights(i, factor[0], H, interpolation):
            for q, B in _weights(j, factor[1], W, interpolation):
                y[n, i, j, c] += A * B * wide[n, r, q, c]
    return y.astype(x.dtype)


def upsample2d_backward(dy: Array, factor: Pair, interpolation: str) -> Array:
    """Give each pixel's gradient to the pixels it was made of (U3).

    Parameters
    ----------
    dy : (N, a*H, b*W, C) array
    factor : (int, int)
    interpolation : "nearest" or "bilinear"

    Returns
    -------
    (N, H, W, C) array, same dtype as `dy`
    """
    N, OH, OW, C = dy.shape
    H, W = OH // factor[0], OW // factor[1]
    wide = dy.astype(np.result_type(dy.dtype, np.float64))
    dx = np.zeros((N, H, W, C), wide.dtype)
    for n, i, j, c in np.ndindex(dy.shape):
        for r, A in _weights(i, factor[0], H, interpolation):
            for q, B in _weights(j, factor[1], W, interpolation):
                dx[n, r, q, c] += A * B * wide[n, i, j, c]
    return dx.astype(dy.dtype)


def _weights(i: int, a: int, size: int, interpolation: str) -> list[tuple[int, float]]:
    """List the pixels r that pixel i is made of, with their weights A[i,r] (U2)."""
    if interpolation == "nearest":
        return [(i // a, 1.0)]
    t = min(max((i + 0.5) / a - 0.5, 0.0), size - 1.0)
    tent = [(r, max(0.0, 1 - abs(t - r))) for r in range(size)]
    return [(r, weight) for r, weight in tent if weight > 0]
