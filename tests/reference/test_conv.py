"""Convolution against numbers worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from nanocnn.reference import conv

NONE = ((0, 0), (0, 0))
PLAIN = ((1, 1), NONE, (1, 1), 1)  # stride, padding, dilation, groups

#     x = 1 2 3     w = 1  2
#         4 5 6         0 -1      not symmetric: a flipped filter would give other numbers
#         7 8 9
X = np.arange(1.0, 10.0).reshape(1, 3, 3, 1)
W = np.array([[1.0, 2.0], [0.0, -1.0]]).reshape(2, 2, 1, 1)
DY = np.array([[1.0, 2.0], [3.0, 4.0]]).reshape(1, 2, 2, 1)


def test_forward() -> None:
    y = conv.conv2d_forward(X, W, np.array([10.0]), *PLAIN)
    # y[0,0] = 10 + 1*1 + 2*2 + 0*4 - 1*5 = 10     y[0,1] = 10 + 2 + 6 - 6 = 12
    # y[1,0] = 10 + 4 + 10 - 8            = 16     y[1,1] = 10 + 5 + 12 - 9 = 18
    assert y[0, :, :, 0].tolist() == [[10, 12], [16, 18]]


def test_forward_without_bias() -> None:
    assert conv.conv2d_forward(X, W, None, *PLAIN)[0, :, :, 0].tolist() == [[0, 2], [6, 8]]


def test_backward_input() -> None:
    dx = conv.conv2d_backward_input(DY, W, X.shape, *PLAIN)
    # Each dy spreads the filter over its window; overlaps add:
    # 1 2 0     0 2 4     0  0 0     0 0  0
    # 0-1 0  +  0 0-2  +  3  6 0  +  0 4  8
    # 0 0 0     0 0 0     0 -3 0     0 0 -4
    assert dx[0, :, :, 0].tolist() == [[1, 4, 4], [3, 9, 6], [0, -3, -4]]


def test_backward_weight_and_bias() -> None:
    dw = conv.conv2d_backward_weight(DY, X, W.shape, *PLAIN)
    # dw[0,0] = 1*1 + 2*2 + 3*4 + 4*5 = 37     dw[0,1] = 1*2 + 2*3 + 3*5 + 4*6 = 47
    # dw[1,0] = 1*4 + 2*5 + 3*7 + 4*8 = 67     dw[1,1] = 1*5 + 2*6 + 3*8 + 4*9 = 77
    assert dw[:, :, 0, 0].tolist() == [[37, 47], [67, 77]]
    assert conv.conv2d_backward_bias(DY).tolist() == [10]


def test_batch_is_summed_in_the_weights_and_kept_apart_in_the_image() -> None:
    x, dy = np.concatenate([X, 2 * X]), np.concatenate([DY, DY])
    dw = conv.conv2d_backward_weight(dy, x, W.shape, *PLAIN)
    assert dw[:, :, 0, 0].tolist() == [[3 * 37, 3 * 47], [3 * 67, 3 * 77]]
    dx = conv.conv2d_backward_input(dy, W, x.shape, *PLAIN)
    assert dx[0].tolist() == dx[1].tolist()
    assert conv.conv2d_backward_bias(dy).tolist() == [20]


def test_stride_padding_and_dilation_along_a_row() -> None:
    # x = 1 2 3 4 5, one zero on the left and one on the right: 0 1 2 3 4 5 0. The filter's two
    # taps, 1 and 10, lie two apart; windows start at 0, 2, 4:
    # y = 1*0 + 10*2, 1*2 + 10*4, 1*4 + 10*0 = 20, 42, 4
    x = np.arange(1.0, 6.0).reshape(1, 1, 5, 1)
    w = np.array([1.0, 10.0]).reshape(1, 2, 1, 1)
    geometry = ((1, 2), ((0, 0), (1, 1)), (1, 2), 1)
    assert conv.conv2d_forward(x, w, None, *geometry).ravel().tolist() == [20, 42, 4]
    # dy = 1 2 3: the padded dx is 1 0 10+2 0 20+3 0 30, and its ends fall on padding.
    dy = np.array([1.0, 2.0, 3.0]).reshape(1, 1, 3, 1)
    dx = conv.conv2d_backward_input(dy, w, x.shape, *geometry)
    assert dx.ravel().tolist() == [0, 12, 0, 23, 0]
    # dw = 1*0 + 2*2 + 3*4, 1*2 + 2*4 + 3*0
    dw = conv.conv2d_backward_weight(dy, x, w.shape, *geometry)
    assert dw.ravel().tolist() == [16, 10]


def test_the_same_along_a_column() -> None:
    x = np.arange(1.0, 6.0).reshape(1, 5, 1, 1)
    w = np.array([1.0, 10.0]).reshape(2, 1, 1, 1)
    geometry = ((2, 1), ((1, 1), (0, 0)), (2, 1), 1)
    assert conv.conv2d_forward(x, w, None, *geometry).ravel().tolist() == [20, 42, 4]
    dy = np.array([1.0, 2.0, 3.0]).reshape(1, 3, 1, 1)
    dx = conv.conv2d_backward_input(dy, w, x.shape, *geometry)
    assert dx.ravel().tolist() == [0, 12, 0, 23, 0]
    dw = conv.conv2d_backward_weight(dy, x, w.shape, *geometry)
    assert dw.ravel().tolist() == [16, 10]


def test_two_groups() -> None:
    # One pixel with channels 1 2 3 4. Filters 0 and 1 see channels 0 and 1, filters 2 and 3 the
    # others; column f of the filters is w[:, f]:
    #   1 2 3 4      y = 1*1 + 2*5, 1*2 + 2*6, 3*3 + 4*7, 3*4 + 4*8
    #   5 6 7 8
    x = np.array([1.0, 2.0, 3.0, 4.0]).reshape(1, 1, 1, 4)
    w = np.array([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]]).reshape(1, 1, 2, 4)
    geometry = ((1, 1), NONE, (1, 1), 2)
    assert conv.conv2d_forward(x, w, None, *geometry).ravel().tolist() == [11, 14, 37, 44]
    # dy = 1 2 3 4: dx = 1*1 + 2*2, 1*5 + 2*6, 3*3 + 4*4, 3*7 + 4*8
    dy = x
    dx = conv.conv2d_backward_input(dy, w, x.shape, *geometry)
    assert dx.ravel().tolist() == [5, 17, 25, 53]
    # dw = 1*1  2*1  3*3  4*3
    #      1*2  2*2  3*4  4*4
    dw = conv.conv2d_backward_weight(dy, x, w.shape, *geometry)
    assert dw[0, 0].tolist() == [[1, 2, 9, 12], [2, 4, 12, 16]]


@pytest.mark.parametrize(
    ("arguments", "places"),
    [
        ((5, 3, 1, 0, 0, 1), 3),
        ((5, 3, 2, 0, 0, 1), 2),
        ((6, 3, 2, 0, 0, 1), 2),  # the last row does not fill a step
        ((6, 3, 2, 0, 1, 1), 3),
        ((7, 2, 1, 0, 0, 3), 4),  # two taps, three apart, span four
        ((2, 3, 1, 0, 0, 1), 0),  # does not fit
    ],
)
def test_output_size(arguments: tuple[int, ...], places: int) -> None:
    assert conv.conv_output_size(*arguments) == places


def test_a_sum_is_not_rounded_on_the_way() -> None:
    # 1 + 2^-30 - 1 is 0 when every partial sum is rounded to float32.
    values = np.array([1.0, 2.0**-30, -1.0], np.float32)
    assert conv.conv2d_backward_bias(values.reshape(1, 1, 3, 1)).tolist() == [2.0**-30]
    ones = np.ones((1, 3, 1, 1), np.float32)
    y = conv.conv2d_forward(values.reshape(1, 1, 3, 1), ones, None, *PLAIN)
    assert y.dtype == np.float32
    assert y.ravel().tolist() == [2.0**-30]
