"""Pooling against numbers worked by hand: ties, overlap, padding, NaN."""

from __future__ import annotations

import numpy as np
import pytest

from nanocnn.reference import pool

NONE = ((0, 0), (0, 0))
ALL_ROUND = ((1, 1), (1, 1))

#     x =  1  5  2      2x2 windows, one apart: they overlap, and 5 and 5 tie in the first
#          5  3  0
#         -1  4  6
X = np.array([[1.0, 5.0, 2.0], [5.0, 3.0, 0.0], [-1.0, 4.0, 6.0]]).reshape(1, 3, 3, 1)
OVERLAP = ((2, 2), (1, 1), NONE)


def test_max_forward_gives_ties_to_the_first_in_row_order() -> None:
    y, winner = pool.max_pool2d_forward(X, *OVERLAP)
    assert y[0, :, :, 0].tolist() == [[5, 5], [5, 6]]
    assert winner[0, :, :, 0].tolist() == [[1, 0], [0, 3]]
    assert winner.dtype == np.uint8


def test_max_backward_adds_where_windows_overlap() -> None:
    _, winner = pool.max_pool2d_forward(X, *OVERLAP)
    dy = np.array([[1.0, 2.0], [3.0, 4.0]]).reshape(1, 2, 2, 1)
    dx = pool.max_pool2d_backward(dy, winner, X.shape, *OVERLAP)
    # The upper 5 won two windows (1 + 2), the left 5 one (3), the 6 one (4).
    assert dx[0, :, :, 0].tolist() == [[0, 3, 0], [3, 0, 0], [0, 0, 4]]


def test_average_forward_and_backward() -> None:
    y = pool.average_pool2d_forward(X, *OVERLAP)
    # (1+5+5+3)/4, (5+2+3+0)/4, (5+3-1+4)/4, (3+0+4+6)/4
    assert y[0, :, :, 0].tolist() == [[3.5, 2.5], [2.75, 3.25]]
    dy = np.array([[4.0, 8.0], [12.0, 16.0]]).reshape(1, 2, 2, 1)
    dx = pool.average_pool2d_backward(dy, X.shape, *OVERLAP)
    # Shares 1 2 3 4; a corner is in one window, an edge in two, the middle in all four.
    assert dx[0, :, :, 0].tolist() == [[1, 3, 2], [4, 10, 6], [3, 7, 4]]


def test_padding_neither_wins_nor_counts() -> None:
    # Each of the four 2x2 windows holds one pixel and three of padding.
    x = np.array([[-1.0, -2.0], [-3.0, -4.0]]).reshape(1, 2, 2, 1)
    geometry = ((2, 2), (2, 2), ALL_ROUND)
    y, winner = pool.max_pool2d_forward(x, *geometry)
    assert y.tolist() == x.tolist()
    assert winner[0, :, :, 0].tolist() == [[3, 2], [1, 0]]
    assert pool.max_pool2d_backward(x, winner, x.shape, *geometry).tolist() == x.tolist()
    assert pool.average_pool2d_forward(x, *geometry).tolist() == x.tolist()
    assert pool.average_pool2d_backward(x, x.shape, *geometry).tolist() == x.tolist()


def test_a_pixel_of_minus_infinity_wins_against_padding() -> None:
    x = np.full((1, 2, 2, 1), -np.inf)
    geometry = ((2, 2), (2, 2), ALL_ROUND)
    _, winner = pool.max_pool2d_forward(x, *geometry)
    dy = np.arange(1.0, 5.0).reshape(1, 2, 2, 1)
    assert pool.max_pool2d_backward(dy, winner, x.shape, *geometry).tolist() == dy.tolist()


def test_the_first_nan_wins() -> None:
    x = np.array([9.0, np.nan, np.nan, np.inf]).reshape(1, 2, 2, 1)
    y, winner = pool.max_pool2d_forward(x, (2, 2), (2, 2), NONE)
    assert np.isnan(y[0, 0, 0, 0])
    assert winner[0, 0, 0, 0] == 1


def test_stride_larger_than_the_window_leaves_pixels_out() -> None:
    x = np.arange(5.0).reshape(1, 1, 5, 1)
    geometry = ((1, 1), (1, 2), NONE)
    y, winner = pool.max_pool2d_forward(x, *geometry)
    assert y.ravel().tolist() == [0, 2, 4]
    dx = pool.max_pool2d_backward(np.ones_like(y), winner, x.shape, *geometry)
    assert dx.ravel().tolist() == [1, 0, 1, 0, 1]


def test_large_windows_need_a_wider_winner() -> None:
    x = np.arange(17.0 * 16.0).reshape(1, 17, 16, 1)
    _, winner = pool.max_pool2d_forward(x, (17, 16), (1, 1), NONE)
    assert winner.dtype == np.uint16
    assert winner.ravel().tolist() == [17 * 16 - 1]


def test_global_average() -> None:
    # Two channels: 1 3 5 7 and 2 4 6 12.
    x = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 12.0]).reshape(1, 2, 2, 2)
    assert pool.global_average_pool2d_forward(x).tolist() == [[4, 6]]
    dx = pool.global_average_pool2d_backward(np.array([[4.0, 8.0]]), x.shape)
    assert dx.reshape(4, 2).tolist() == [[1, 2]] * 4


@pytest.mark.parametrize("kind", ["max", "average"])
def test_the_gradient_is_conserved(kind: str) -> None:
    rng = np.random.default_rng(3)
    x, dy = rng.normal(size=(2, 5, 7, 3)), rng.normal(size=(2, 5, 3, 3))
    geometry = ((3, 2), (1, 3), ((2, 0), (1, 1)))
    if kind == "max":
        y, winner = pool.max_pool2d_forward(x, *geometry)
        dx = pool.max_pool2d_backward(dy, winner, x.shape, *geometry)
    else:
        y = pool.average_pool2d_forward(x, *geometry)
        dx = pool.average_pool2d_backward(dy, x.shape, *geometry)
    assert y.shape == dy.shape
    np.testing.assert_allclose(dx.sum(axis=(1, 2)), dy.sum(axis=(1, 2)), rtol=1e-12)
