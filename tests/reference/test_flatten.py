"""Flatten: where each number goes."""

from __future__ import annotations

import numpy as np

from nanocnn.reference import flatten


def test_forward_counts_rows_then_columns_then_channels() -> None:
    # x[n,i,j,c] = 1000n + 100i + 10j + c, with H = 2, W = 3, C = 2
    n, i, j, c = np.indices((2, 2, 3, 2))
    x = 1000.0 * n + 100.0 * i + 10.0 * j + c
    row = [0, 1, 10, 11, 20, 21, 100, 101, 110, 111, 120, 121]
    expected = [row, [1000 + value for value in row]]
    assert flatten.flatten_forward(x).tolist() == expected
    assert flatten.flatten_forward(np.asfortranarray(x)).tolist() == expected


def test_backward_undoes_forward() -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 5))
    y = flatten.flatten_forward(x)
    assert y.shape == (2, 60)
    assert flatten.flatten_backward(y, x.shape).tolist() == x.tolist()


def test_a_batch_of_single_numbers() -> None:
    x = np.array([3.0, 5.0])  # no axis but the batch's: rows of one number
    y = flatten.flatten_forward(x)
    assert y.tolist() == [[3], [5]]
    assert flatten.flatten_backward(y, x.shape).tolist() == [3, 5]
