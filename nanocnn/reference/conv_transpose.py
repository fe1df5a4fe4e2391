"""Transposed convolution, index by index: a small filter is stamped on every place of an image.

Indices: image n, pixel (i, j) and channel c of x, tap (u, v), pixel (r, q) and channel f of y.
Sizes: x is (N, H, W, C), w is (KH, KW, F, C), b is (F,), y is (N, OH, OW, F).

Forward
-------
A convolution with stride s makes an image s times smaller: y = A x. Its transposed matrix goes the
other way, and makes images larger: that is this layer. Each pixel of x stamps its C filters on y,
s pixels apart, each filter times its channel; where stamps overlap they add, and p rows or columns
of the border are cut off:

    y[n,r,q,f] = b[f] + sum of w[u,v,f,c] x[n,i,j,c] over all i, j, u, v, c with
                 i*s + u - p = r,  j*s + v - p = q                                              (T1)

Beside (C2), the gradient of a convolution's input, with dilation 1: the same sum, x in the place
of dy, y in that of dx. So the forward pass here *is* convolution's dx, for a convolution from F
channels to C, and that is why w has F before C: convolution's filters are (KH, KW, in, out). No
filter has to be turned or copied, and there is nothing new to be compiled.

Rows of y: the last stamp starts at (H - 1)*s, so "valid" gives

    OH = (H - 1)*s + KH - p_top - p_bottom                                                      (T0)

without padding. "same" gives H*s: the padding is what "same" is for the convolution from H*s rows
to H. With KH < s there are rows between the stamps: they get the bias alone.

Backward
--------
*The input.* x[n,i,j,c] enters y at (i*s + u - p, j*s + v - p), for every tap and f, with factor
w[u,v,f,c]. All of them are summed:

    dx[n,i,j,c] = sum_{u,v,f} w[u,v,f,c] dy[n, i*s + u - p, j*s + v - p, f]                     (T2)

A pixel outside dy was cut off, and counts as zero. This is (C1): dx is convolution's forward pass,
of dy. Once more: y = A^T x, so dx = (A^T)^T dy = A dy.

*The filter.* w[u,v,f,c] is multiplied by x[n,i,j,c] at the same places:

    dw[u,v,f,c] = sum_{n,i,j} x[n,i,j,c] dy[n, i*s + u - p, j*s + v - p, f]                     (T3)

which is (C3) with x and dy exchanged. *The bias* is added to each pixel once: (C4), as it stands.

References
----------
V. Dumoulin and F. Visin (2016), A guide to convolution arithmetic for deep learning,
arXiv:1603.07285, chapter 4.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Pair = tuple[int, int]
Padding = tuple[Pair, Pair]
Shape = tuple[int, ...]


def conv_transpose2d_forward(
    x: Array, w: Array, b: Array | None, y_size: Pair, stride: Pair, padding: Padding
) -> Array:
    """Stamp the filters on y, once for each pixel of x (T1).

    Parameters
    ----------
    x : (N, H, W, C) float or complex array
    w : (KH, KW, F, C) array, same dtype as `x`
    b : (F,) array or None
    y_size : (OH, OW), by (T0) or as "same" has it
    stride : (int, int)
    padding : ((top, bottom), (left, right)) of int

    Returns
    -------
    (N, OH, OW, F) array, same dtype as `x`
    """
    KH, KW, F, C = w.shape
    pixels, weights = _wide(x), _wide(w)
    y = np.zeros((x.shape[0], *y_size, F), pixels.dtype)
    for n, i, j in np.ndindex(x.shape[:3]):
        for u, v, f, c in np.ndindex(KH, KW, F, C):
            r, q = i * stride[0] + u - padding[0][0], j * stride[1] + v - padding[1][0]
            if 0 <= r < y_size[0] and 0 <= q < y_size[1]:  # the rest is cut off
                y[n, r, q, f] += weights[u, v, f, c] * pixels[n, i, j, c]
    if b is not None:
        y += b
    return y.astype(x.dtype)


def conv_transpose2d_backward_input(
    dy: Array, w: Array, x_shape: Shape, stride: Pair, padding: Padding
) -> Array:
    """Collect from y what each pixel was stamped on (T2).

    Parameters
    ----------
    dy : (N, OH, OW, F) array
    w : (KH, KW, F, C) array, same dtype as `dy`
    x_shape : (N, H, W, C)
    stride, padding : as in `conv_transpose2d_forward`

    Returns
    -------
    (N, H, W, C) array, same dtype as `dy`
    """
    KH, KW, F, _ = w.shape
    _, OH, OW, _ = dy.shape
    upstream, weights = _wide(dy), _wide(w)
    dx = np.zeros(x_shape, upstream.dtype)
    for n, i, j, c in np.ndindex(*x_shape):
        for u, v, f in np.ndindex(KH, KW, F):
            r, q = i * stride[0] + u - padding[0][0], j * stride[1] + v - padding[1][0]
            if 0 <= r < OH and 0 <= q < OW:
                dx[n, i, j, c] += weights[u, v, f, c] * upstream[n, r, q, f]
    return dx.astype(dy.dtype)


def conv_transpose2d_backward_weight(
    dy: Array, x: Array, w_shape: Shape, stride: Pair, padding: Padding
) -> Array:
    """Sum over all stamps what each weight was multiplied with (T3).

    Parameters
    ----------
    dy : (N, OH, OW, F) array
    x : (N, H, W, C) array, same dtype as `dy`
    w_shape : (KH, KW, F, C)
    stride, padding : as in `conv_transpose2d_forward`

    Returns
    -------
    (KH, KW, F, C) array, same dtype as `dy`
    """
    _, OH, OW, _ = dy.shape
    upstream, pixels = _wide(dy), _wide(x)
    dw = np.zeros(w_shape, upstream.dtype)
    for u, v, f, c in np.ndindex(*w_shape):
        for n, i, j in np.ndindex(x.shape[:3]):
            r, q = i * stride[0] + u - padding[0][0], j * stride[1] + v - padding[1][0]
            if 0 <= r < OH and 0 <= q < OW:
                dw[u, v, f, c] += pixels[n, i, j, c] * upstream[n, r, q, f]
    return dw.astype(dy.dtype)


def _wide(x: Array) -> Array:
    """Copy to float64 (complex128 if complex), in which all sums run."""
    return x.astype(np.result_type(x.dtype, np.float64))
