"""The compiled micro-kernel against its twin in plain Python, over random tables."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from nanocnn.kernels import microkernel
from nanocnn.kernels.jit import TALL_ROWS, TILE_ROWS, TILE_VECTORS, kernel, panel_width
from nanocnn.kernels.microkernel import (
    ACCUMULATE,
    BIAS,
    TOGETHER,
    ZERO,
    tall_product,
    tile_product,
)
from nanocnn.kernels.product import is_tall

pytestmark = pytest.mark.compiled


@kernel
def compiled(A, rows, r0, a0, segments, s0, s1, ak, B, b0, bk, C, out, c0, columns, start, bias,
             d0, relu):  # fmt: skip
    tile_product(A, rows, r0, a0, segments, s0, s1, ak, B, b0, bk, C, out, c0, columns, start, bias,
                 d0, relu)  # fmt: skip


@kernel
def compiled_tall(A, rows, r0, a0, segments, s0, s1, ak, B, b0, bk, C, out, c0, columns, start,
                  bias, d0, relu):  # fmt: skip
    tall_product(A, rows, r0, a0, segments, s0, s1, ak, B, b0, bk, C, out, c0, columns, start, bias,
                 d0, relu)  # fmt: skip


@kernel
def compiled_is_tall(rows, p, end):
    return is_tall(rows, p, end)


def random_call(seed: int, dtype: type, columns: int, start: int, relu: int, nan: bool) -> tuple:
    """Return arguments with random tables; everything outside the tile is there to be spoiled."""
    r = np.random.default_rng(seed)
    panel = panel_width(np.dtype(dtype).itemsize)
    s0, n_segments = int(r.integers(3)), int(r.integers(0, 5))
    lengths = r.integers(1, 9, size=s0 + n_segments)
    ak, bk = int(r.integers(1, 4)), panel + int(r.integers(0, 4))
    A, B = (r.normal(size=4096).astype(dtype) for _ in range(2))
    C, bias = (r.normal(size=4096).astype(dtype) for _ in range(2))
    segments = np.stack(
        [r.integers(0, 900, lengths.size), r.integers(0, 900, lengths.size), lengths], axis=1
    )
    r0 = int(r.integers(3))
    rows = r.integers(0, 900, size=r0 + TILE_ROWS)
    places = r.permutation(40)[: r0 + TILE_ROWS] * 64  # targets of different rows do not overlap
    height = int(r.integers(1, TILE_ROWS + 1))  # a lower tile repeats its last row
    rows[r0 + height :] = rows[r0 + height - 1]
    places[r0 + height :] = places[r0 + height - 1]
    if nan:
        A[r.integers(0, 1900, size=20)] = np.nan
        C[r.integers(0, 2600, size=200)] = np.nan
    a0, b0, c0, d0 = (int(v) for v in r.integers(0, 900, size=4))
    return (A, rows, r0, a0, segments.astype(np.int64), s0, s0 + n_segments, ak, B, b0, bk, C,
            places.astype(np.int64), c0, columns, start, bias, d0, relu)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([np.float32, np.float64]),
    st.sampled_from([ZERO, BIAS, ACCUMULATE]),
    st.integers(0, 1),
    st.booleans(),
    st.data(),
)
def test_twin(
    seed: int, dtype: type, start: int, relu: int, nan: bool, data: st.DataObject
) -> None:
    panel = panel_width(np.dtype(dtype).itemsize)
    columns = data.draw(st.integers(1, panel), label="columns")
    call = random_call(seed, dtype, columns, start, relu, nan)
    compare(compiled, microkernel._tile_product_twin, call, TILE_ROWS)


def compare(function: Any, twin: Any, call: tuple, height: int) -> None:
    """Run both; nothing but the tile's places in C may change."""
    dtype, columns = call[0].dtype, call[14]
    copies = [a.copy() if isinstance(a, np.ndarray) else a for a in call]
    twin(*copies)
    inputs = [a.copy() for a in call if isinstance(a, np.ndarray)]
    function(*call)
    C, expected = call[11], copies[11]
    room = 8 * np.sqrt(41) * np.finfo(dtype).eps * max(1.0, float(np.nanmax(np.abs(expected))))
    np.testing.assert_allclose(C, expected, rtol=0, atol=room)  # NaN at the same places
    for array, before in zip((a for a in call if isinstance(a, np.ndarray)), inputs, strict=True):
        if array is not C:
            np.testing.assert_array_equal(array, before)
    touched = np.zeros(C.size, bool)
    for place in call[12][call[2] : call[2] + height]:
        touched[call[13] + place : call[13] + place + columns] = True
    np.testing.assert_array_equal(C[~touched], inputs[4][~touched])


@settings(max_examples=80, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([np.float32, np.float64]),
    st.sampled_from([ZERO, BIAS, ACCUMULATE]),
    st.integers(0, 1),
    st.booleans(),
    st.data(),
)
def test_tall_twin(
    seed: int, dtype: type, start: int, relu: int, nan: bool, data: st.DataObject
) -> None:
    """Four rows at equal distances, and the next four anywhere else."""
    vector = panel_width(np.dtype(dtype).itemsize) // TILE_VECTORS
    columns = data.draw(st.integers(1, vector), label="columns")
    call = list(random_call(seed, dtype, columns, start, relu, nan))
    r, r0 = np.random.default_rng(seed), call[2]
    step = int(r.integers(0, 200))
    first = np.repeat(r.integers(0, 300, TALL_ROWS // TOGETHER), TOGETHER)
    rows = first + np.tile(np.arange(TOGETHER), TALL_ROWS // TOGETHER) * step
    call[1] = np.concatenate([np.full(r0, 1 << 40), rows])
    call[12] = r.permutation(40)[: r0 + TALL_ROWS] * 64
    assert compiled_is_tall(call[1], r0, r0 + TALL_ROWS)
    compare(compiled_tall, microkernel._tall_product_twin, tuple(call), TALL_ROWS)


def test_which_rows_are_tall() -> None:
    rows = np.arange(TALL_ROWS) * 7
    assert compiled_is_tall(rows, 0, TALL_ROWS)
    assert not compiled_is_tall(rows, 0, TALL_ROWS - 1), "not enough of them"
    for k in range(TALL_ROWS):
        moved = rows.copy()
        moved[k] += 1  # the first of four moves all distances, another one its own
        assert not compiled_is_tall(moved, 0, TALL_ROWS)
    moved = rows.copy()
    moved[TOGETHER:] += 100  # as at the end of an image's row
    assert compiled_is_tall(moved, 0, TALL_ROWS)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_relu_keeps_nan_and_shows_no_minus(dtype: type) -> None:
    call = list(random_call(1, dtype, 3, ACCUMULATE, 1, False))
    call[5] = call[6] = 0  # no segment: C goes through relu
    places = call[13] + call[12][call[2] : call[2] + 3]
    call[11][places[0]], call[11][places[1]], call[11][places[2]] = np.nan, -np.inf, np.inf
    compiled(*call)
    assert np.isnan(call[11][places[0]])
    assert call[11][places[1]] == 0
    assert call[11][places[2]] == np.inf
