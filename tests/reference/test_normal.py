"""Normal numbers: a pair by hand from a published hash, moments, tails, independence."""

from __future__ import annotations

import math

import numpy as np
import pytest

from nanocnn.reference import normal_numbers

# The first outputs of SplitMix64 from the state 1234567, as published with many implementations.
PUBLISHED = [6457827717110365317, 3203168211198807973]


def test_pairs_from_the_hash() -> None:
    numbers = normal_numbers(1234567, 4)
    for p, z in enumerate(PUBLISHED):
        bits = f"{z:064b}"
        a, b = (int(bits[:24], 2) + 1) / 2**24, int(bits[24:48], 2) / 2**24
        r = math.sqrt(-2 * math.log(a))
        expected = [r * math.cos(2 * math.pi * b), r * math.sin(2 * math.pi * b)]
        np.testing.assert_array_equal(numbers[2 * p : 2 * p + 2], np.float32(expected))


def test_a_number_is_the_same_in_a_longer_row() -> None:
    long = normal_numbers(7, 11)
    for size in range(11):
        np.testing.assert_array_equal(normal_numbers(7, size), long[:size])


def test_mean_and_variance_of_some() -> None:
    n = normal_numbers(3, 4000)
    assert n.dtype == np.float32
    assert abs(n.mean()) < 5 / math.sqrt(4000)
    assert n.var() == pytest.approx(1, abs=5 * math.sqrt(2 / 4000))
