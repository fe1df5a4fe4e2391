"""Transposed convolution against numbers worked by hand."""

from __future__ import annotations

import numpy as np

from nanocnn.reference import conv_transpose

NONE = ((0, 0), (0, 0))
X = np.array([1.0, 2.0]).reshape(1, 1, 2, 1)
W = np.array([10.0, 20.0, 30.0]).reshape(1, 3, 1, 1)
B = np.array([0.5])


def test_stamps_add_where_they_overlap() -> None:
    y = conv_transpose.conv_transpose2d_forward(X, W, B, (1, 5), (1, 2), NONE)
    # 10 20 30 from the first pixel, 20 40 60 two pixels on: 30 and 20 meet in the middle.
    assert y.ravel().tolist() == [10.5, 20.5, 50.5, 40.5, 60.5]


def test_padding_cuts_off_and_pixels_between_stamps_get_the_bias() -> None:
    cut = conv_transpose.conv_transpose2d_forward(X, W, None, (1, 3), (1, 2), ((0, 0), (1, 1)))
    assert cut.ravel().tolist() == [20, 50, 40]
    apart = conv_transpose.conv_transpose2d_forward(X, W[:, :1], B, (1, 4), (1, 2), NONE)
    assert apart.ravel().tolist() == [10.5, 0.5, 20.5, 0.5]


def test_gradients() -> None:
    dy = np.array([1.0, 2.0, 3.0, 4.0, 5.0]).reshape(1, 1, 5, 1)
    dx = conv_transpose.conv_transpose2d_backward_input(dy, W, X.shape, (1, 2), NONE)
    assert dx.ravel().tolist() == [10 + 40 + 90, 30 + 80 + 150]
    dw = conv_transpose.conv_transpose2d_backward_weight(dy, X, W.shape, (1, 2), NONE)
    assert dw.ravel().tolist() == [1 + 6, 2 + 8, 3 + 10]


def test_output_channels_come_before_input_channels() -> None:
    w = np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]]).reshape(1, 1, 3, 2)
    x = np.array([1.0, 2.0]).reshape(1, 1, 1, 2)
    y = conv_transpose.conv_transpose2d_forward(x, w, None, (1, 1), (1, 1), NONE)
    assert y.ravel().tolist() == [21, 42, 63]
