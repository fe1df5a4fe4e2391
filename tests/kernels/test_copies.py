"""Copies of a fixed number of neighbours: compiled and in Python, and nothing beside them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from nanocnn.kernels.copies import _make_twin, make_copy
from nanocnn.kernels.jit import kernel

SIZES = (6, 8, 16)
forms = pytest.mark.parametrize(
    "make", [pytest.param(make_copy, marks=pytest.mark.compiled), _make_twin]
)


@forms
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_copies_so_many_and_no_more(
    make: Callable[[int], Callable], size: int, dtype: type
) -> None:
    copy = make(size)

    def call(source, a, target, b):  # type: ignore[no-untyped-def]
        copy(source, a, target, b)

    source, target = np.arange(1, 41).astype(dtype), np.zeros(50, dtype)
    expected = target.copy()
    expected[7 : 7 + size] = source[5 : 5 + size]
    (kernel(call) if make is make_copy else call)(source, 5, target, 7)
    np.testing.assert_array_equal(target, expected)
