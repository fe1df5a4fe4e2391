"""Squares, rows exchanged for columns: compiled, in Python, and the steps it is made of."""

from __future__ import annotations

import numpy as np
import pytest

from nanocnn.kernels import panels, transpose, winograd
from nanocnn.kernels.jit import VECTOR_BYTES, kernel, panel_width
from nanocnn.kernels.winograd_tiles import POINTS


@pytest.mark.parametrize("size", [1, 2, 4, 8, 16])
def test_the_steps_exchange_rows_for_columns(size: int) -> None:
    numbers = np.arange(size * size).reshape(size, size)
    rows = list(numbers)
    for step in transpose.exchanges(size):
        for i, j, upper, lower in step:
            both = np.concatenate([rows[i], rows[j]])
            rows[i], rows[j] = both[upper], both[lower]
    np.testing.assert_array_equal(rows, numbers.T)


@kernel
def call(S, s0, s_step, D, d0, d_step):
    transpose.transpose(S, s0, s_step, D, d0, d_step)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "form", [pytest.param(call, marks=pytest.mark.compiled), transpose._transpose_twin]
)
def test_a_square_and_nothing_beside_it(form: object, dtype: type) -> None:
    size = VECTOR_BYTES // np.dtype(dtype).itemsize
    S, D = np.arange(900).astype(dtype), np.zeros(900, dtype)
    expected = D.copy()
    for k in range(size):
        for l in range(size):
            expected[11 + k * (size + 5) + l] = S[7 + l * (size + 3) + k]
    form(S, 7, size + 3, D, 11, size + 5)  # type: ignore[operator]
    np.testing.assert_array_equal(D, expected)


SHAPES = [(1, 1), (16, 16), (20, 40), (33, 17), (3, 64), (48, 5)]


@pytest.mark.parametrize(("c", "f"), SHAPES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_filters_turned_and_in_panels(c: int, f: int, dtype: type) -> None:
    w = np.random.default_rng(0).normal(size=(3, 3, c, f)).astype(dtype)
    turned = w[::-1, ::-1].transpose(0, 1, 3, 2)
    packed, n, panel = panels.turned_in_panels(w, 9, f, c, 1)
    wide = np.zeros((3, 3, f, n * panel), dtype)
    wide[..., :c] = turned
    expected = wide.reshape(9 * f, n, panel).swapaxes(0, 1)
    np.testing.assert_array_equal(packed.reshape(expected.shape), expected)


@pytest.mark.usefixtures("dirty_memory")
@pytest.mark.parametrize(("c", "f"), SHAPES)
def test_filters_turned_and_transformed(c: int, f: int) -> None:
    w = np.random.default_rng(0).normal(size=(3, 3, c, f)).astype(np.float32)
    turned = np.ascontiguousarray(w[::-1, ::-1].transpose(0, 1, 3, 2))
    panel = panel_width(4)
    size = f * -(-c // panel) * panel
    found, expected = (
        winograd._transformed_filters(given, f, c, panel, turned=given is w).reshape(POINTS, -1)
        for given in (w, turned)
    )
    np.testing.assert_array_equal(found[:, :size], expected[:, :size])
