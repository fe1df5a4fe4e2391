"""The vector forms of pooling: compiled against their twins in Python, and nothing beside them."""

from __future__ import annotations

import numpy as np
import pytest

from nanocnn.kernels import windows
from nanocnn.kernels.jit import kernel
from nanocnn.kernels.windows import make_window_max, make_window_spread

pytestmark = pytest.mark.compiled
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])
numbers = pytest.mark.parametrize("number", [np.uint8, np.uint16])
counts = pytest.mark.parametrize("count", [1, 2, 4, 9])
whole_or_part = pytest.mark.parametrize("partly", [False, True])


def lanes(dtype: type, partly: bool) -> int:
    """Return how many channels there are: those of a vector, or one less."""
    return windows.lanes(np.dtype(dtype).itemsize) - partly


def tables(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return places that do not overlap, and numbers of taps that rise."""
    r = np.random.default_rng(seed)
    taps = np.sort(r.choice(250, count, replace=False))
    return r.permutation(count) * 64 - 40, taps


@dtypes
@numbers
@counts
@pytest.mark.parametrize(("vectors", "partly"), [(1, False), (1, True), (4, False)])
def test_max(dtype: type, number: type, count: int, vectors: int, partly: bool) -> None:
    window_max, twin = make_window_max(vectors), windows._make_twin(vectors)

    @kernel
    def compiled(x, a, places, taps, n, y, winner, o, there):  # type: ignore[no-untyped-def]
        window_max(x, a, places, taps, n, y, winner, o, there)

    r = np.random.default_rng(count)
    x = r.integers(-2, 3, 900).astype(dtype)  # many ties
    x[r.integers(0, 900, 90)] = np.nan
    x[r.integers(0, 900, 90)] = -np.inf
    actual, expected = ((np.zeros(80, dtype), np.zeros(80, number)) for _ in range(2))
    there = lanes(dtype, partly) if partly else None
    compiled(x, 50, *tables(count, 1), count, *actual, 7, there)
    twin(x, 50, *tables(count, 1), count, *expected, 7, there)
    for one, other in zip(actual, expected, strict=True):
        np.testing.assert_array_equal(one, other, strict=True)
    assert (expected[1] != 0).any()


@dtypes
@numbers
@counts
@whole_or_part
@pytest.mark.parametrize("onto", [False, True])
def test_spread(dtype: type, number: type, count: int, partly: bool, onto: bool) -> None:
    window_spread, twin = make_window_spread(onto), windows._make_spread_twin(onto)

    @kernel
    def compiled(dy, winner, o, places, taps, n, dx, a, there):  # type: ignore[no-untyped-def]
        window_spread(dy, winner, o, places, taps, n, dx, a, there)

    r = np.random.default_rng(count)
    places, taps = tables(count, 2)
    dy, winner = r.normal(size=60).astype(dtype), r.choice(taps, 60).astype(number)
    before = r.normal(size=700).astype(dtype)
    actual, expected = before.copy(), before.copy()
    channels = lanes(dtype, partly)
    there = channels if partly else None
    compiled(dy, winner, 5, places, taps, count, actual, 50, there)
    twin(dy, winner, 5, places, taps, count, expected, 50, there)
    np.testing.assert_array_equal(actual, expected, strict=True)
    assert (expected != before).sum() == channels * (1 if onto else count)
