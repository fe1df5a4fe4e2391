"""The compiled dense layer against the loops and against NumPy."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from vectorized.cases import check, quick, sources

from nanocnn import kernels, reference, vectorized
from nanocnn.kernels.dense import LEAST_INPUTS
from nanocnn.kernels.jit import JIT

from .cases import Source, untouched

pytestmark = pytest.mark.usefixtures("dirty_memory")
small = st.integers(1, 9)
# One less than, as much as and one more than a panel, in float32 and float64, at 128 to 512 bits.
around_panels = st.sampled_from([1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 65])


@quick
@given(small, small, small, sources, st.booleans())
def test_against_the_loops(n: int, d: int, f: int, source: Source, with_bias: bool) -> None:
    x, w = source.normal(n, d), source.normal(d, f, salt=1)
    b = source.normal(f, salt=2) if with_bias else None
    dy = source.normal(n, f, salt=3)
    with untouched(x, w, b, dy):
        y = kernels.dense_forward(x, w, b)
        dx, dw = kernels.dense_backward_input(dy, w), kernels.dense_backward_weight(dy, x)
        db = kernels.dense_backward_bias(dy)
    check(y, reference.dense_forward(x, w, b), d + 1)
    check(dx, reference.dense_backward_input(dy, w), f)
    check(dw, reference.dense_backward_weight(dy, x), n)
    check(db, reference.dense_backward_bias(dy), n)


@quick
@given(st.integers(1, 250), st.integers(1, 700), around_panels, sources)
def test_against_numpy(n: int, d: int, f: int, source: Source) -> None:
    x, w, b = source.normal(n, d), source.normal(d, f, salt=1), source.normal(f, salt=2)
    dy = source.normal(n, f, salt=3)
    # In long doubles: where all terms are equal, NumPy's own sum rounds the same way each time. So
    # do the short sums of the kernel, of up to 320 terms: their errors add up and do not walk.
    exact = vectorized.dense_forward(*(a.astype(np.longdouble) for a in (x, w, b)))
    check(kernels.dense_forward(x, w, b), exact.astype(x.dtype), 4 * d + 1)
    check(kernels.dense_backward_input(dy, w), vectorized.dense_backward_input(dy, w), f)
    check(kernels.dense_backward_weight(dy, x), vectorized.dense_backward_weight(dy, x), n)
    check(kernels.dense_backward_bias(dy), vectorized.dense_backward_bias(dy), n)


@pytest.mark.parametrize("f", [16, 19])
def test_a_long_sum_is_a_sum_of_short_ones(f: int) -> None:
    # All terms are positive: one running total would be wrong by 36 eps.
    source = Source(7, np.float32, "C")
    x, w = abs(source.normal(1, 20_000)), abs(source.normal(20_000, f, salt=1))
    exact = x.astype(np.float64) @ w.astype(np.float64)
    error = np.abs(kernels.dense_forward(x, w, None) / exact - 1)
    assert error.max() < 5 * np.finfo(np.float32).eps


@pytest.mark.parametrize("f", [16, 19])
def test_the_bias_is_added_to_the_sum_and_not_the_terms_to_the_bias(f: int) -> None:
    source = Source(8, np.float32, "C")
    x, w = abs(source.normal(5, 288)) / 512, abs(source.normal(288, f, salt=1)) / 512
    b = np.ones(f, np.float32)
    exact = x.astype(np.float64) @ w.astype(np.float64) + 1
    error = np.abs(kernels.dense_forward(x, w, b) / exact - 1)
    assert error.max() < np.finfo(np.float32).eps  # the last rounding; term by term it is 11 eps


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh"])
@pytest.mark.parametrize("f", [16, 19])
@pytest.mark.parametrize("d", [401, LEAST_INPUTS + 9])  # at once, and in parts
def test_activation_on_the_way_out(activation: str, f: int, d: int) -> None:
    source = Source(4, np.float32, "C")
    x, w, b = source.normal(13, d), source.normal(d, f, salt=1), source.normal(f, salt=2)
    z = kernels.dense_forward(x, w, b)
    y = kernels.dense_forward(x, w, b, activation)
    expected = getattr(kernels, f"{activation}_forward")(z)
    np.testing.assert_allclose(y, expected, rtol=4 * np.finfo(np.float32).eps, atol=0)


def test_fused_sigmoid_far_from_zero() -> None:
    x = np.array([[-1e4], [-90.0], [0.0], [90.0], [1e4]], np.float32)
    y = kernels.dense_forward(x, np.ones((1, 1), np.float32), None, "sigmoid")
    np.testing.assert_array_equal(y, reference.sigmoid_forward(x))
    assert 0 < y[1, 0] < 1e-38


@pytest.mark.parametrize(("n", "d", "f"), [(0, 3, 5), (3, 0, 5), (3, 5, 0)])
def test_nothing_to_do(n: int, d: int, f: int) -> None:
    x, w, b = np.ones((n, d)), np.ones((d, f)), np.full(f, 2.0)
    dy = np.ones((n, f))
    np.testing.assert_array_equal(kernels.dense_forward(x, w, b), x @ w + b)
    np.testing.assert_array_equal(kernels.dense_backward_input(dy, w), dy @ w.T)
    np.testing.assert_array_equal(kernels.dense_backward_weight(dy, x), x.T @ dy)
    np.testing.assert_array_equal(kernels.dense_backward_bias(dy), dy.sum(axis=0))


@pytest.mark.parametrize(("d", "f"), [(2048, 7), (3000, 40), (2049, 256), (2100, 300), (300, 20)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_sample_alone_has_the_bits_that_it_has_among_others(d: int, f: int, dtype: type) -> None:
    r = np.random.default_rng(d)
    x, dy, w, b = (r.normal(size=s).astype(dtype) for s in ((70, d), (70, f), (d, f), (f,)))
    y, dx = kernels.dense_forward(x, w, b, "relu"), kernels.dense_backward_input(dy, w)
    check(y, np.maximum(x.astype(np.float64) @ w + b, 0).astype(dtype), d)
    check(dx, (dy.astype(np.float64) @ w.T).astype(dtype), f)
    counts = (1, 5, 6, 7, 65) if JIT else (6, 7, 65)  # without the JIT products are rounded
    for n in counts:
        np.testing.assert_array_equal(kernels.dense_forward(x[:n], w, b, "relu"), y[:n])
        np.testing.assert_array_equal(kernels.dense_backward_input(dy[:n], w), dx[:n])
