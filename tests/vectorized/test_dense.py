"""The dense layer's matrix products against the loops."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given

from nanocnn import reference, vectorized

from .cases import Source, check, quick, sources

size = st.integers(1, 9)


@quick
@given(size, size, size, sources, st.booleans())
def test_forward(n: int, d: int, f: int, source: Source, with_bias: bool) -> None:
    x, w = source.normal(n, d), source.normal(d, f, salt=1)
    b = source.normal(f, salt=2) if with_bias else None
    check(vectorized.dense_forward(x, w, b), reference.dense_forward(x, w, b), d + 1)


@quick
@given(size, size, size, sources)
def test_backward(n: int, d: int, f: int, source: Source) -> None:
    x, w, dy = source.normal(n, d), source.normal(d, f, salt=1), source.normal(n, f, salt=2)
    check(vectorized.dense_backward_input(dy, w), reference.dense_backward_input(dy, w), f)
    check(vectorized.dense_backward_weight(dy, x), reference.dense_backward_weight(dy, x), n)
    check(vectorized.dense_backward_bias(dy), reference.dense_backward_bias(dy))
