"""Flatten as a reshape against the loops."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
from hypothesis import given

from nanocnn import reference, vectorized

from .cases import Source, quick, sources


@quick
@given(st.lists(st.integers(1, 5), min_size=2, max_size=4), sources)
def test_forward_and_backward(shape: list[int], source: Source) -> None:
    x = source.normal(*shape)
    y = vectorized.flatten_forward(x)
    np.testing.assert_array_equal(y, reference.flatten_forward(x), strict=True)
    dy = source.normal(*y.shape, salt=1)
    actual = vectorized.flatten_backward(dy, x.shape)
    np.testing.assert_array_equal(actual, reference.flatten_backward(dy, x.shape), strict=True)
