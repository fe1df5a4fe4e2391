"""Dropout: the hash against published values, the share that is kept, the scale."""

from __future__ import annotations

import numpy as np
import pytest

from nanocnn.reference import dropout

# The first outputs of SplitMix64 from the state 1234567, as published with many implementations.
PUBLISHED = [
    6457827717110365317,
    3203168211198807973,
    9817491932198370423,
    4593380528125082431,
    16408922859458223821,
]


def test_hash_is_splitmix64() -> None:
    states = [(1234567 + (e + 1) * dropout.GOLDEN) % 2**64 for e in range(5)]
    assert [dropout._splitmix64(state) for state in states] == PUBLISHED


@pytest.mark.parametrize("rate", [0.0, 0.15, 0.2, 0.4, 0.6, 0.89])
def test_mask_follows_from_the_hash(rate: float) -> None:
    # PUBLISHED / 2^64 = 0.350, 0.174, 0.532, 0.249, 0.890; kept where not below the rate.
    uniform = [value / 2**64 for value in PUBLISHED]
    assert dropout.dropout_mask(1234567, 5, rate).tolist() == [u >= rate for u in uniform]


def test_counter_wraps_at_64_bits() -> None:
    top = 2**64 - 1
    shifted = (top + dropout.GOLDEN) % 2**64  # element 1 of one key is element 0 of this one
    a, b = dropout.dropout_mask(top, 50, 0.5), dropout.dropout_mask(shifted, 49, 0.5)
    assert a[1:].tolist() == b.tolist()


def test_share_and_independence_of_keys() -> None:
    a, b = dropout.dropout_mask(1, 20_000, 0.3), dropout.dropout_mask(2, 20_000, 0.3)
    # Standard deviations: sqrt(0.3*0.7/20000) = 0.0032, and for both kept 0.0035. Five of them.
    assert abs(a.mean() - 0.7) < 0.016
    assert abs((a & b).mean() - 0.49) < 0.018
    assert abs((a[1:] & a[:-1]).mean() - 0.49) < 0.018


def test_forward_and_backward_use_one_mask_and_scale() -> None:
    x = np.arange(1.0, 7.0).reshape(2, 3)
    keep = dropout.dropout_mask(9, 6, 0.5).reshape(2, 3)
    assert 0 < keep.sum() < 6
    assert dropout.dropout_forward(x, 0.5, 9).tolist() == np.where(keep, 2 * x, 0).tolist()
    assert dropout.dropout_backward(-x, 0.5, 9).tolist() == np.where(keep, -2 * x, 0).tolist()


def test_elements_are_counted_in_row_order_whatever_the_memory() -> None:
    x = np.arange(1.0, 13.0).reshape(3, 4)
    expected = dropout.dropout_forward(x, 0.5, 4).tolist()
    assert dropout.dropout_forward(np.asfortranarray(x), 0.5, 4).tolist() == expected


def test_rate_zero_keeps_everything() -> None:
    x = np.arange(6.0)
    assert dropout.dropout_forward(x, 0.0, 3).tolist() == x.tolist()
