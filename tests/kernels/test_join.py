"""Sums and channels side by side, against the loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from vectorized.cases import different, quick, sources

from nanocnn import kernels, reference
from nanocnn.kernels import elementwise, join

from .cases import Source, untouched

pytestmark = pytest.mark.usefixtures("dirty_memory")


@quick
@given(different(4, 1, 6), sources)
def test_sum(shape: list[int], source: Source) -> None:
    a, b = source.normal(*shape), source.normal(*shape, salt=1)
    with untouched(a, b):
        y = kernels.add_forward(a, b)
    np.testing.assert_array_equal(y, reference.add_forward(a, b), strict=True)
    rectified = kernels.add_forward(a, b, "relu")
    np.testing.assert_array_equal(rectified, np.maximum(y, 0), strict=True)


@quick
@given(different(5, 1, 7), sources)
def test_channels(sizes: list[int], source: Source) -> None:
    *places, c_a, c_b = sizes
    a, b = source.normal(*places, c_a), source.normal(*places, c_b, salt=1)
    with untouched(a, b):
        y = kernels.concatenate_forward(a, b)
    np.testing.assert_array_equal(y, reference.concatenate_forward(a, b), strict=True)
    with untouched(y):
        parts = [kernels.concatenate_backward(y, *cut) for cut in ((0, c_a), (c_a, c_a + c_b))]
    for part, whole in zip(parts, (a, b), strict=True):
        np.testing.assert_array_equal(part, whole, strict=True)


def test_more_than_one_work_item_and_a_rest() -> None:
    rng = np.random.default_rng(0)
    a = rng.standard_normal(2 * elementwise.BLOCK + 5)
    np.testing.assert_array_equal(kernels.add_forward(a, a), 2 * a)
    a, b = (rng.standard_normal((2 * join.PIXELS + 3, c)) for c in (2, 3))
    y = kernels.concatenate_forward(a, b)
    np.testing.assert_array_equal(y, np.hstack((a, b)))
    np.testing.assert_array_equal(kernels.concatenate_backward(y, 2, 5), b)


def test_numbers_that_are_none() -> None:
    a = np.array([np.nan, np.inf, -np.inf, np.inf, -1.0])
    y = kernels.add_forward(a, np.array([1.0, -np.inf, 1.0, 1.0, 0.5]), "relu")
    np.testing.assert_array_equal(y, [np.nan, np.nan, 0, np.inf, 0])


@pytest.mark.parametrize("shape", [(0, 3), (2, 0)])
def test_nothing_at_all(shape: tuple[int, int]) -> None:
    a = np.ones(shape, np.float32)
    assert kernels.add_forward(a, a).shape == shape
    y = kernels.concatenate_forward(a, a)
    assert y.shape == (shape[0], 2 * shape[1])
    assert kernels.concatenate_backward(y, 0, shape[1]).shape == shape
