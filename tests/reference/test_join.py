"""Sums and channels side by side: numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from nanocnn import reference


def test_sum() -> None:
    y = reference.add_forward(np.array([[1.0, -2.0]]), np.array([[0.5, 4.0]]))
    np.testing.assert_array_equal(y, [[1.5, 2.0]])


def test_channels() -> None:
    a = np.array([[[1.0], [2.0]]])
    b = np.array([[[3.0, 4.0], [5.0, 6.0]]])
    y = reference.concatenate_forward(a, b)
    np.testing.assert_array_equal(y, [[[1, 3, 4], [2, 5, 6]]])
    np.testing.assert_array_equal(reference.concatenate_backward(y, 0, 1), a)
    np.testing.assert_array_equal(reference.concatenate_backward(y, 1, 3), b)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_dtypes(dtype: type) -> None:
    a = np.ones((2, 3), dtype)
    assert reference.add_forward(a, a).dtype == dtype
    assert reference.concatenate_forward(a, a).dtype == dtype
    assert reference.concatenate_backward(a, 1, 2).dtype == dtype
