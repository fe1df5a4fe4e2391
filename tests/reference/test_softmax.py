"""Softmax against numbers worked by hand."""

from __future__ import annotations

import math

import numpy as np

from nanocnn.reference import softmax

X = np.array([0.0, math.log(2), math.log(5)])  # e^x = 1, 2, 5, sum 8


def test_forward() -> None:
    np.testing.assert_allclose(softmax.softmax_forward(X), [1 / 8, 2 / 8, 5 / 8], rtol=1e-15)


def test_backward() -> None:
    # dy = 8 0 0 has the mean 1 under y: dx = 1/8 (8 - 1), 2/8 (0 - 1), 5/8 (0 - 1).
    dx = softmax.softmax_backward(np.array([8.0, 0.0, 0.0]), np.array([1 / 8, 2 / 8, 5 / 8]))
    np.testing.assert_allclose(dx, [7 / 8, -2 / 8, -5 / 8], rtol=1e-15)


def test_large_scores_do_not_overflow() -> None:
    x = np.array([[1000.0, 1000.0 + math.log(3)], [-1000.0, 1000.0]])
    np.testing.assert_allclose(softmax.softmax_forward(x), [[0.25, 0.75], [0, 1]], rtol=1e-12)


def test_shift_changes_nothing_and_rows_sum_to_one() -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    y = softmax.softmax_forward(x)
    np.testing.assert_allclose(y.sum(axis=-1), 1, rtol=1e-15)
    np.testing.assert_allclose(softmax.softmax_forward(x + 7.5), y, rtol=1e-14)
    dx = softmax.softmax_backward(np.random.default_rng(1).normal(size=x.shape), y)
    np.testing.assert_allclose(dx.sum(axis=-1), 0, atol=1e-15)


def test_a_nan_spoils_its_own_row_only() -> None:
    y = softmax.softmax_forward(np.array([[0.0, np.nan], [0.0, 0.0]]))
    assert np.isnan(y[0]).all()
    assert y[1].tolist() == [0.5, 0.5]
