"""Convolution, index by index: a small filter is laid on every place of an image.

Indices: image n, output place (i, j), filter f, tap (u, v) of the filter, pixel (r, q), channel c.
Sizes: x is (N, H, W, C), w is (KH, KW, C/G, F), b is (F,), y is (N, OH, OW, F).

Forward
-------
Output (i, j) looks at the window whose first tap sits at row i*s - p and column j*s - p, where s is
the stride and p the padding before the first row or column. Taps are d (the dilation) pixels apart:

    y[n,i,j,f] = b[f] + sum_{u,v,c} w[u,v,c,f] x[n, i*s + u*d - p, j*s + v*d - p, g + c]        (C1)

Rows and columns have their own s, d and p; they are left out above to keep the line readable. A
pixel outside the image counts as zero: that is all that padding means. With G groups, filter f sees
the C/G channels of its own group only, which start at g = (C/G) * floor(f * G/F). G = 1 is the
usual convolution, G = C the depthwise one.

How many places are there? The window spans d*(KH - 1) + 1 rows, so its start can move from -p_top
to H + p_bottom - d*(KH - 1) - 1 in steps of s:

    OH = floor((H + p_top + p_bottom - d*(KH - 1) - 1) / s) + 1                                 (C0)

and rows at the bottom that do not fill a step are not looked at (Dumoulin and Visin 2016).

Why the filter is not flipped
-----------------------------
A mathematician's convolution reads x at i - u: the filter is turned by 180 degrees. (C1) reads at
i + u, which is called cross-correlation. Flipping makes the operation commutative, and no network
uses that. The weights are learned, so a flip would only make training find the same filter upside
down; the outputs are the same. Without the flip, the filter you print looks like the pattern it
finds. Every framework does it so and calls it convolution (Goodfellow et al. 2016, section 9.1).
The flip is not gone, though: it comes back by itself in (C2).

Backward
--------
The loss L depends on x, w and b only through y. Write dy for ∂L/∂y, which arrives from above, and
likewise dx, dw, db. By the chain rule any number a that enters the forward pass has

    ∂L/∂a = sum_{n,i,j,f} dy[n,i,j,f] ∂y[n,i,j,f]/∂a

so we ask in which outputs a stands, and with which factor.

*The image.* In (C1) the pixel x[n,r,q,c] is multiplied by w[u,v,c-g,f] in output (i, j) exactly
when i*s + u*d - p = r, j*s + v*d - p = q and f is in the group of c. That weight is the factor:

    dx[n,r,q,c] = sum of w[u,v,c-g,f] dy[n,i,j,f] over all i, j, u, v, f with
                  i*s + u*d - p = r,  j*s + v*d - p = q,  f in the group of c                   (C2)

For a given tap u there is at most one i: i = (r + p - u*d)/s, if that divides and lies in 0..OH-1.
With s = d = 1 it is i = r + p - u: the minus sign is the flipped filter. So dx is itself a
convolution, of dy with the filters turned by 180 degrees and their input and output channels
exchanged. It is called the transposed convolution: written as a matrix, (C1) is y = A x and (C2) is
dx = A^T dy. With a stride, r + p - u*d does not always divide by s: the pixels between the windows'
steps get fewer terms, or none.

*The filter.* The weight w[u,v,c,f] appears once in every output (n, i, j, f), multiplied by the
pixel that its tap lies on. It is shared by all places and images, so all of them are summed:

    dw[u,v,c,f] = sum_{n,i,j} dy[n,i,j,f] x[n, i*s + u*d - p, j*s + v*d - p, g + c]             (C3)

This is a cross-correlation again, of x with dy. A loss that is a mean over the batch has put its
1/N into dy; (C3) does not divide.

*The bias.* b[f] is added once to every output of filter f, with derivative 1:

    db[f] = sum_{n,i,j} dy[n,i,j,f]                                                             (C4)

In this layout the sum runs over N*OH*OW numbers, easily a million: it is done in float64, and so
are all sums here. The loops are slow on purpose: each is its equation and nothing else.

References
----------
V. Dumoulin and F. Visin (2016), A guide to convolution arithmetic for deep learning,
arXiv:1603.07285.
I. Goodfellow, Y. Bengio and A. Courville (2016), Deep Learning, MIT Press, chapter 9.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Pair = tuple[int, int]
Padding = tuple[Pair, Pair]
Shape = tuple[int, ...]


def conv_output_size(
    size: int, kernel: int, stride: int, before: int, after: int, dilation: int
) -> int:
    """Count the places of a filter along one axis (C0).

    Parameters
    ----------
    size, kernel : int
        Pixels of the image and taps of the filter along the axis.
    stride, before, after, dilation : int
        Step between windows, padding on the two sides, step between taps (1: no gaps).

    Returns
    -------
    int
        Zero or less when the filter does not fit.
    """
    return (size + before + after - dilation * (kernel - 1) - 1) // stride + 1


def conv2d_forward(
    x: Array,
    w: Array,
    b: Array | None,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
) -> Array:
    """Cross-correlate a batch of images with a bank of filters (C1).

    Parameters
    ----------
    x : (N, H, W, C) float or complex array
    w : (KH, KW, C/G, F) array, same dtype as `x`
    b : (F,) array or None
    stride, dilation : (int, int)
    padding : ((top, bottom), (left, right)) of int
    groups : int

    Returns
    -------
    (N, OH, OW, F) array, same dtype as `x`
    """
    N, H, W, _ = x.shape
    KH, KW, CG, F = w.shape  # CG = C/G, the channels that one filter sees
    OH = conv_output_size(H, KH, stride[0], *padding[0], dilation[0])
    OW = conv_output_size(W, KW, stride[1], *padding[1], dilation[1])
    pixels, weights = _wide(x), _wide(w)
    y = np.zeros((N, OH, OW, F), pixels.dtype)
    for n, i, j, f in np.ndindex(N, OH, OW, F):
        g = CG * (f * groups // F)  # the first channel of the group of f
        for u, v, c in np.ndindex(KH, KW, CG):
            r = i * stride[0] + u * dilation[0] - padding[0][0]
            q = j * stride[1] + v * dilation[1] - padding[1][0]
            if 0 <= r < H and 0 <= q < W:  # outside is padding: zero
                y[n, i, j, f] += weights[u, v, c, f] * pixels[n, r, q, g + c]
        if b is not None:
            y[n, i, j, f] += b[f]
    return y.astype(x.dtype)


def conv2d_backward_input(
    dy: Array,
    w: Array,
    x_shape: Shape,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
) -> Array:
    """Ask each pixel which outputs it entered, and with which weight (C2).

    Parameters
    ----------
    dy : (N, OH, OW, F) array
    w : (KH, KW, C/G, F) array, same dtype as `dy`
    x_shape : (N, H, W, C)
    stride, padding, dilation, groups : as in `conv2d_forward`

    Returns
    -------
    (N, H, W, C) array, same dtype as `dy`
    """
    N, H, W, C = x_shape
    KH, KW, CG, F = w.shape
    _, OH, OW, _ = dy.shape
    FG = F // groups  # filters in a group
    upstream, weights = _wide(dy), _wide(w)
    dx = np.zeros((N, H, W, C), upstream.dtype)
    for n, r, q, c in np.ndindex(N, H, W, C):
        group = c // CG
        g = CG * group
        for u, v in np.ndindex(KH, KW):
            # Which window has its tap (u, v) on pixel (r, q)? None, if there is a remainder.
            i, beside_i = divmod(r + padding[0][0] - u * dilation[0], stride[0])
            j, beside_j = divmod(q + padding[1][0] - v * dilation[1], stride[1])
            if beside_i == beside_j == 0 and 0 <= i < OH and 0 <= j < OW:
                for f in range(FG * group, FG * (group + 1)):
                    dx[n, r, q, c] += weights[u, v, c - g, f] * upstream[n, i, j, f]
    return dx.astype(dy.dtype)


def conv2d_backward_weight(
    dy: Array,
    x: Array,
    w_shape: Shape,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
) -> Array:
    """Sum over all places what each weight was multiplied with (C3).

    Parameters
    ----------
    dy : (N, OH, OW, F) array
    x : (N, H, W, C) array, same dtype as `dy`
    w_shape : (KH, KW, C/G, F)
    stride, padding, dilation, groups : as in `conv2d_forward`

    Returns
    -------
    (KH, KW, C/G, F) array, same dtype as `dy`
    """
    N, H, W, _ = x.shape
    KH, KW, CG, F = w_shape
    _, OH, OW, _ = dy.shape
    upstream, pixels = _wide(dy), _wide(x)
    dw = np.zeros((KH, KW, CG, F), upstream.dtype)
    for u, v, c, f in np.ndindex(KH, KW, CG, F):
        g = CG * (f * groups // F)
        for n, i, j in np.ndindex(N, OH, OW):
            r = i * stride[0] + u * dilation[0] - padding[0][0]
            q = j * stride[1] + v * dilation[1] - padding[1][0]
            if 0 <= r < H and 0 <= q < W:
                dw[u, v, c, f] += upstream[n, i, j, f] * pixels[n, r, q, g + c]
    return dw.astype(dy.dtype)


def conv2d_backward_bias(dy: Array) -> Array:
    """Sum the gradient of each filter over images and places (C4).

    Parameters
    ----------
    dy : (N, OH, OW, F) array

    Returns
    -------
    (F,) array, same dtype as `dy`
    """
    upstream = _wide(dy)
    db = np.zeros(dy.shape[3], upstream.dtype)
    for n, i, j, f in np.ndindex(*dy.shape):
        db[f] += upstream[n, i, j, f]
    return db.astype(dy.dtype)


def _wide(x: Array) -> Array:
    """Copy to float64 (complex128 if complex), in which all sums run."""
    return x.astype(np.result_type(x.dtype, np.float64))
