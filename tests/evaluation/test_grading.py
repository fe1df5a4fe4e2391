"""Kappa and regression against scikit-learn; results a group; bootstrap by groups."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis import strategies as st

from nanocnn.evaluation import (
    accuracy,
    auc,
    bootstrap_interval,
    estimate,
    mean_absolute_error,
    paired_difference,
    per_group,
    quadratic_kappa,
    r2,
)

GRADES = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=30)


@given(GRADES)
@settings(max_examples=50, deadline=None)
def test_equal_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    y, p = np.array(pairs).T
    if len({*y, *p}) > 1:  # scikit-learn warns where there is one grade
        expected = sk.cohen_kappa_score(y, p, weights="quadratic", labels=range(5))
        assert quadratic_kappa(y, p, 5) == pytest.approx(expected)
        assert quadratic_kappa(p, y) == pytest.approx(expected)
    assert mean_absolute_error(y, p) == pytest.approx(sk.mean_absolute_error(y, p))
    if len(set(y)) > 1:
        assert r2(y, p) == pytest.approx(sk.r2_score(y, p))


def test_by_hand() -> None:
    # One miss by 1. All 16 pairs of a true and a given grade: (9 + 3 + 5 + 15) / 4 = 8 by chance.
    assert quadratic_kappa([0, 1, 2, 3], [0, 1, 2, 2]) == pytest.approx(1 - 1 / 8)
    assert quadratic_kappa([0, 1, 2], [0, 1, 2]) == 1
    assert quadratic_kappa([0, 1], [1, 0]) == -1
    assert np.isnan([quadratic_kappa([2, 2], [2, 2]), r2([1.0, 1.0], [1.0, 2.0])]).all()
    rng = np.random.default_rng(0)
    y, p = rng.integers(0, 5, (2, 4000))
    found = estimate(quadratic_kappa, y, p, n_resamples=200)
    assert abs(found.value) < 0.05
    assert found.low < found.value < found.high


def test_kappa_of_tables_worked_by_hand() -> None:
    """Squared misses over those by chance, the rows' sums times the columns' over N."""
    # Rows and columns sum to 2: by chance 4/6 a cell, squared misses (4 * 1 + 2 * 4) * 4/6 = 8.
    assert quadratic_kappa([0, 0, 1, 1, 2, 2], [0, 1, 1, 2, 2, 0]) == pytest.approx(1 - 6 / 8)
    # Rows 12, 8, 5 and columns 11, 8, 6 of 25: (96 + 88 + 48 + 40 + 4 * (72 + 55)) / 25 = 31.2.
    table = np.array([[10, 2, 0], [1, 5, 2], [0, 1, 4]])
    y, p = (np.repeat(grade.reshape(-1), table.reshape(-1)) for grade in np.indices((3, 3)))
    assert quadratic_kappa(y, p) == pytest.approx(1 - 6 / 31.2)
    assert quadratic_kappa(y, np.eye(3)[p]) == quadratic_kappa(y, p)  # scores, the largest counts
    # Always the middle grade: as good as chance.
    assert quadratic_kappa([0, 1, 2, 3, 4], [2] * 5) == pytest.approx(0)
    assert mean_absolute_error([1, 2, 4], [2, 2, 1]) == pytest.approx(4 / 3)
    assert r2([1, 2, 3], [1, 2, 5]) == pytest.approx(1 - 4 / 2)


@pytest.mark.parametrize("measure", [mean_absolute_error, r2])
@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        (([1.0, 2.0], [1.0]), "target has 2 cases and predicted 1"),
        (([], []), r"target has shape \(0,\)"),
        (([1.0], ["a"]), "predicted has shape"),
        (([1.0, 2.0], [[1.0, 2.0], [3.0, 4.0]]), r"predicted has shape \(2, 2\)"),
        (([1.0, np.nan], [1.0, 2.0]), "1 numbers of target are not finite"),
        (([1.0, 2.0], [np.inf, np.nan]), "2 numbers of predicted are not finite"),
    ],
)
def test_numbers_that_are_refused(measure: Any, arrays: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        measure(*arrays)


def test_a_column_of_predictions_counts_as_one() -> None:
    assert mean_absolute_error([1, 2], [[1.5], [2.5]]) == 0.5


def test_grades_out_of_range() -> None:
    with pytest.raises(ValueError, match="5"):
        quadratic_kappa([0, 5], [0, 1], 5)
    with pytest.raises(ValueError, match="2"):
        quadratic_kappa([0, 1], [0])


def test_per_group() -> None:
    nodule = ["b", "a", "a"]
    assert per_group([0.5, 0.25, 0.75], nodule).tolist() == [0.5, 0.5]
    assert per_group([0.5, 0.25, 0.75], nodule, "max").tolist() == [0.75, 0.5]
    assert per_group([[0, 1], [2, 4], [4, 0]], nodule).tolist() == [[3, 2], [0, 1]]
    assert per_group([0, 1, 1], nodule, how="same").tolist() == [1, 0]
    with pytest.raises(ValueError, match="group a has the values 1 and 0"):
        per_group([0, 1, 0], nodule, how="same")
    with pytest.raises(ValueError, match="how='median' is unknown"):
        per_group([0, 1, 0], nodule, how="median")
    with pytest.raises(ValueError, match="one for each"):
        per_group([0, 1], nodule)


def test_groups_are_drawn_whole() -> None:
    """Each case ten times over says no more: by groups the interval is that of single cases."""
    rng = np.random.default_rng(0)
    y = np.zeros(40, int)
    p = (rng.random(40) > 0.7).astype(int)
    many, patient = (np.repeat(a, 10) for a in (p, np.arange(40)))
    single = bootstrap_interval(accuracy, y, p)
    assert bootstrap_interval(accuracy, np.repeat(y, 10), many, groups=patient) == single
    low, high = bootstrap_interval(accuracy, np.repeat(y, 10), many)
    assert high - low < 0.5 * (single[1] - single[0])


def test_paired_difference() -> None:
    rng = np.random.default_rng(0)
    y = np.arange(80) % 2
    good = y + rng.normal(0, 0.8, 80)
    worse = good + rng.normal(0, 0.6, 80)
    found = paired_difference(auc, y, good, worse, groups=np.arange(80) // 4)
    assert found.value == pytest.approx(auc(y, good) - auc(y, worse))
    assert found.low < found.value < found.high
    same = paired_difference(auc, y, good, good, n_resamples=50)
    assert (same.value, same.low, same.high) == (0, 0, 0)
