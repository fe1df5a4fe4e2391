"""Transposed convolution: convolution's passes with their parts exchanged.

Why that is so is derived in `nanocnn/reference/conv_transpose.py`.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from .conv import conv2d_backward_input, conv2d_backward_weight, conv2d_forward

Array = NDArray[Any]
Pair = tuple[int, int]
Padding = tuple[Pair, Pair]
Shape = tuple[int, ...]


def conv_transpose2d_forward(
    x: Array, w: Array, b: Array | None, y_size: Pair, stride: Pair, padding: Padding
) -> Array:
    """(T1), by (C2): the gradient of a convolution's input.

    Parameters
    ----------
    x : (N, H, W, C) float or complex array
    w : (KH, KW, F, C) array, same dtype as `x`
    b : (F,) array or None
    y_size : (OH, OW)
    stride : (int, int)
    padding : ((top, bottom), (left, right)) of int

    Returns
    -------
    (N, OH, OW, F) array, same dtype as `x`
    """
    y_shape = (x.shape[0], *y_size, w.shape[2])
    y = conv2d_backward_input(x, w, y_shape, stride, padding, (1, 1), 1)
    return y if b is None else y + b


def conv_transpose2d_backward_input(
    dy: Array, w: Array, x_shape: Shape, stride: Pair, padding: Padding
) -> Array:
    """(T2), by (C1): a convolution of dy; its shape follows, and `x_shape` is not looked at.

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
    return conv2d_forward(dy, w, None, stride, padding, (1, 1), 1)


def conv_transpose2d_backward_weight(
    dy: Array, x: Array, w_shape: Shape, stride: Pair, padding: Padding
) -> Array:
    """(T3), by (C3), with x and dy exchanged.

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
    return conv2d_backward_weight(x, dy, w_shape, stride, padding, (1, 1), 1)
