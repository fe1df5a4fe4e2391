"""`stratified_split`: a partition, in proportion, the same for the same seed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nanocnn.data import DataError, stratified_split

WEIGHTS = st.lists(st.integers(1, 8), min_size=1, max_size=4)


@given(
    counts=st.lists(st.integers(1, 60), min_size=1, max_size=4),
    weights=WEIGHTS,
    seed=st.integers(0),
)
@settings(max_examples=60, deadline=None)
def test_a_partition_in_proportion(counts: list[int], weights: list[int], seed: int) -> None:
    labels = np.random.default_rng(1).permutation(np.repeat(np.arange(len(counts)), counts))
    fractions = [w / sum(weights) for w in weights]
    try:
        parts = stratified_split(labels, fractions, seed)
    except DataError:
        assert min(counts) * min(fractions) < 1  # only then can a part stay without a class
        assume(False)
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(labels.size))
    for part, fraction in zip(parts, fractions, strict=True):
        assert part.dtype == np.int64
        np.testing.assert_array_equal(part, np.sort(part))
        for k, count in enumerate(counts):
            n = int((labels[part] == k).sum())
            assert n >= 1
            assert abs(n - fraction * count) < 1
    again = stratified_split(labels, fractions, seed)
    assert all((a == b).all() for a, b in zip(parts, again, strict=True))


def test_whole_quotas_are_met_exactly() -> None:
    labels = np.repeat([0, 1], [70, 30])
    train, val, test = stratified_split(labels, (0.8, 0.1, 0.1), seed=3)
    assert [np.bincount(labels[p]).tolist() for p in (train, val, test)] == [
        [56, 24],
        [7, 3],
        [7, 3],
    ]


def test_equal_remainders_go_to_the_part_that_was_short() -> None:
    """Ten classes of 5 in halves: 2.5 each; no half may get all the odd ones."""
    halves = stratified_split(np.repeat(np.arange(10), 5), (0.5, 0.5), seed=0)
    assert [len(h) for h in halves] == [25, 25]


def test_the_seed_matters_and_every_image_can_go_anywhere() -> None:
    labels = np.repeat([0, 1], 20)
    tests = [stratified_split(labels, (0.75, 0.25), seed)[1] for seed in range(60)]
    assert len({tuple(t) for t in tests}) > 50
    hits = np.bincount(np.concatenate(tests), minlength=40)
    assert hits.min() > 0  # each expected 15 times
    assert hits.max() < 40


@given(sizes=st.lists(st.integers(1, 6), min_size=40, max_size=80), seed=st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_groups_stay_together(sizes: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    groups = np.repeat([f"patient {g}" for g in range(len(sizes))], sizes)
    sick = rng.permutation(np.arange(len(sizes)) % 2)
    labels = np.repeat(sick, sizes)
    mixed = rng.random(labels.size) < 0.1  # some patients have images of both classes
    labels = np.where(mixed, 1 - labels, labels)
    fractions = (0.6, 0.2, 0.2)
    parts = stratified_split(labels, fractions, seed, groups=groups)
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(labels.size))
    members = [set(groups[p]) for p in parts]
    assert sum(map(len, members)) == len(sizes)
    for part, fraction in zip(parts, fractions, strict=True):
        for k in (0, 1):
            n, total = (labels[part] == k).sum(), (labels == k).sum()
            assert abs(n - fraction * total) <= 6  # the largest group


@pytest.mark.parametrize(
    ("labels", "fractions", "options", "says"),
    [
        ([0, 1], (0.5, 0.6), {}, "needed are positive numbers with the sum 1"),
        ([0, 1], (1.0, 0.0), {}, "needed are positive numbers"),
        ([0, 1], (1.5, -0.5), {}, "needed are positive numbers"),
        ([0, 1], (float("nan"), 1.0), {}, "needed are positive numbers"),
        ([0, 1], (), {}, "needed are positive numbers"),
        ([0] * 20 + [1], (0.5, 0.5), {}, "class 1 has 1 images: too few to reach part"),
        ([0] * 20 + [1] * 2, (0.9, 0.05, 0.05), {}, "class 1 has 2 images: too few"),
        ([], (0.5, 0.5), {}, "needed are (N,) integers"),
        ([0.5, 1.5], (0.5, 0.5), {}, "needed are (N,) integers"),
        ([[0, 1]], (0.5, 0.5), {}, "needed are (N,) integers"),
        ([0, 0, 1, 1], (0.5, 0.5), {"groups": [1, 2]}, "groups has shape (2,)"),
        ([0, 0, 1, 1], (0.5, 0.5), {"groups": [1, 1, 1, 1]}, "with these groups"),
    ],
)
def test_refused(labels: Any, fractions: Any, options: dict[str, Any], says: str) -> None:
    with pytest.raises(DataError) as caught:
        stratified_split(labels, fractions, 0, **options)
    assert says in str(caught.value)
