"""The hashed mask on whole arrays against Python's integers: equal bit for bit."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
from hypothesis import example, given

from nanocnn import reference, vectorized

from .cases import Source, check, quick, sources

keys = st.integers(0, 2**64 - 1)
rates = st.floats(0.0, 0.95) | st.sampled_from([0.25, 0.5])


@quick
@given(keys, st.integers(0, 200), rates)
@example(2**64 - 1, 50, 0.5)
@example(0, 50, 0.5)
def test_mask(key: int, size: int, rate: float) -> None:
    actual = vectorized.dropout_mask(key, size, rate)
    np.testing.assert_array_equal(actual, reference.dropout_mask(key, size, rate), strict=True)


@quick
@given(keys, rates, sources, st.lists(st.integers(1, 5), min_size=1, max_size=4))
def test_forward_and_backward(key: int, rate: float, source: Source, shape: list[int]) -> None:
    x = source.normal(*shape)
    check(vectorized.dropout_forward(x, rate, key), reference.dropout_forward(x, rate, key))
    check(vectorized.dropout_backward(x, rate, key), reference.dropout_backward(x, rate, key))
