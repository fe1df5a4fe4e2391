"""Every metric against scikit-learn, ties included, and against counting by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis import strategies as st

from nanocnn.evaluation import metrics

RATES: dict[str, Callable[..., float]] = {
    "sensitivity": lambda y, p: sk.recall_score(y, p, zero_division=np.nan),
    "specificity": lambda y, p: sk.recall_score(y, p, pos_label=0, zero_division=np.nan),
    "precision": lambda y, p: sk.precision_score(y, p, zero_division=np.nan),
    "f1": lambda y, p: sk.f1_score(y, p, zero_division=np.nan),
    "accuracy": sk.accuracy_score,
}


@st.composite
def labelled(draw: st.DrawFn, n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    n = draw(st.integers(1, 40))
    labels = st.lists(st.integers(0, n_classes - 1), min_size=n, max_size=n)
    return np.array(draw(labels)), np.array(draw(labels))


@st.composite
def scored(draw: st.DrawFn, n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return labels that hold every class, and scores on a coarse grid, so with many ties."""
    n = draw(st.integers(n_classes, 40))
    more = st.lists(st.integers(0, n_classes - 1), min_size=n - n_classes, max_size=n - n_classes)
    y = np.array(draw(st.permutations([*range(n_classes), *draw(more)])))
    grid = st.sampled_from([-1.0, 0.0, 0.25, 0.5, 1.0, 3.0])
    rows = st.lists(grid, min_size=n * n_classes, max_size=n * n_classes)
    return y, np.array(draw(rows)).reshape(n, n_classes)


@pytest.mark.parametrize("name", list(RATES))
@given(case=labelled(2))
@settings(max_examples=40, deadline=None)
def test_rates_equal_scikit_learn(name: str, case: tuple[np.ndarray, np.ndarray]) -> None:
    found = getattr(metrics, name)(*case)
    assert type(found) is float
    assert found == pytest.approx(RATES[name](*case), nan_ok=True)


@given(case=labelled(4), k=st.integers(0, 3))
@settings(max_examples=40, deadline=None)
def test_one_class_against_the_rest(case: tuple[np.ndarray, np.ndarray], k: int) -> None:
    y, p = case
    for name in ("sensitivity", "specificity", "precision", "f1"):
        found = getattr(metrics, name)(y, p, positive=k)
        expected = RATES[name]((y == k).astype(int), (p == k).astype(int))
        assert found == pytest.approx(expected, nan_ok=True)


@given(case=labelled(4))
@settings(max_examples=40, deadline=None)
def test_confusion_matrix_equals_scikit_learn(case: tuple[np.ndarray, np.ndarray]) -> None:
    found = metrics.confusion_matrix(*case, 5)
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, sk.confusion_matrix(*case, labels=range(5)))
    k = int(max(case[0].max(), case[1].max())) + 1
    np.testing.assert_array_equal(metrics.confusion_matrix(*case), found[:k, :k])


@given(case=scored(2))
@settings(max_examples=60, deadline=None)
def test_auc_and_roc_equal_scikit_learn(case: tuple[np.ndarray, np.ndarray]) -> None:
    y, scores = case
    s = scores[:, 1]
    assert metrics.auc(y, s) == pytest.approx(sk.roc_auc_score(y, s), abs=1e-12)
    assert metrics.auc(y, scores) == metrics.auc(y, s)
    assert metrics.auc(y, s[:, None]) == metrics.auc(y, s)
    curve = metrics.roc_curve(y, s)
    fpr, tpr, thresholds = sk.roc_curve(y, s, drop_intermediate=False)
    np.testing.assert_allclose(curve.false_positive_rate, fpr, atol=1e-12)
    np.testing.assert_allclose(curve.true_positive_rate, tpr, atol=1e-12)
    np.testing.assert_array_equal(curve.thresholds, thresholds)


@given(case=scored(4))
@settings(max_examples=40, deadline=None)
def test_macro_auc_equals_the_mean_over_the_classes(case: tuple[np.ndarray, np.ndarray]) -> None:
    y, scores = case
    each = [sk.roc_auc_score(y == k, scores[:, k]) for k in range(4)]
    assert metrics.auc(y, scores) == pytest.approx(np.mean(each), abs=1e-12)
    assert metrics.auc(y, scores, positive=2) == pytest.approx(each[2], abs=1e-12)


@given(case=scored(2))
@settings(max_examples=40, deadline=None)
def test_auc_is_the_share_of_pairs_in_order(case: tuple[np.ndarray, np.ndarray]) -> None:
    y, s = case[0], case[1][:, 1]
    above = s[y == 1][:, None] - s[y == 0][None, :]
    found = metrics.auc(y, s)
    assert found == pytest.approx(np.mean((above > 0) + 0.5 * (above == 0)), abs=1e-12)
    assert metrics.auc(1 - y, s) == pytest.approx(1 - found, abs=1e-12)
    assert metrics.auc(y, np.exp(s)) == pytest.approx(found, abs=1e-12)


def test_hand_worked() -> None:
    y, p = [1, 1, 1, 0, 0, 0, 0, 1], [1, 0, 1, 0, 1, 0, 0, 1]  # TP 3, FN 1, FP 1, TN 3
    assert metrics.sensitivity(y, p) == 0.75
    assert metrics.specificity([1, 0, 0, 0], [1, 1, 0, 0]) == pytest.approx(2 / 3)
    assert metrics.precision([1, 0, 0, 0], [1, 1, 0, 0]) == 0.5
    assert metrics.f1([1, 0, 0, 0], [1, 1, 0, 0]) == pytest.approx(2 / 3)
    assert metrics.accuracy(y, p) == 0.75
    assert metrics.confusion_matrix([0, 1, 1], [1, 1, 0]).tolist() == [[0, 1], [1, 1]]
    assert metrics.auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]) == 0.75
    assert metrics.auc([0, 1, 0, 1], [7, 7, 7, 7]) == 0.5


def test_scores_with_a_column_for_each_class_count_as_predictions() -> None:
    scores = np.array([[0.9, 0.1, 0.0], [0.2, 0.3, 0.5], [0.1, 0.8, 0.1]])
    assert metrics.accuracy([0, 2, 0], scores) == pytest.approx(2 / 3)
    assert metrics.accuracy(np.array([[0], [2], [0]]), scores) == pytest.approx(2 / 3)
    assert metrics.confusion_matrix([0, 2, 0], scores).shape == (3, 3)


def test_undefined_is_nan() -> None:
    none, some = [0, 0, 0], [0, 1, 0]
    assert np.isnan(metrics.sensitivity(none, some))
    assert np.isnan(metrics.specificity([1, 1, 1], some))
    assert np.isnan(metrics.precision(some, none))
    assert np.isnan(metrics.f1(none, none))
    assert metrics.f1(some, none) == 0
    assert np.isnan(metrics.auc(none, [0.1, 0.2, 0.3]))
    assert np.isnan(metrics.auc([1, 1], [0.1, 0.2]))
    assert np.isnan(metrics.auc([0, 1, 1], np.eye(3)))  # class 2 does not occur
    assert np.isnan(metrics.roc_curve(none, [1, 2, 3]).true_positive_rate).all()


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: metrics.auc([0, 1], [0.1, np.nan]), "1 scores are NaN or infinite"),
        (lambda: metrics.auc([0, 1], [0.1, np.inf]), "1 scores are NaN or infinite"),
        (lambda: metrics.accuracy([0, 1], [[0.1, np.nan], [0, 1]]), "NaN or infinite"),
        (lambda: metrics.auc([0, 1], [0.1]), "scores of shape (1,)"),
        (lambda: metrics.auc([0, 1], [1j, 2j]), "type complex128"),
        (lambda: metrics.auc([0, 1, 2], np.ones((3, 2))), "label 2 but the scores have 2 columns"),
        (lambda: metrics.auc([0, 1, 2], [1, 2, 3]), "3 classes given; say which"),
        (lambda: metrics.auc([0, 1], np.ones((2, 2)), positive=2), "positive=2"),
        (lambda: metrics.f1([0, 1, 2], [0, 1, 2]), "3 classes given; say which"),
        (lambda: metrics.f1([0, 1], [0, 1], positive=-1), "positive=-1"),
        (lambda: metrics.accuracy([0, 1], [0, 1, 1]), "true has 2 cases and predicted 3"),
        (lambda: metrics.accuracy([0, -1], [0, 1]), "true has the label -1"),
        (lambda: metrics.accuracy([0, 1], [0, -2]), "predicted has the label -2"),
        (lambda: metrics.accuracy([0, 1], [0.2, 0.7]), "such as scores > 0.5"),
        (lambda: metrics.accuracy([0.0, 1.0], [0, 1]), "true has shape (2,) and type float64"),
        (lambda: metrics.accuracy([], []), "true has shape (0,)"),
        (lambda: metrics.accuracy([0, 5], np.eye(2)), "label 5 but the scores have 2 columns"),
        (lambda: metrics.confusion_matrix([0, 3], [0, 1], 2), "labels go up to 3 but n_classes=2"),
        (lambda: metrics.roc_curve([[0, 1]], [0.1]), "true has shape (1, 2)"),
    ],
)
def test_refused(call: Callable[[], Any], says: str) -> None:
    with pytest.raises(ValueError) as caught:
        call()
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
