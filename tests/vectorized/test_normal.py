"""Normal numbers in whole arrays: those of the loops; moments, tails and independence of many."""

from __future__ import annotations

import math

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import example, given

from nanocnn import reference, vectorized

from .cases import quick

MANY = 2_000_000


@quick
@given(st.integers(0, 2**64 - 1), st.integers(0, 99))
@example(2**64 - 1, 9)
@example(0, 9)
def test_normal_numbers(key: int, size: int) -> None:
    found, expected = (rung.normal_numbers(key, size) for rung in (vectorized, reference))
    assert found.dtype == expected.dtype == np.float32
    assert found.shape == (size,)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


@pytest.fixture(scope="module")
def many() -> np.ndarray:
    return vectorized.normal_numbers(42, MANY).astype(np.float64)


def test_moments(many: np.ndarray) -> None:
    """Each within five of its standard deviations over so many numbers."""
    for power, moment in enumerate((0, 1, 0, 3, 0, 15), start=1):
        spread = math.sqrt(math.prod(range(1, 2 * power, 2)) - moment**2)
        assert abs((many**power).mean() - moment) < 5 * spread / math.sqrt(MANY)


@pytest.mark.parametrize("limit", [0.1, 0.5, 1, 2, 3, 3.5, 4])
def test_as_many_beyond_a_limit_as_there_should_be(many: np.ndarray, limit: float) -> None:
    share = math.erfc(limit / math.sqrt(2)) / 2
    for beyond in ((many > limit).sum(), (many < -limit).sum()):
        assert abs(beyond - MANY * share) < 5 * math.sqrt(MANY * share)


def test_the_farthest(many: np.ndarray) -> None:
    """Of two million, the farthest is beyond 4.4 but for one in 10^9, and none beyond the grain."""
    assert 4.4 < np.abs(many).max() < math.sqrt(48 * math.log(2))


def test_neighbours_pairs_and_keys_are_independent(many: np.ndarray) -> None:
    room = 5 / math.sqrt(MANY)
    for lag in (1, 2, 3, 128):
        assert abs((many[lag:] * many[:-lag]).mean()) < room
        squares = many**2 - 1
        assert abs((squares[lag:] * squares[:-lag]).mean()) < 2 * room
    for key in (43, 41, 42 + 2**32):
        assert abs((many * vectorized.normal_numbers(key, MANY)).mean()) < room
