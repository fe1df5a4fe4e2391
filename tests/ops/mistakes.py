"""Calls of the operations that must fail, each with what its message must say."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import nanocnn as nc
from nanocnn import ops


def f32(*shape: int) -> np.ndarray:
    return np.ones(shape, np.float32)


X, W, B = f32(2, 5, 6, 4), f32(3, 2, 4, 8), f32(8)
ROWS, MATRIX = f32(3, 4), f32(4, 5)
F64 = np.float64
WRONG_VALUES: dict[str, tuple[Callable[[], object], list[str]]] = {
    "transposed channels": (
        lambda: ops.conv_transpose2d_forward(X, f32(2, 2, 4, 3)),
        ["conv_transpose2d", "(2, 5, 6, 4)", "(KH, KW, F, 4)", "(2, 2, 4, 3)"],
    ),
    "transposed bias": (
        lambda: ops.conv_transpose2d_forward(X, f32(2, 2, 3, 4), f32(4)),
        ["conv_transpose2d: b must have shape (3,)", "(4,)"],
    ),
    "transposed padding that leaves nothing": (
        lambda: ops.conv_transpose2d_forward(X, f32(2, 2, 3, 4), padding=3),
        ["conv_transpose2d", "5x6", "2x2", "leave no pixel"],
    ),
    "transposed dy": (
        lambda: ops.conv_transpose2d_backward(
            X, ops.conv_transpose2d_forward(X, f32(2, 2, 3, 4))[1]
        ),
        ["conv_transpose2d backward: dy must have shape (2, 6, 7, 3)"],
    ),
    "upsampling by a fraction": (
        lambda: ops.upsample2d_forward(X, 1.5),  # type: ignore[arg-type]
        ["upsample2d: factor must be a whole number from 1", "1.5"],
    ),
    "upsampling by cubes": (
        lambda: ops.upsample2d_forward(X, interpolation="cubic"),
        ["upsample2d: interpolation must be 'nearest' or 'bilinear'", "'cubic'"],
    ),
    "zero padding by a word": (
        lambda: ops.zero_pad2d_forward(X, "same"),  # type: ignore[arg-type]
        ["zero_pad2d: padding must be given in numbers", "'same'"],
    ),
    "conv axes of x": (
        lambda: ops.conv2d_forward(f32(5, 6, 4), W),
        ["conv2d: x must have 4 axes (N, H, W, C)", "(5, 6, 4)"],
    ),
    "conv axes of w": (
        lambda: ops.conv2d_forward(X, f32(3, 3)),
        ["w must have 4 axes (KH, KW, C/groups, F)", "(3, 3)"],
    ),
    "conv channels": (
        lambda: ops.conv2d_forward(X, f32(3, 2, 3, 8)),
        ["groups=1", "(2, 5, 6, 4)", "(KH, KW, C/groups, F)", "(3, 2, 3, 8)"],
    ),
    "conv groups that do not divide": (
        lambda: ops.conv2d_forward(X, f32(3, 2, 2, 7), groups=2),
        ["groups=2", "F a multiple of groups", "(3, 2, 2, 7)"],
    ),
    "conv groups of zero": (lambda: ops.conv2d_forward(X, W, groups=0), ["groups=0"]),
    "conv groups no count": (lambda: ops.conv2d_forward(X, W, groups=True), ["groups=True"]),
    "conv filter without taps": (
        lambda: ops.conv2d_forward(X, f32(0, 2, 4, 8)),
        ["(0, 2, 4, 8)", "at least 1"],
    ),
    "conv filter without output": (
        lambda: ops.conv2d_forward(X, f32(3, 2, 4, 0)),
        ["(3, 2, 4, 0)", "at least 1"],
    ),
    "conv bias": (
        lambda: ops.conv2d_forward(X, W, f32(4)),
        ["b must have shape (8,)", "got (4,)"],
    ),
    "conv stride": (
        lambda: ops.conv2d_forward(X, W, stride=0),
        ["stride must be a whole number from 1", "(rows, columns)", "got 0"],
    ),
    "conv stride of three": (
        lambda: ops.conv2d_forward(X, W, stride=(1, 1, 1)),
        ["stride must be", "got (1, 1, 1)"],
    ),
    "conv dilation": (
        lambda: ops.conv2d_forward(X, W, dilation=1.5),
        ["dilation must be a whole number from 1", "got 1.5"],
    ),
    "conv padding word": (
        lambda: ops.conv2d_forward(X, W, padding="full"),
        ["'valid', 'same', a whole number from 0", "got 'full'"],
    ),
    "conv padding negative": (
        lambda: ops.conv2d_forward(X, W, padding=-1),
        ["a whole number from 0", "got -1"],
    ),
    "conv padding negative inside": (
        lambda: ops.conv2d_forward(X, W, padding=((0, -1), (0, 0))),
        ["((top, bottom), (left, right))", "got ((0, -1), (0, 0))"],
    ),
    "conv padding of three": (
        lambda: ops.conv2d_forward(X, W, padding=(1, 2, 3)),
        ["padding must be", "got (1, 2, 3)"],
    ),
    "conv padding half nested": (
        lambda: ops.conv2d_forward(X, W, padding=((1, 1), 1)),
        ["padding must be", "got ((1, 1), 1)"],
    ),
    "conv padding array": (
        lambda: ops.conv2d_forward(X, W, padding=np.array([1, 2, 3])),
        ["padding must be", "got [1, 2, 3]"],
    ),
    "conv image too small": (
        lambda: ops.conv2d_forward(X, f32(5, 3, 4, 8), padding=((1, 0), (0, 0)), dilation=(2, 1)),
        ["image is 5x6", "with padding 6x6", "window of 9x3", "use larger images"],
    ),
    "conv image without rows": (
        lambda: ops.conv2d_forward(f32(2, 0, 6, 4), W, padding=2),
        ["image is 0x6", "use larger images"],
    ),
    "conv activation": (
        lambda: ops.conv2d_forward(X, W, activation="gelu"),
        ["None or one of 'relu', 'sigmoid', 'tanh'", "got 'gelu'", "call any other one"],
    ),
    "conv dy": (
        lambda: ops.conv2d_backward(X, ops.conv2d_forward(X, W, B)[1]),
        ["conv2d backward: dy must have shape (2, 3, 5, 8)", "got (2, 5, 6, 4)"],
    ),
    "dense axes": (
        lambda: ops.dense_forward(X, MATRIX),
        ["dense: x must have 2 axes (N, D)", "(2, 5, 6, 4)"],
    ),
    "dense axes of w": (lambda: ops.dense_forward(ROWS, f32(4)), ["w must have 2 axes (D, F)"]),
    "dense sizes": (
        lambda: ops.dense_forward(ROWS, f32(3, 5)),
        ["x of shape (3, 4) needs weights of shape (4, F)", "got (3, 5)"],
    ),
    "dense bias": (
        lambda: ops.dense_forward(ROWS, MATRIX, f32(1)),
        ["b must have shape (5,)", "got (1,)"],
    ),
    "dense activation": (
        lambda: ops.dense_forward(ROWS, MATRIX, activation="softmax"),
        ["'relu', 'sigmoid', 'tanh'", "got 'softmax'"],
    ),
    "dense dy": (
        lambda: ops.dense_backward(ROWS, ops.dense_forward(ROWS, MATRIX)[1]),
        ["dense backward: dy must have shape (3, 5)", "got (3, 4)"],
    ),
    "max pool axes": (lambda: ops.max_pool2d_forward(ROWS), ["max_pool2d: x must have 4 axes"]),
    "max pool window": (
        lambda: ops.max_pool2d_forward(X, 0),
        ["window must be a whole number from 1", "got 0"],
    ),
    "max pool stride": (
        lambda: ops.max_pool2d_forward(X, 2, stride=(2, 0)),
        ["stride must be", "got (2, 0)"],
    ),
    "max pool padding": (
        lambda: ops.max_pool2d_forward(X, 2, padding=2),
        ["padding ((2, 2), (2, 2)) must be smaller than the window (2, 2)", "no pixel"],
    ),
    "max pool small image": (
        lambda: ops.max_pool2d_forward(X, 7),
        ["max_pool2d: the image is 5x6", "window of 7x7", "use larger images"],
    ),
    "max pool dy": (
        lambda: ops.max_pool2d_backward(X, ops.max_pool2d_forward(X)[1]),
        ["max_pool2d backward: dy must have shape (2, 2, 3, 4)", "got (2, 5, 6, 4)"],
    ),
    "average pool padding": (
        lambda: ops.average_pool2d_forward(X, (3, 2), padding=((0, 0), (0, 2))),
        ["average_pool2d: padding ((0, 0), (0, 2))", "window (3, 2)"],
    ),
    "average pool dy": (
        lambda: ops.average_pool2d_backward(X, ops.average_pool2d_forward(X)[1]),
        ["average_pool2d backward: dy must have shape (2, 2, 3, 4)"],
    ),
    "global pool axes": (
        lambda: ops.global_average_pool2d_forward(ROWS),
        ["global_average_pool2d: x must have 4 axes (N, H, W, C)", "(3, 4)"],
    ),
    "global pool without pixels": (
        lambda: ops.global_average_pool2d_forward(f32(2, 0, 3, 4)),
        ["without pixels has no mean", "(2, 0, 3, 4)"],
    ),
    "global pool dy": (
        lambda: ops.global_average_pool2d_backward(X, ops.global_average_pool2d_forward(X)[1]),
        ["dy must have shape (2, 4)", "got (2, 5, 6, 4)"],
    ),
    "relu dy": (
        lambda: ops.relu_backward(ROWS, ops.relu_forward(X)[1]),
        ["relu backward: dy must have shape (2, 5, 6, 4)", "got (3, 4)"],
    ),
    "gelu dy": (lambda: ops.gelu_backward(ROWS, ops.gelu_forward(X)[1]), ["gelu backward: dy"]),
    "tanh dy": (lambda: ops.tanh_backward(ROWS, ops.tanh_forward(X)[1]), ["tanh backward: dy"]),
    "sigmoid dy": (
        lambda: ops.sigmoid_backward(ROWS, ops.sigmoid_forward(X)[1]),
        ["sigmoid backward: dy"],
    ),
    "leaky relu dy": (
        lambda: ops.leaky_relu_backward(ROWS, ops.leaky_relu_forward(X)[1]),
        ["leaky_relu backward: dy"],
    ),
    "leaky relu slope": (
        lambda: ops.leaky_relu_forward(X, -0.1),
        ["slope must be a finite number from 0", "got -0.1"],
    ),
    "leaky relu slope nan": (lambda: ops.leaky_relu_forward(X, np.nan), ["slope", "got nan"]),
    "leaky relu slope word": (
        lambda: ops.leaky_relu_forward(X, "0.1"),  # type: ignore[arg-type]
        ["slope must be a finite number from 0", "got '0.1'"],
    ),
    "softmax of a number": (lambda: ops.softmax_forward(f32()), ["got ()"]),
    "softmax of nothing": (
        lambda: ops.softmax_forward(f32(3, 0)),
        ["at least one score on its last axis", "got (3, 0)"],
    ),
    "softmax dy": (
        lambda: ops.softmax_backward(X, ops.softmax_forward(ROWS)[1]),
        ["softmax backward: dy must have shape (3, 4)"],
    ),
    "dropout rate of one": (
        lambda: ops.dropout_forward(X, 1.0, 0),
        ["rate must be a number from 0 to below 1", "got 1.0"],
    ),
    "dropout rate negative": (lambda: ops.dropout_forward(X, -0.1, 0), ["rate", "got -0.1"]),
    "dropout rate nan": (lambda: ops.dropout_forward(X, np.nan, 0), ["rate", "got nan"]),
    "dropout rate word": (
        lambda: ops.dropout_forward(X, "half", 0),  # type: ignore[arg-type]
        ["rate", "got 'half'"],
    ),
    "dropout key negative": (
        lambda: ops.dropout_forward(X, 0.5, -1),
        ["key must be a whole number from 0 to below 2**64", "got -1"],
    ),
    "dropout key too large": (
        lambda: ops.dropout_forward(X, 0.5, 2**64),
        ["key must be", "got 18"],
    ),
    "dropout key no count": (
        lambda: ops.dropout_forward(X, 0.5, 1.0),  # type: ignore[arg-type]
        ["key must be", "got 1.0"],
    ),
    "dropout dy": (
        lambda: ops.dropout_backward(ROWS, ops.dropout_forward(X, 0.5, 1)[1]),
        ["dropout backward: dy must have shape (2, 5, 6, 4)"],
    ),
    "flatten a number": (
        lambda: ops.flatten_forward(np.asarray(np.float32(1))),
        ["flatten: x must have a batch axis", "single number"],
    ),
    "flatten dy": (
        lambda: ops.flatten_backward(ROWS, ops.flatten_forward(X)[1]),
        ["flatten backward: dy must have shape (2, 120)", "got (3, 4)"],
    ),
    "add other shapes": (
        lambda: ops.add_forward(X, X[:, :2]),
        ["add: b must have shape (2, 5, 6, 4), got (2, 2, 6, 4)"],
    ),
    "add with gelu": (
        lambda: ops.add_forward(X, X, activation="gelu"),
        ["add: activation must be None or one of 'relu'", "'gelu'"],
    ),
    "add dy": (
        lambda: ops.add_backward(ROWS, ops.add_forward(X, X)[1]),
        ["add backward: dy must have shape (2, 5, 6, 4)", "got (3, 4)"],
    ),
    "concatenate other sizes": (
        lambda: ops.concatenate_forward(X, X[:, :2]),
        ["concatenate: a and b must have the same shape but for the last axis", "(2, 2, 6, 4)"],
    ),
    "concatenate dy": (
        lambda: ops.concatenate_backward(X, ops.concatenate_forward(X, X)[1]),
        ["concatenate backward: dy must have shape (2, 5, 6, 8)"],
    ),
    "backend": (
        lambda: nc.backend("cuda").__enter__(),
        ["backend 'cuda' is unknown", "'reference', 'vectorized', 'numba'"],
    ),
}
