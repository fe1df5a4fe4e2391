"""Convolution as a matrix product against the loops."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
from hypothesis import given

from nanocnn import reference, vectorized

from .cases import Convolution, Source, check, convolutions, quick, sources


def upstream(case: Convolution, source: Source) -> np.ndarray:
    """Return a random dy of the right shape."""
    around = zip(case.x[1:3], case.w[:2], case.stride, case.padding, case.dilation, strict=True)
    size = [vectorized.conv_output_size(n, k, s, *p, d) for n, k, s, p, d in around]
    return source.normal(case.x[0], *size, case.w[3], salt=2)


@quick
@given(convolutions(), sources, st.booleans())
def test_forward(case: Convolution, source: Source, with_bias: bool) -> None:
    x, w = source.normal(*case.x), source.normal(*case.w, salt=1)
    b = source.normal(case.w[3], salt=3) if with_bias else None
    actual = vectorized.conv2d_forward(x, w, b, *case.geometry)
    expected = reference.conv2d_forward(x, w, b, *case.geometry)
    assert expected.shape == upstream(case, source).shape
    check(actual, expected, int(np.prod(case.w[:3])) + 1)


@quick
@given(convolutions(), sources)
def test_backward_input(case: Convolution, source: Source) -> None:
    dy, w = upstream(case, source), source.normal(*case.w, salt=1)
    actual = vectorized.conv2d_backward_input(dy, w, case.x, *case.geometry)
    expected = reference.conv2d_backward_input(dy, w, case.x, *case.geometry)
    check(actual, expected, case.w[0] * case.w[1] * case.w[3] // case.groups)


@quick
@given(convolutions(), sources)
def test_backward_weight(case: Convolution, source: Source) -> None:
    dy, x = upstream(case, source), source.normal(*case.x)
    actual = vectorized.conv2d_backward_weight(dy, x, case.w, *case.geometry)
    expected = reference.conv2d_backward_weight(dy, x, case.w, *case.geometry)
    check(actual, expected, dy[..., 0].size)


@quick
@given(convolutions(), sources)
def test_backward_bias(case: Convolution, source: Source) -> None:
    dy = upstream(case, source)
    pixels = dy[..., 0].size
    check(vectorized.conv2d_backward_bias(dy), reference.conv2d_backward_bias(dy), pixels)


@quick
@given(convolutions(), sources)
def test_backward_is_the_adjoint_of_forward(case: Convolution, source: Source) -> None:
    source = Source(source.seed, np.float64, source.layout)
    x, w, dy = source.normal(*case.x), source.normal(*case.w, salt=1), upstream(case, source)
    product = (dy * vectorized.conv2d_forward(x, w, None, *case.geometry)).sum()
    by_x = (x * vectorized.conv2d_backward_input(dy, w, x.shape, *case.geometry)).sum()
    by_w = (w * vectorized.conv2d_backward_weight(dy, x, w.shape, *case.geometry)).sum()
    room = 1e-12 * np.sqrt(dy.size * w[..., 0].size) * max(1, np.abs(x).max() * np.abs(w).max())
    np.testing.assert_allclose([by_x, by_w], product, rtol=1e-12, atol=room)


@quick
@given(st.integers(0, 9), *[st.integers(1, 5)] * 2, *[st.integers(0, 3)] * 2, st.integers(1, 3))
def test_output_size(size: int, k: int, s: int, before: int, after: int, d: int) -> None:
    arguments = (size, k, s, before, after, d)
    starts = range(0, size + before + after - d * (k - 1), s)  # the counting that (C0) shortens
    for rung in (reference, vectorized):
        assert max(0, rung.conv_output_size(*arguments)) == len(starts)
