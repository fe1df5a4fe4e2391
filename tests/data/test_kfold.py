"""`kfold`: every image tested once, classes and groups kept, more evenly than scikit-learn."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold

from nanocnn.data import DataError, kfold

Folds = list[tuple[NDArray[np.int64], NDArray[np.int64]]]


def check_partition(folds: Folds, n: int, k: int) -> None:
    assert len(folds) == k
    for train, test in folds:
        assert train.dtype == test.dtype == np.int64
        assert (np.diff(train) > 0).all()
        assert (np.diff(test) > 0).all()
        np.testing.assert_array_equal(np.sort(np.concatenate([train, test])), np.arange(n))
    np.testing.assert_array_equal(
        np.sort(np.concatenate([test for _, test in folds])), np.arange(n)
    )


@given(
    counts=st.lists(st.integers(1, 50), min_size=1, max_size=5),
    k=st.integers(2, 8),
    seed=st.integers(0),
)
@settings(max_examples=80, deadline=None)
def test_a_partition_in_proportion(counts: list[int], k: int, seed: int) -> None:
    labels = np.random.default_rng(2).permutation(np.repeat(np.arange(len(counts)), counts))
    if min(counts) < k:
        first = next(n for n in counts if n < k)
        with pytest.raises(DataError, match=rf"has {first} images, too few for {k} folds"):
            kfold(labels, k, seed)
        return
    folds = kfold(labels, k, seed)
    check_partition(folds, labels.size, k)
    sizes = [len(test) for _, test in folds]
    assert max(sizes) - min(sizes) <= 1
    for c, count in enumerate(counts):
        in_fold = [int((labels[test] == c).sum()) for _, test in folds]
        assert max(abs(n - count / k) for n in in_fold) < 1
    again = kfold(labels[:, None], k, seed)
    assert all((a[1] == b[1]).all() for a, b in zip(folds, again, strict=True))


def random_groups(rng: np.random.Generator) -> tuple[NDArray[Any], NDArray[Any], int]:
    """Return labels, groups and k: patients with one image or many, of one class or mixed."""
    n_classes, n_groups = int(rng.integers(2, 6)), int(rng.integers(60, 200))
    sizes = rng.geometric(1 / rng.integers(1, 12), n_groups)
    prevalence = rng.dirichlet(np.full(n_classes, 10.0))
    purity = rng.choice([0.05, 0.5, 5])
    labels = [rng.choice(n_classes, n, p=rng.dirichlet(prevalence * purity + 1e-3)) for n in sizes]
    owner = np.repeat(np.arange(n_groups), sizes)
    shuffled = rng.permutation(owner.size)
    y = np.unique(np.concatenate(labels), return_inverse=True)[1]
    return y[shuffled], owner[shuffled], int(rng.choice([3, 5]))


def unevenness(labels: NDArray[Any], tests: list[NDArray[Any]]) -> tuple[float, float]:
    """Return how far a fold's share of a class is from 1/k: largest, and root mean square."""
    total = np.bincount(labels)
    share = np.array([np.bincount(labels[test], minlength=total.size) / total for test in tests])
    off = share - 1 / len(tests)
    return float(abs(off).max()), float(np.sqrt((off**2).mean()))


@given(seed=st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_groups_stay_together(seed: int) -> None:
    labels, groups, k = random_groups(np.random.default_rng(seed))
    held = [len(set(groups[labels == c].tolist())) for c in range(labels.max() + 1)]
    if min(held) < k:
        with pytest.raises(DataError, match=r"has \d groups, too few"):
            kfold(labels, k, seed, groups=groups)
        return
    folds = kfold(labels, k, seed, groups=groups)
    check_partition(folds, labels.size, k)
    for train, test in folds:
        assert not set(groups[train].tolist()) & set(groups[test].tolist())
        assert set(labels[test].tolist()) == set(labels.tolist())


def test_groups_are_spread_more_evenly_than_by_scikit_learn() -> None:
    ours, theirs = [], []
    for seed in range(40):
        labels, groups, k = random_groups(np.random.default_rng(seed))
        splitter = StratifiedGroupKFold(k, shuffle=True, random_state=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of small classes
            peer = [test for _, test in splitter.split(labels, labels, groups)]
        ours.append(unevenness(labels, [t for _, t in kfold(labels, k, seed, groups=groups)]))
        theirs.append(unevenness(labels, peer))
    assert np.mean(np.array(ours) <= np.array(theirs) + 1e-12, axis=0).min() > 0.8
    assert (np.mean(ours, axis=0) < np.mean(theirs, axis=0)).all()


def test_groups_of_equal_size_are_spread_exactly() -> None:
    labels = np.repeat([0, 0, 1, 1, 1, 1], 4)
    groups = np.repeat([f"patient {i}" for i in range(6)], 4)
    for seed in range(20):
        for _, test in kfold(labels, 2, seed, groups=groups):
            assert np.bincount(labels[test]).tolist() == [4, 8]


def test_a_rare_class_reaches_every_fold() -> None:
    """Three patients out of a hundred are ill: one in each fold."""
    groups = np.repeat(np.arange(100), 5)
    labels = (groups < 3).astype(int)
    for seed in range(20):
        folds = kfold(labels, 3, seed, groups=groups)
        assert [int(labels[test].sum()) for _, test in folds] == [5, 5, 5]


def test_the_seed_matters() -> None:
    labels = np.repeat([0, 1], 30)
    groups = np.repeat(np.arange(20), 3)
    for options in ({}, {"groups": groups}):
        first = {tuple(kfold(labels, 3, seed, **options)[0][1]) for seed in range(30)}
        assert len(first) > 20


@pytest.mark.parametrize(
    ("labels", "k", "options", "says"),
    [
        ([0, 1] * 5, 1, {}, "k=1 folds given; needed is a whole number from 2"),
        ([0, 1] * 5, 2.0, {}, "k=2.0 folds"),
        ([0, 1] * 5, True, {}, "k=True folds"),
        ([0] * 9 + [1] * 2, 3, {}, "class 1 has 2 images, too few for 3 folds"),
        ([0] * 9 + [1] * 9, 3, {"groups": [0] * 9 + [1, 2, 3] * 3}, "class 0 has 1 groups, too"),
        ([], 3, {}, "needed are (N,) integers"),
        ([0.5] * 6, 3, {}, "needed are (N,) integers"),
        ([0, 1] * 5, 5, {"groups": [1, 2]}, "groups has shape (2,)"),
    ],
)
def test_refused(labels: Any, k: Any, options: dict[str, Any], says: str) -> None:
    with pytest.raises(DataError) as caught:
        kfold(labels, k, 0, **options)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
