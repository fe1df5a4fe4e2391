"""Compiled normal numbers: those of NumPy, every pair the same wherever it is computed."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import example, given
from vectorized.cases import quick

from nanocnn import kernels, reference, vectorized
from nanocnn.kernels import normal
from nanocnn.kernels.jit import kernel
from tests.sizes import sized

pytestmark = pytest.mark.usefixtures("dirty_memory")


@quick
@given(st.integers(0, 2**64 - 1), st.integers(0, 99))
@example(2**64 - 1, 9)
@example(0, 0)
def test_normal_numbers(key: int, size: int) -> None:
    found, expected = (rung.normal_numbers(key, size) for rung in (kernels, reference))
    assert found.dtype == expected.dtype == np.float32
    assert found.shape == (size,)
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize("key", [0, 1, 2**63, 2**64 - 1])
def test_many_against_numpy(key: int) -> None:
    """So near that moments and tails, which are tested there, are the same."""
    many = sized(1_000_001, 1501)
    found, expected = (rung.normal_numbers(key, many) for rung in (kernels, vectorized))
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6)
    far = np.abs(expected) > 1
    np.testing.assert_allclose(found[far], expected[far], rtol=2e-6, atol=0)


def test_a_number_is_the_same_in_a_longer_row() -> None:
    """Blocks, vectors and what is left over for one pair at a time do not change a bit."""
    long = kernels.normal_numbers(9, sized(5000, 1100))
    for size in (1, 2, 7, 15, 16, 17, 511, 512, 513, 1025):
        np.testing.assert_array_equal(kernels.normal_numbers(9, size), long[:size])


@kernel
def waves(t, s, c):  # type: ignore[no-untyped-def]
    for e in range(t.size):
        s[np.uintp(e)], c[np.uintp(e)] = normal.sine_and_cosine(t[np.uintp(e)])


def test_sine_and_cosine() -> None:
    t = np.linspace(-np.pi / 4, np.pi / 4, sized(100_001, 2001)).astype(np.float32)
    s, c = np.empty_like(t), np.empty_like(t)
    waves(t, s, c)
    np.testing.assert_allclose(s, np.sin(t.astype(np.float64)), rtol=1.5e-7, atol=0)
    np.testing.assert_allclose(c, np.cos(t.astype(np.float64)), rtol=1.5e-7, atol=0)
