"""Moves of a fixed number of neighbours: compiled and in Python, and nothing beside them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from nanocnn.kernels.copies import (
    _make_scaled_twin,
    _make_twin,
    make_add,
    make_copy,
    make_scale,
)
from nanocnn.kernels.jit import kernel
from nanocnn.kernels.prefetch import prefetch

SIZES = (6, 8, 16)
compiled = pytest.mark.compiled
forms = pytest.mark.parametrize(
    ("make", "adds"),
    [
        pytest.param(make_copy, False, marks=compiled),
        pytest.param(make_add, True, marks=compiled),
        (partial(_make_twin, adds=False), False),
        (partial(_make_twin, adds=True), True),
    ],
)


@forms
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_moves_so_many_and_no_more(
    make: Callable[[int], Callable], adds: bool, size: int, dtype: type
) -> None:
    move = make(size)

    def call(source, a, target, b):  # type: ignore[no-untyped-def]
        move(source, a, target, b)

    source, target = np.arange(1, 41).astype(dtype), np.arange(50).astype(dtype) / 4
    expected = target.copy()
    expected[7 : 7 + size] = source[5 : 5 + size] + (expected[7 : 7 + size] if adds else 0)
    (kernel(call) if make in (make_copy, make_add) else call)(source, 5, target, 7)
    np.testing.assert_array_equal(target, expected)


@pytest.mark.parametrize("adds", [False, True])
@pytest.mark.parametrize(
    "make", [pytest.param(make_scale, marks=compiled), _make_scaled_twin], ids=["compiled", "twin"]
)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scales_so_many_and_no_more(
    make: Callable[[int, bool], Callable], adds: bool, size: int, dtype: type
) -> None:
    scale = make(size, adds)

    def call(source, a, weight, target, b):  # type: ignore[no-untyped-def]
        scale(source, a, weight, target, b)

    source, target = np.arange(1, 41).astype(dtype), np.arange(50).astype(dtype) / 4
    expected = target.copy()
    expected[7 : 7 + size] = dtype(0.5) * source[5 : 5 + size] + adds * expected[7 : 7 + size]
    (kernel(call) if make is make_scale else call)(source, 5, dtype(0.5), target, 7)
    np.testing.assert_array_equal(target, expected)


@kernel
def _sum_with_requests(x):  # type: ignore[no-untyped-def]
    total = x[0]
    for i in range(1, x.size):
        prefetch(x, i, 100_000)
        total += x[i]
    return total


def test_a_request_outside_the_array_does_no_harm() -> None:
    assert _sum_with_requests(np.arange(100, dtype=np.float32)) == 4950
