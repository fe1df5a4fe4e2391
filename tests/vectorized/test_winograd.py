"""Winograd's convolution on whole arrays against the loops."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import numpy as np
from hypothesis import given

from nanocnn.reference import winograd as loops
from nanocnn.vectorized import winograd

from .cases import Source, check, quick, sources


@st.composite
def three_by_three(draw: st.DrawFn, channels: int = 3) -> tuple[tuple[int, ...], int, Any]:
    """Draw the shape of x, the number of filters and a padding of at most 2."""
    pad = st.tuples(st.integers(0, 2), st.integers(0, 2))
    padding = draw(st.tuples(pad, pad))
    height, width = (draw(st.integers(max(1, 3 - sum(p)), 11)) for p in padding)
    few = st.integers(1, channels)
    return (draw(st.integers(1, 3)), height, width, draw(few)), draw(few), padding


def upstream(shape: tuple[int, ...], filters: int, padding: Any, source: Source) -> np.ndarray:
    sizes = [n + sum(p) - 2 for n, p in zip(shape[1:3], padding, strict=True)]
    return source.normal(shape[0], *sizes, filters, salt=2)


def test_the_tables() -> None:
    for ours, theirs in zip(winograd.winograd_tables(), loops.winograd_tables(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@quick
@given(three_by_three(), sources, st.booleans())
def test_forward(case: Any, source: Source, with_bias: bool) -> None:
    shape, filters, padding = case
    x, w = source.normal(*shape), source.normal(3, 3, shape[3], filters, salt=1)
    b = source.normal(filters, salt=3) if with_bias else None
    actual = winograd.winograd_forward(x, w, b, padding)
    # Entries up to 8 and 5 in the tables, twice each, before terms cancel: see "Rounding" there.
    check(actual, loops.winograd_forward(x, w, b, padding), 100 * 9 * shape[3])


@quick
@given(three_by_three(), sources)
def test_backward(case: Any, source: Source) -> None:
    shape, filters, padding = case
    dy, x = upstream(shape, filters, padding, source), source.normal(*shape)
    w = source.normal(3, 3, shape[3], filters, salt=1)
    actual = winograd.winograd_backward_input(dy, w, shape, padding)
    expected = loops.winograd_backward_input(dy, w, shape, padding)
    check(actual, expected, 100 * 9 * filters)
    actual = winograd.winograd_backward_weight(dy, x, padding)
    check(actual, loops.winograd_backward_weight(dy, x, padding), 100 * dy[..., 0].size)
