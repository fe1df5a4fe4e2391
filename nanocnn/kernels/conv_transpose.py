"""Transposed convolution: the kernels of convolution with their parts exchanged; none of its own.

The filters (KH, KW, F, C) are those of a convolution from F channels to C, as they lie in memory.
"""

from __future__ import annotations

from .conv import conv2d_backward_input, conv2d_backward_weight, conv2d_forward


def conv_transpose2d_forward(x, w, b, y_size, stride, padding, activation=None):
    """(T1), by (C2), with bias and activation applied on the way out of the registers."""
    y_shape = (x.shape[0], *y_size, w.shape[2])
    return conv2d_backward_input(x, w, y_shape, stride, padding, (1, 1), 1, b, activation)


def conv_transpose2d_backward_input(dy, w, x_shape, stride, padding):
    """(T2), by (C1)."""
    return conv2d_forward(dy, w, None, stride, padding, (1, 1), 1)


def conv_transpose2d_backward_weight(dy, x, w_shape, stride, padding):
    """(T3), by (C3), with x and dy exchanged."""
    return conv2d_backward_weight(x, dy, w_shape, stride, padding, (1, 1), 1)
