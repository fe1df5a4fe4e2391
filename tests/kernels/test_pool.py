"""Compiled pooling against the loops, ties, NaN and padding included."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from vectorized.cases import check, poolings, quick, sources

from nanocnn import kernels, reference, vectorized
from tests.sizes import sized

from .cases import Pooling, Source, untouched

pytestmark = pytest.mark.usefixtures("dirty_memory")


@quick
@given(poolings(), sources, st.booleans())
def test_max(case: Pooling, source: Source, with_nan: bool) -> None:
    x = source.integers(*case.x)  # many ties
    if with_nan:
        x = source.arrange(np.where(x == 2, np.nan, np.where(x == -2, -np.inf, x)).astype(x.dtype))
    with untouched(x):
        y, winner = kernels.max_pool2d_forward(x, *case.geometry)
    expected_y, expected_winner = reference.max_pool2d_forward(x, *case.geometry)
    np.testing.assert_array_equal(y, expected_y, strict=True)
    np.testing.assert_array_equal(winner, expected_winner, strict=True)
    dy = source.normal(*y.shape, salt=1)
    with untouched(dy, winner):
        actual = kernels.max_pool2d_backward(dy, winner, x.shape, *case.geometry)
    expected = reference.max_pool2d_backward(dy, winner, x.shape, *case.geometry)
    check(actual, expected, case.window[0] * case.window[1])
    before = source.normal(*x.shape, salt=2)
    onto = np.array(before, order="C")
    total = kernels.max_pool2d_backward(dy, winner, x.shape, *case.geometry, onto=onto)
    np.testing.assert_array_equal(total, actual + before)


@quick
@given(poolings(), sources)
def test_average(case: Pooling, source: Source) -> None:
    x = source.normal(*case.x)
    with untouched(x):
        y = kernels.average_pool2d_forward(x, *case.geometry)
    check(y, reference.average_pool2d_forward(x, *case.geometry))
    dy = source.normal(*y.shape, salt=1)
    with untouched(dy):
        actual = kernels.average_pool2d_backward(dy, x.shape, *case.geometry)
    expected = reference.average_pool2d_backward(dy, x.shape, *case.geometry)
    check(actual, expected, case.window[0] * case.window[1])


@quick
@given(poolings(), sources)
def test_global_average(case: Pooling, source: Source) -> None:
    x = source.normal(*case.x)
    y = kernels.global_average_pool2d_forward(x)
    check(y, reference.global_average_pool2d_forward(x))
    dy = source.normal(*y.shape, salt=1)
    actual = kernels.global_average_pool2d_backward(dy, x.shape)
    check(actual, reference.global_average_pool2d_backward(dy, x.shape))


@pytest.mark.parametrize("channels", [1, 2, 3, 5, 17, 64])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_larger_images_against_numpy(channels: int, dtype: type) -> None:
    source = Source(channels, dtype, "C")
    x = source.integers(*sized((3, 31, 26), (2, 13, 11)), channels)
    for window, stride, padding in (
        ((2, 2), (2, 2), ((0, 0), (0, 0))),
        ((3, 4), (2, 1), ((1, 2), (3, 0))),
        ((2, 1), (3, 5), ((0, 0), (0, 0))),  # pixels that no window sees
    ):
        geometry = (window, stride, padding)
        y, winner = kernels.max_pool2d_forward(x, *geometry)
        expected_y, expected_winner = vectorized.max_pool2d_forward(x, *geometry)
        np.testing.assert_array_equal(y, expected_y, strict=True)
        np.testing.assert_array_equal(winner, expected_winner, strict=True)
        dy = source.normal(*y.shape, salt=1)
        dx = kernels.max_pool2d_backward(dy, winner, x.shape, *geometry)
        check(dx, vectorized.max_pool2d_backward(dy, winner, x.shape, *geometry), 12)
        y = kernels.average_pool2d_forward(x, *geometry)
        check(y, vectorized.average_pool2d_forward(x, *geometry))
        dx = kernels.average_pool2d_backward(dy, x.shape, *geometry)
        check(dx, vectorized.average_pool2d_backward(dy, x.shape, *geometry), 12)


def test_a_window_of_more_than_256_cells_needs_two_bytes() -> None:
    source = Source(2, np.float32, "C")
    x = source.normal(2, 19, 18, 3)
    geometry = ((17, 16), (1, 1), ((0, 0), (0, 0)))
    y, winner = kernels.max_pool2d_forward(x, *geometry)
    expected_y, expected_winner = vectorized.max_pool2d_forward(x, *geometry)
    assert winner.dtype == np.uint16
    assert winner.max() > 255
    np.testing.assert_array_equal(y, expected_y, strict=True)
    np.testing.assert_array_equal(winner, expected_winner, strict=True)
    dx = kernels.max_pool2d_backward(y, winner, x.shape, *geometry)
    check(dx, vectorized.max_pool2d_backward(y, winner, x.shape, *geometry), 9)


def test_a_window_of_padding_alone() -> None:
    # `nanocnn.ops` rejects it; the rungs still agree: maximum -inf, average 0, no gradient.
    x, dy = np.ones((1, 1, 1, 1)), np.ones((1, 3, 1, 1))
    geometry = ((1, 1), (1, 1), ((1, 1), (0, 0)))
    y, winner = kernels.max_pool2d_forward(x, *geometry)
    assert y.ravel().tolist() == [-np.inf, 1, -np.inf]
    assert winner.ravel().tolist() == [0, 0, 0]
    dx = kernels.max_pool2d_backward(dy, winner, x.shape, *geometry)
    assert dx.ravel().tolist() == [1]
    assert kernels.average_pool2d_forward(x, *geometry).ravel().tolist() == [0, 1, 0]
    assert kernels.average_pool2d_backward(dy, x.shape, *geometry).ravel().tolist() == [1]


def test_a_float32_mean_of_a_large_image_is_not_off() -> None:
    x = np.full((1, 120, 110, 1), 0.1, np.float32)
    assert kernels.global_average_pool2d_forward(x)[0, 0] == np.float32(0.1)


def test_an_empty_batch() -> None:
    x = np.ones((0, 4, 5, 3), np.float32)
    assert kernels.global_average_pool2d_forward(x).shape == (0, 3)
    dy = np.ones((0, 3), np.float32)
    assert kernels.global_average_pool2d_backward(dy, x.shape).shape == x.shape
    y, winner = kernels.max_pool2d_forward(x, (2, 2), (2, 2), ((0, 0), (0, 0)))
    assert y.shape == winner.shape == (0, 2, 2, 3)
