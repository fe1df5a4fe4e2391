"""Sums over windows, for runs of pixels: compiled against their twins, and nothing beside them."""

from __future__ import annotations

import numpy as np
import pytest

from nanocnn.kernels import window_sums
from nanocnn.kernels.jit import kernel

from .test_windows import dtypes, lanes, numbers, tables, whole_or_part

pytestmark = pytest.mark.compiled
counts = pytest.mark.parametrize("count", [0, 1, 2, 3, 4])
runs = pytest.mark.parametrize("pixels", [0, 1, 3])
FROM, TO = 20, 70  # elements from pixel to pixel


@dtypes
@numbers
@counts
@runs
@whole_or_part
def test_sum_of_winners(dtype: type, number: type, count: int, pixels: int, partly: bool) -> None:
    @kernel
    def compiled(dy, winner, o, o_step, places, taps, n, dx, a, a_step, p, there):  # type: ignore[no-untyped-def]
        window_sums.sum_of_winners(dy, winner, o, o_step, places, taps, n, dx, a, a_step, p, there)

    r = np.random.default_rng(count)
    places, taps = tables(4, 3)
    dy, winner = r.normal(size=400).astype(dtype), r.choice(taps, 400).astype(number)
    actual, expected = np.full(300, 9, dtype), np.full(300, 9, dtype)
    there = lanes(dtype, partly) if partly else None
    given = (dy, winner, 45, FROM, places, taps, count)
    compiled(*given, actual, 5, TO, pixels, there)
    window_sums._sum_of_winners_twin(*given, expected, 5, TO, pixels, there)
    np.testing.assert_array_equal(actual, expected)
    assert (actual == 9).sum() == 300 - pixels * lanes(dtype, partly)
    assert count < 4 or pixels == 0 or (actual[5 : 5 + lanes(dtype, partly)] != 0).any()


@dtypes
@counts
@runs
@whole_or_part
def test_weighted_sum(dtype: type, count: int, pixels: int, partly: bool) -> None:
    @kernel
    def compiled(x, a, a_step, places, weights, n, y, o, o_step, p, there):  # type: ignore[no-untyped-def]
        window_sums.weighted_sum(x, a, a_step, places, weights, n, y, o, o_step, p, there)

    r = np.random.default_rng(count)
    places, weights, x = tables(9, 4)[0], r.random(9), r.normal(size=700).astype(dtype)
    actual, expected = np.full(300, 9, dtype), np.full(300, 9, dtype)
    there = lanes(dtype, partly) if partly else None
    given = (x, 45, FROM, places, weights, count)
    compiled(*given, actual, 5, TO, pixels, there)
    window_sums._weighted_sum_twin(*given, expected, 5, TO, pixels, there)
    np.testing.assert_allclose(actual, expected, rtol=4 * np.finfo(dtype).eps, atol=1e-15)
    assert (actual == 9).sum() == 300 - pixels * lanes(dtype, partly)
