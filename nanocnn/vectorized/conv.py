"""Convolution as one matrix product: every window becomes a row (im2col).

The equations and their derivation stand in `nanocnn/reference/conv.py`. Here the sums over
u, v, c become the inner axis of a matrix product:

    x (N, H, W, C) -windows-> (N, OH, OW, C, KH, KW) -rows-> (G, N*OH*OW, K)  @  (G, K, F/G)

with K = KH * KW * C/G. The price is memory: each pixel is copied up to KH * KW times.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Array = NDArray[Any]
Pair = tuple[int, int]
Padding = tuple[Pair, Pair]
Shape = tuple[int, ...]


def conv_output_size(
    size: int, kernel: int, stride: int, before: int, after: int, dilation: int
) -> int:
    """Count the positions of a filter along one axis (C0).

    Parameters
    ----------
    size, kernel : int
        Pixels and filter taps along the axis.
    stride, dilation : int
        Step between windows, step between taps (1 is dense).
    before, after : int
        Padding pixels on the two sides.

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
    r"""Cross-correlate a batch of images with a bank of filters (C1).

    Parameters
    ----------
    x : (N, H, W, C) float or complex array
    w : (KH, KW, C/G, F) array, same dtype as `x`
    b : (F,) array or None
    stride, dilation : (int, int)
    padding : ((top, bottom), (left, right)) of int
    groups : int
        G: filters of group g see only the channels of group g.

    Returns
    -------
    (N, OH, OW, F) array, same dtype as `x`
    """
    kh, kw, _, f = w.shape
    windows = sliding_windows(pad(x, padding), (kh, kw), stride, dilation)
    n, oh, ow = windows.shape[:3]
    rows = _rows(windows, groups) @ _matrices(w, groups)  # (G, N*OH*OW, F/G)
    y: Array = rows.swapaxes(0, 1).reshape(n, oh, ow, f)
    return y if b is None else y + b


def conv2d_backward_input(
    dy: Array,
    w: Array,
    x_shape: Shape,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
) -> Array:
    r"""Carry the gradient from the output back to the image (C2).

    Parameters
    ----------
    dy : (N, OH, OW, F) array
    w : (KH, KW, C/G, F) array, same dtype as `dy`
    x_shape : (N, H, W, C)
    stride, dilation : (int, int)
    padding : ((top, bottom), (left, right)) of int
    groups : int

    Returns
    -------
    (N, H, W, C) array, same dtype as `dy`
    """
    n, oh, ow, _ = dy.shape
    kh, kw, c_in_group, _ = w.shape
    rows = _by_group(dy, groups) @ _matrices(w, groups).swapaxes(1, 2)  # (G, N*OH*OW, K)
    taps = rows.reshape(groups, n, oh, ow, kh, kw, c_in_group)
    taps = np.moveaxis(taps, 0, -2).reshape(n, oh, ow, kh, kw, groups * c_in_group)
    dx = np.zeros(padded_shape(x_shape, padding), dy.dtype)
    for u in range(kh):
        for v in range(kw):
            view = tap_view(dx, (u * dilation[0], v * dilation[1]), (oh, ow), stride)
            view += taps[:, :, :, u, v]  # windows overlap: a pixel adds what each of them sends
    return crop(dx, padding)


def conv2d_backward_weight(
    dy: Array,
    x: Array,
    w_shape: Shape,
    stride: Pair,
    padding: Padding,
    dilation: Pair,
    groups: int,
) -> Array:
    r"""Correlate the image with the output's gradient (C3).

    Parameters
    ----------
    dy : (N, OH, OW, F) array
    x : (N, H, W, C) array, same dtype as `dy`
    w_shape : (KH, KW, C/G, F)
    stride, dilation : (int, int)
    padding : ((top, bottom), (left, right)) of int
    groups : int

    Returns
    -------
    (KH, KW, C/G, F) array, same dtype as `dy`
    """
    kh, kw, c_in_group, f = w_shape
    windows = sliding_windows(pad(x, padding), (kh, kw), stride, dilation)
    dw: Array = _rows(windows, groups).swapaxes(1, 2) @ _by_group(dy, groups)  # (G, K, F/G)
    dw = dw.swapaxes(0, 1)  # (K, G, F/G)
    return dw.reshape(kh, kw, c_in_group, f)


def conv2d_backward_bias(dy: Array) -> Array:
    r"""Sum the gradient over images, rows and columns, in float64 (C4).

    Parameters
    ----------
    dy : (N, OH, OW, F) array

    Returns
    -------
    (F,) array, same dtype as `dy`
    """
    wide = np.result_type(dy.dtype, np.float64)
    db: Array = dy.sum(axis=(0, 1, 2), dtype=wide)
    return db.astype(dy.dtype)


def pad(x: Array, padding: Padding, value: float = 0.0) -> Array:
    """Surround every image with `value`: (N, H, W, C) -> (N, H + top + bottom, ..., C)."""
    return np.pad(x, ((0, 0), *padding, (0, 0)), constant_values=value)


def padded_shape(x_shape: Shape, padding: Padding) -> Shape:
    """Return the shape of `pad(x, padding)`."""
    n, h, w, c = x_shape
    return n, h + sum(padding[0]), w + sum(padding[1]), c


def crop(x: Array, padding: Padding) -> Array:
    """Take away what `pad` added."""
    (top, bottom), (left, right) = padding
    return np.ascontiguousarray(x[:, top : x.shape[1] - bottom, left : x.shape[2] - right])


def sliding_windows(x: Array, kernel: Pair, stride: Pair, dilation: Pair) -> Array:
    """View an already padded image as its windows, (N, OH, OW, C, KH, KW), without a copy."""
    span = (dilation[0] * (kernel[0] - 1) + 1, dilation[1] * (kernel[1] - 1) + 1)
    windows = sliding_window_view(x, span, axis=(1, 2))
    return windows[:, :: stride[0], :: stride[1], :, :: dilation[0], :: dilation[1]]


def tap_view(x: Array, offset: Pair, size: Pair, stride: Pair) -> Array:
    """View the pixels of `x` that one tap of the window meets: x[:, i*s + offset, j*s + offset]."""
    rows = slice(offset[0], offset[0] + (size[0] - 1) * stride[0] + 1, stride[0])
    columns = slice(offset[1], offset[1] + (size[1] - 1) * stride[1] + 1, stride[1])
    return x[:, rows, columns]


def _rows(windows: Array, groups: int) -> Array:
    """(N, OH, OW, C, KH, KW) -> (G, N*OH*OW, KH*KW*C/G), one window to a row: im2col."""
    n, oh, ow, c, kh, kw = windows.shape
    grouped = windows.reshape(n, oh, ow, groups, c // groups, kh, kw)
    ordered: Array = grouped.transpose(3, 0, 1, 2, 5, 6, 4)
    return ordered.reshape(groups, n * oh * ow, kh * kw * (c // groups))


def _matrices(w: Array, groups: int) -> Array:
    """(KH, KW, C/G, F) -> (G, KH*KW*C/G, F/G), one filter to a column."""
    f = w.shape[3]
    return np.moveaxis(w.reshape(w.size // f, groups, f // groups), 1, 0)


def _by_group(dy: Array, groups: int) -> Array:
    """(N, OH, OW, F) -> (G, N*OH*OW, F/G)."""
    n, oh, ow, f = dy.shape
    return np.moveaxis(dy.reshape(n * oh * ow, groups, f // groups), 1, 0)
