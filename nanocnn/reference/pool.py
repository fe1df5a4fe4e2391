"""Pooling, index by index: each window of an image becomes one number, channel by channel.

Indices: image n, output place (i, j), channel c, place (u, v) in the window, pixel (r, q).
Window (i, j) covers the pixels r = i*s + u - p and q = j*s + v - p for u < KH and v < KW, with
stride s and padding p before the first row or column, as in `conv.py` with dilation 1.

Maximum, forward
----------------
    y[n,i,j,c] = max_{u,v} x[n, i*s + u - p, j*s + v - p, c]                                    (P1)

*Padding* counts as -inf: it can never win, so a picture of negative numbers keeps its own edge. (A
zero there would win against them.) *Ties* go to the first pixel in row order; the maximum is the
same, but the gradient needs one answer, and "the first" is what PyTorch says too. *NaN* wins
against all: a broken pixel must be seen, not silently dropped. Beside y the forward pass returns
the winner's place in the window, u*KW + v: one byte for windows of up to 256 pixels.

Maximum, backward
-----------------
Let (u*, v*) be the winner. Near x, where no other pixel ties, the maximum *is* that one pixel,

    y[n,i,j,c] = x[n, i*s + u* - p, j*s + v* - p, c]

so the derivative of y is 1 by the winner and 0 by the others. (At a tie the maximum has a kink and
no derivative; giving all to one of the tied pixels is a subgradient.) Write dy for ∂L/∂y, which
arrives from above. By the chain rule, channel by channel,

    dx[n,r,q,c] = sum_{i,j} dy[n,i,j,c] ∂y[n,i,j,c]/∂x[n,r,q,c]

and of the derivatives those are 1 whose winner is (r, q): i*s + u* - p = r and j*s + v* - p = q. A
pixel receives the gradient of every window that it won:

    dx[n,r,q,c] = sum of dy[n,i,j,c] over all windows (i, j) whose winner is (r, q)             (P2)

*Overlap*: when the stride is smaller than the window, one pixel can win several windows. Their
gradients add; the last one does not replace the others. Each dy lands on exactly one pixel, so the
sum of dx is the sum of dy.

Average, forward
----------------
    y[n,i,j,c] = 1/m[i,j] sum of x[n,r,q,c] over the pixels (r, q) of window (i, j)             (P3)

where m[i,j] is the number of pixels of the window that lie inside the image: padding is neither
summed nor counted, so a picture of ones stays a picture of ones up to its edge. (Keras does so;
PyTorch does so with `count_include_pad=False`.)

Average, backward
-----------------
(P3) is linear: x[n,r,q,c] stands in y[n,i,j,c] if window (i, j) covers it, which is when
0 <= r - (i*s - p) < KH and the same holds for q, and its factor is 1/m[i,j]. The chain rule sums
over those windows:

    dx[n,r,q,c] = sum of dy[n,i,j,c] / m[i,j] over all windows (i, j) that cover (r, q)         (P4)

Again windows may overlap, and again the sum of dx is the sum of dy.

Global average
--------------
One window as large as the image, and no padding (Lin et al. 2013):

    y[n,c] = 1/(H W) sum_{r,q} x[n,r,q,c]                                                       (P5)

Every pixel stands in one output, that of its image and channel, with factor 1/(H W):

    dx[n,r,q,c] = dy[n,c] / (H W)                                                               (P6)

Sums run in float64. Complex numbers are compared by their real part. The loops are slow on purpose.

References
----------
I. Goodfellow, Y. Bengio and A. Courville (2016), Deep Learning, MIT Press, section 9.3.
M. Lin, Q. Chen and S. Yan (2013), Network in network, arXiv:1312.4400.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .conv import Array, Padding, Pair, Shape, _wide, conv_output_size


def max_pool2d_forward(
    x: Array, window: Pair, stride: Pair, padding: Padding
) -> tuple[Array, Array]:
    """Keep the largest pixel of each window, and where it sat (P1).

    Parameters
    ----------
    x : (N, H, W, C) float or complex array
    window, stride : (int, int)
    padding : ((top, bottom), (left, right)) of int
        Smaller than the window, so that every window holds a pixel.

    Returns
    -------
    y : (N, OH, OW, C) array, same dtype as `x`
    winner : (N, OH, OW, C) unsigned int array
        u*KW + v of the winner.
    """
    shape = _output_shape(x.shape, window, stride, padding)
    y = np.full(shape, -np.inf, x.dtype)
    winner = np.zeros(shape, np.min_scalar_type(window[0] * window[1] - 1))
    for n, i, j, c in np.ndindex(*shape):
        first = True
        for u, v, r, q in _pixels(i, j, x.shape, window, stride, padding):
            value, best = x[n, r, q, c].real, y[n, i, j, c].real
            if first or value > best or (np.isnan(value) and not np.isnan(best)):
                y[n, i, j, c] = x[n, r, q, c]
                winner[n, i, j, c] = u * window[1] + v
            first = False
    return y, winner


def max_pool2d_backward(
    dy: Array, winner: Array, x_shape: Shape, window: Pair, stride: Pair, padding: Padding
) -> Array:
    """Send each gradient to the pixel that won (P2).

    Parameters
    ----------
    dy : (N, OH, OW, C) array
    winner : (N, OH, OW, C) unsigned int array, from the forward pass
    x_shape : (N, H, W, C)
    window, stride, padding : as in `max_pool2d_forward`

    Returns
    -------
    (N, H, W, C) array, same dtype as `dy`
    """
    upstream = _wide(dy)
    dx = np.zeros(x_shape, upstream.dtype)
    for n, i, j, c in np.ndindex(*dy.shape):
        u, v = divmod(int(winner[n, i, j, c]), window[1])
        r = i * stride[0] + u - padding[0][0]
        q = j * stride[1] + v - padding[1][0]
        if 0 <= r < x_shape[1] and 0 <= q < x_shape[2]:  # else the window held only padding
            dx[n, r, q, c] += upstream[n, i, j, c]
    return dx.astype(dy.dtype)


def average_pool2d_forward(x: Array, window: Pair, stride: Pair, padding: Padding) -> Array:
    """Average the pixels of each window, padding left out (P3).

    Parameters
    ----------
    x : (N, H, W, C) float or complex array
    window, stride : (int, int)
    padding : ((top, bottom), (left, right)) of int

    Returns
    -------
    (N, OH, OW, C) array, same dtype as `x`
        0 where a window holds nothing but padding.
    """
    values = _wide(x)
    y = np.zeros(_output_shape(x.shape, window, stride, padding), values.dtype)
    for n, i, j, c in np.ndindex(*y.shape):
        m = 0
        for _, _, r, q in _pixels(i, j, x.shape, window, stride, padding):
            y[n, i, j, c] += values[n, r, q, c]
            m += 1
        y[n, i, j, c] /= max(m, 1)
    return y.astype(x.dtype)


def average_pool2d_backward(
    dy: Array, x_shape: Shape, window: Pair, stride: Pair, padding: Padding
) -> Array:
    """Give every pixel of a window an equal share of its gradient (P4).

    Parameters
    ----------
    dy : (N, OH, OW, C) array
    x_shape : (N, H, W, C)
    window, stride, padding : as in `average_pool2d_forward`

    Returns
    -------
    (N, H, W, C) array, same dtype as `dy`
    """
    upstream = _wide(dy)
    dx = np.zeros(x_shape, upstream.dtype)
    for n, i, j, c in np.ndindex(*dy.shape):
        m = sum(1 for _ in _pixels(i, j, x_shape, window, stride, padding))
        for _, _, r, q in _pixels(i, j, x_shape, window, stride, padding):
            dx[n, r, q, c] += upstream[n, i, j, c] / m
    return dx.astype(dy.dtype)


def global_average_pool2d_forward(x: Array) -> Array:
    """Average each channel over the whole image (P5).

    Parameters
    ----------
    x : (N, H, W, C) float or complex array

    Returns
    -------
    (N, C) array, same dtype as `x`
    """
    N, H, W, C = x.shape
    values = _wide(x)
    y = np.zeros((N, C), values.dtype)
    for n, r, q, c in np.ndindex(N, H, W, C):
        y[n, c] += values[n, r, q, c] / (H * W)
    return y.astype(x.dtype)


def global_average_pool2d_backward(dy: Array, x_shape: Shape) -> Array:
    """Give every pixel of a channel an equal share of its gradient (P6).

    Parameters
    ----------
    dy : (N, C) array
    x_shape : (N, H, W, C)

    Returns
    -------
    (N, H, W, C) array, same dtype as `dy`
    """
    N, H, W, C = x_shape
    dx = np.zeros((N, H, W, C), dy.dtype)
    for n, r, q, c in np.ndindex(N, H, W, C):
        dx[n, r, q, c] = dy[n, c] / (H * W)
    return dx


def _output_shape(x_shape: Shape, window: Pair, stride: Pair, padding: Padding) -> Shape:
    """Return (N, OH, OW, C) by (C0) with dilation 1."""
    N, H, W, C = x_shape
    OH = conv_output_size(H, window[0], stride[0], *padding[0], 1)
    OW = conv_output_size(W, window[1], stride[1], *padding[1], 1)
    return N, OH, OW, C


def _pixels(
    i: int, j: int, x_shape: Shape, window: Pair, stride: Pair, padding: Padding
) -> Iterator[tuple[int, int, int, int]]:
    """Walk the pixels (r, q) of window (i, j) that lie in the image, with their (u, v)."""
    _, H, W, _ = x_shape
    for u in range(window[0]):
        for v in range(window[1]):
            r = i * stride[0] + u - padding[0][0]
            q = j * stride[1] + v - padding[1][0]
            if 0 <= r < H and 0 <= q < W:
                yield u, v, r, q
