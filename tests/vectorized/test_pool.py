"""Pooling with whole arrays against the loops, ties and NaN included."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from nanocnn import reference, vectorized

from .cases import Pooling, Source, check, poolings, quick, sources


@quick
@given(poolings(), sources)
def test_max(case: Pooling, source: Source) -> None:
    x = source.integers(*case.x)  # many ties
    y, winner = vectorized.max_pool2d_forward(x, *case.geometry)
    expected_y, expected_winner = reference.max_pool2d_forward(x, *case.geometry)
    np.testing.assert_array_equal(y, expected_y, strict=True)
    np.testing.assert_array_equal(winner, expected_winner, strict=True)
    dy = source.normal(*y.shape, salt=1)
    actual = vectorized.max_pool2d_backward(dy, winner, x.shape, *case.geometry)
    expected = reference.max_pool2d_backward(dy, winner, x.shape, *case.geometry)
    check(actual, expected, case.window[0] * case.window[1])


@quick
@given(poolings(), sources)
def test_max_of_numbers_that_are_none(case: Pooling, source: Source) -> None:
    x = source.integers(*case.x).copy()
    x[x == 2] = np.nan
    x[x == -2] = -np.inf
    y, winner = vectorized.max_pool2d_forward(x, *case.geometry)
    expected_y, expected_winner = reference.max_pool2d_forward(x, *case.geometry)
    np.testing.assert_array_equal(y, expected_y)
    np.testing.assert_array_equal(winner, expected_winner)
    dy = source.normal(*y.shape, salt=1)
    dx = vectorized.max_pool2d_backward(dy, winner, x.shape, *case.geometry)
    check(dx.sum(axis=(1, 2)), dy.sum(axis=(1, 2)), dy.size)  # all of dy arrives


@quick
@given(poolings(), sources)
def test_average(case: Pooling, source: Source) -> None:
    x = source.normal(*case.x)
    y = vectorized.average_pool2d_forward(x, *case.geometry)
    check(y, reference.average_pool2d_forward(x, *case.geometry))
    dy = source.normal(*y.shape, salt=1)
    actual = vectorized.average_pool2d_backward(dy, x.shape, *case.geometry)
    expected = reference.average_pool2d_backward(dy, x.shape, *case.geometry)
    check(actual, expected, case.window[0] * case.window[1])


@quick
@given(poolings(), sources)
def test_global_average(case: Pooling, source: Source) -> None:
    x = source.normal(*case.x)
    y = vectorized.global_average_pool2d_forward(x)
    check(y, reference.global_average_pool2d_forward(x))
    dy = source.normal(*y.shape, salt=1)
    actual = vectorized.global_average_pool2d_backward(dy, x.shape)
    check(actual, reference.global_average_pool2d_backward(dy, x.shape))


@pytest.mark.parametrize("rung", [reference, vectorized])
def test_a_window_of_padding_alone(rung: object) -> None:
    # `nanocnn.ops` rejects it; the rungs still agree: maximum -inf, average 0, no gradient.
    x, dy = np.ones((1, 1, 1, 1)), np.ones((1, 3, 1, 1))
    geometry = ((1, 1), (1, 1), ((1, 1), (0, 0)))
    y, winner = rung.max_pool2d_forward(x, *geometry)
    assert y.ravel().tolist() == [-np.inf, 1, -np.inf]
    dx = rung.max_pool2d_backward(dy, winner, x.shape, *geometry)
    assert dx.ravel().tolist() == [1]
    assert rung.average_pool2d_forward(x, *geometry).ravel().tolist() == [0, 1, 0]
    assert rung.average_pool2d_backward(dy, x.shape, *geometry).ravel().tolist() == [1]


@pytest.mark.parametrize("rung", [reference, vectorized])
def test_a_float32_mean_of_a_large_image_is_not_off(rung: object) -> None:
    x = np.full((1, 120, 110, 1), 0.1, np.float32)
    mean = rung.global_average_pool2d_forward(x)
    assert mean[0, 0] == np.float32(0.1)
