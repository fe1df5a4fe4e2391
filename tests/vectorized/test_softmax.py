"""Softmax on whole arrays against the loops."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
from hypothesis import given

from nanocnn import reference, vectorized

from .cases import Source, check, quick, sources

shapes = st.lists(st.integers(1, 6), min_size=1, max_size=4)


@quick
@given(shapes, sources, st.sampled_from([1.0, 30.0]))
def test_forward_and_backward(shape: list[int], source: Source, scale: float) -> None:
    x = source.arrange(source.dtype(scale) * source.normal(*shape))
    y = vectorized.softmax_forward(x)
    check(y, reference.softmax_forward(x), shape[-1])
    dy = source.normal(*shape, salt=1)
    check(vectorized.softmax_backward(dy, y), reference.softmax_backward(dy, y), shape[-1])


def test_large_scores_do_not_overflow() -> None:
    x = np.array([[1e4, 1e4 - 200.0], [-1e4, 1e4]], np.float32)
    assert vectorized.softmax_forward(x).tolist() == [[1, 0], [0, 1]]
