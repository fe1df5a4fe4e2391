"""Transposed convolution: the kernels of convolution with their parts exchanged; none of its own.

The filters (KH, KW, F, C) are those of a convolution from F channels to C, as they lie in memory.
Where stamps do not overlap from left to right, those of one pixel lie side by side in a row of y:

    y   |f0 .. f15|f0 .. f15|  from pixel 0      =      |f0 ........ f31|   one pixel, 2 F channels

so that KW stamps of F numbers are one of KW F numbers, and fill vectors.
"""

from __future__ import annotations

import numpy as np

from .conv import conv2d_backward_input, conv2d_backward_weight, conv2d_forward


def conv_transpose2d_forward(x, w, b, y_size, stride, padding, activation=None):
    """(T1), by (C2), with bias and activation applied on the way out of the registers."""
    y_shape = (x.shape[0], *y_size, w.shape[2])
    (kh, kw, f, c), width = w.shape, x.shape[2]
    if kw != stride[1] or padding[1] != (0, 0) or y_size[1] != kw * width:
        return conv2d_backward_input(x, w, y_shape, stride, padding, (1, 1), 1, b, activation)
    w, b = w.reshape(kh, 1, kw * f, c), None if b is None else np.tile(b, kw)
    wide = (x.shape[0], y_size[0], width, kw * f)
    steps, around = (stride[0], 1), (padding[0], (0, 0))
    y = conv2d_backward_input(x, w, wide, steps, around, (1, 1), 1, b, activation)
    return y.reshape(y_shape)


def conv_transpose2d_backward_input(dy, w, x_shape, stride, padding):
    """(T2), by (C1)."""
    return conv2d_forward(dy, w, None, stride, padding, (1, 1), 1)


def conv_transpose2d_backward_weight(dy, x, w_shape, stride, padding):
    """(T3), by (C3), with x and dy exchanged."""
    return conv2d_backward_weight(x, dy, w_shape, stride, padding, (1, 1), 1)
