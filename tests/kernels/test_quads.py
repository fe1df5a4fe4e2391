"""One number out of four: compiled and in Python, against numbers worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nanocnn.kernels import quads
from nanocnn.kernels.jit import HAS_BYTE_SHUFFLE, JIT, kernel
from nanocnn.kernels.quads import BYTES, COLUMNS, LANES, PER_PLACE, ROWS, RUNS, TOGETHER

compiled_and_twin = pytest.mark.parametrize(
    "twin", [pytest.param(False, marks=pytest.mark.compiled), True]
)


@kernel
def call_make(x, upper, lower, c, found, q0):
    quads.make_quads(x, upper, lower, c, found, q0)


@kernel
def call_product(found, places, p0, step, count, dy, winners, d0, d_step, sums, s0):
    quads.quad_product(found, places, p0, step, count, dy, winners, d0, d_step, sums, s0)


@compiled_and_twin
def test_quads_by_hand(twin: bool) -> None:
    """Two rows of an image with two channels: pixels a, b ... are 0 1, 2 3 ..."""
    x = np.arange(4 * LANES + 40).astype(np.float32)
    found = np.full(4 * LANES + 8, -1, np.float32)
    make: Any = quads._make_quads_twin if twin else call_make
    upper, lower, c = 3, 2 * LANES + 20, 2
    make(x, upper, lower, c, found, 4)
    for e in range(LANES):
        four = [upper + e, upper + e + c, lower + e, lower + e + c]
        assert found[4 + 4 * e : 8 + 4 * e].tolist() == four
    assert (found[:4] == -1).all()
    assert (found[4 + 4 * LANES :] == -1).all()


@compiled_and_twin
def test_products_by_hand(twin: bool) -> None:
    """The second of two windows won at place k % 4 in filter k; the first has no gradient."""
    r = np.random.default_rng(0)
    step, d_step = 4 * (ROWS + 2), COLUMNS + 3
    places = np.array([0, 4 * TOGETHER, 8 * TOGETHER + 4, 7, 7])
    found = r.integers(-9, 10, 3 * step + 60).astype(np.float32)
    lane = np.arange(COLUMNS)
    dy, winners = np.zeros(2 * d_step + 5, np.float32), np.full(2 * d_step + 5, BYTES)
    d0 = 2
    dy[d0 + d_step + lane] = 1 + lane
    winners[d0 + d_step + lane] = lane % 4 * PER_PLACE + BYTES
    sums = np.full(ROWS * COLUMNS + 8, 1000, np.float32)
    product: Any = quads._quad_product_twin if twin else call_product
    product(found, places, 0, step, 2, dy, winners, d0, d_step, sums, 5)
    tile = sums[5 : 5 + ROWS * COLUMNS].reshape(ROWS, COLUMNS)
    for row in range(ROWS):
        quad = found[places[row // TOGETHER] + 4 * (row % TOGETHER) + step :][:4]
        assert tile[row].tolist() == [1000 + (1 + k) * quad[k % 4] for k in range(COLUMNS)]
    assert (sums[:5] == 1000).all()
    assert (sums[5 + ROWS * COLUMNS :] == 1000).all()
    assert len(places) == RUNS + 2


@pytest.mark.compiled
@pytest.mark.parametrize("count", [0, 1, 5])
def test_products_as_in_python(count: int) -> None:
    r = np.random.default_rng(count)
    step, d_step = 8, 2 * COLUMNS
    places = 4 * r.integers(0, 50, RUNS + 1)
    found = r.normal(size=400).astype(np.float32)
    dy = r.normal(size=5 * d_step + 9).astype(np.float32)
    winners = r.integers(0, 4, dy.size).astype(np.int32) * PER_PLACE + BYTES
    actual, expected = (np.ones(ROWS * COLUMNS, np.float32) for _ in range(2))
    call_product(found, places, 1, step, count, dy, winners, 9, d_step, actual, 0)
    quads._quad_product_twin(found, places, 1, step, count, dy, winners, 9, d_step, expected, 0)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-5)


def test_without_the_jit_no_instruction_is_needed() -> None:
    assert JIT or HAS_BYTE_SHUFFLE
