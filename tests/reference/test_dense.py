"""The dense layer against numbers worked by hand."""

from __future__ import annotations

import numpy as np

from nanocnn.reference import dense

X = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])  # three images, two inputs
W = np.array([[1.0, 10.0, 2.0, 0.0], [0.0, 1.0, -1.0, 3.0]])  # two inputs, four outputs
B = np.array([0.0, 0.0, 0.0, 100.0])
DY = np.array([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 2.0, 0.0], [1.0, 0.0, 1.0, 1.0]])


def test_forward() -> None:
    # Row 0: 1*1 + 2*0, 1*10 + 2*1, 1*2 - 2*1, 100 + 2*3; and so on.
    expected = [[1, 12, 0, 106], [3, 34, 2, 112], [5, 56, 4, 118]]
    assert dense.dense_forward(X, W, B).tolist() == expected


def test_forward_without_bias() -> None:
    assert dense.dense_forward(X, W, None)[:, 3].tolist() == [6, 12, 18]


def test_backward_input() -> None:
    # Row 0: column 0 of w. Row 1: column 1 + 2 * column 2 = 10 + 4, 1 - 2.
    # Row 2: columns 0, 2 and 3 = 1 + 2 + 0, 0 - 1 + 3.
    assert dense.dense_backward_input(DY, W).tolist() == [[1, 0], [14, -1], [3, 2]]


def test_backward_weight() -> None:
    # Column 0: rows 0 and 2 of x = 1 + 5, 2 + 6. Column 1: row 1. Column 2: 2 * row 1 + row 2.
    # Column 3: row 2.
    expected = [[6, 3, 6 + 5, 5], [8, 4, 8 + 6, 6]]
    assert dense.dense_backward_weight(DY, X).tolist() == expected


def test_backward_bias() -> None:
    assert dense.dense_backward_bias(DY).tolist() == [2, 1, 3, 1]


def test_a_sum_is_not_rounded_on_the_way() -> None:
    # 1 + 2^-30 - 1 is 0 when every partial sum is rounded to float32.
    row = np.array([[1.0, 2.0**-30, -1.0]], np.float32)
    ones = np.ones((3, 1), np.float32)
    for result in (
        dense.dense_forward(row, ones, None),
        dense.dense_backward_input(row, ones.T),
        dense.dense_backward_weight(ones, row.T),
        dense.dense_backward_bias(row.T),
    ):
        assert result.dtype == np.float32
        assert result.ravel().tolist() == [2.0**-30]
