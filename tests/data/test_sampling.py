"""The order of an epoch: every sample once, or every class as often as the others."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from nanocnn.data.sampling import balanced_order, plain_order, repeats

label_lists = st.lists(st.integers(0, 4), min_size=1, max_size=60)
seeds = st.integers(0, 2**64 - 1)


def test_plain_order_is_that_of_the_published_generator() -> None:
    order = plain_order(50, 7, 3, True)
    np.testing.assert_array_equal(order, np.random.default_rng([7, 3]).permutation(50))
    np.testing.assert_array_equal(plain_order(50, 7, 3, False), np.arange(50))


@given(label_lists, seeds, st.integers(0, 100), st.booleans())
def test_each_class_comes_as_often_as_the_others(
    labels: list[int], seed: int, epoch: int, shuffle: bool
) -> None:
    y = np.array(labels)
    order = balanced_order(y, seed, epoch, shuffle)
    assert len(order) == len(y)
    classes = np.unique(y)
    counts = np.array([np.count_nonzero(y[order] == k) for k in classes])
    assert counts.sum() == len(y)
    assert set(counts) <= {len(y) // len(classes), -(-len(y) // len(classes))}
    times = np.bincount(order, minlength=len(y))
    for k in classes:  # images of one class come equally often, or once more
        assert np.ptp(times[y == k]) <= 1
    again = balanced_order(y, seed, epoch, shuffle)
    np.testing.assert_array_equal(again, order)
    if not shuffle:
        assert (np.diff(order) >= 0).all()


def test_the_rest_goes_to_another_class_each_epoch() -> None:
    y = np.arange(100) % 3
    counts = [np.bincount(y[balanced_order(y, 0, epoch, True)]) for epoch in range(60)]
    assert {int(c.argmax()) for c in counts} == {0, 1, 2}
    assert all(sorted(c.tolist()) == [33, 33, 34] for c in counts)


def test_of_a_large_class_others_are_left_out_each_epoch() -> None:
    y = np.array([0] * 90 + [1] * 10)
    seen = {i for epoch in range(20) for i in balanced_order(y, 0, epoch, True).tolist()}
    assert seen == set(range(100))


@given(st.lists(st.integers(0, 6), max_size=40))
def test_repeats_are_counted(order: list[int]) -> None:
    expected = [order[:place].count(i) for place, i in enumerate(order)]
    np.testing.assert_array_equal(repeats(np.array(order, np.int64)), expected)


@pytest.mark.parametrize("seed", [0, 2**64 - 1])
def test_epochs_and_seeds_differ(seed: int) -> None:
    y = np.arange(40) % 2
    orders = [balanced_order(y, seed, epoch, True).tolist() for epoch in range(3)]
    orders += [plain_order(40, seed, epoch, True).tolist() for epoch in range(3)]
    orders.append(balanced_order(y, 5, 0, True).tolist())
    assert len({tuple(order) for order in orders}) == 7
