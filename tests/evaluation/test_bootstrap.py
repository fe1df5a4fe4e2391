"""Bootstrap intervals against the exact binomial ones, and their coverage."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nanocnn.evaluation import accuracy, auc, bootstrap_interval, estimate, precision, summarize


def case(n: int, p: float) -> tuple[np.ndarray, np.ndarray]:
    true = np.zeros(n, int)
    return true, (np.arange(n) >= round(p * n)).astype(int)


def test_accuracy_has_the_binomial_interval() -> None:
    """A resample's hits are Binomial(N, accuracy): its quantiles are known."""
    n, p = 200, 0.9
    low, high = bootstrap_interval(accuracy, *case(n, p), n_resamples=4000)
    exact = np.quantile(np.random.default_rng(1).binomial(n, p, 200_000) / n, (0.025, 0.975))
    np.testing.assert_allclose((low, high), exact, atol=1.01 / n)
    narrow = bootstrap_interval(accuracy, *case(n, p), confidence=0.5)
    assert low < narrow[0] < p < narrow[1] < high


def test_coverage() -> None:
    """Of 95 % intervals from 100 samples, about 94 hold the truth (3 sigma is 7)."""
    rng = np.random.default_rng(0)
    true = np.zeros(120, int)
    held = 0
    for seed in range(100):
        predicted = (rng.random(120) >= 0.8).astype(int)
        low, high = bootstrap_interval(accuracy, true, predicted, n_resamples=200, seed=seed)
        held += low <= 0.8 <= high
    assert 86 <= held <= 99


def test_cases_stay_together_and_the_seed_decides() -> None:
    y = np.arange(40) % 2
    assert bootstrap_interval(auc, y, y, n_resamples=50) == (1.0, 1.0)
    score = np.random.default_rng(0).normal(size=40) + y
    a = bootstrap_interval(auc, y, score, n_resamples=50)
    assert a == bootstrap_interval(auc, y, score, n_resamples=50)
    assert a != bootstrap_interval(auc, y, score, n_resamples=50, seed=1)


def test_undefined_resamples_are_left_out_and_counted() -> None:
    y = np.array([1, 0, 0, 0, 0, 0])  # without case 0: chance (5/6)^6 = 0.335; all case 0: 0
    found = estimate(auc, y, np.arange(6.0)[::-1])
    assert 0.30 < found.n_undefined / 2000 < 0.37
    assert (found.value, found.low, found.high) == (1.0, 1.0, 1.0)


def test_undefined_on_all_cases_is_nan() -> None:
    found = estimate(precision, [0, 1, 0], [0, 0, 0], n_resamples=10)
    assert np.isnan([found.value, found.low, found.high]).all()
    assert found.n_undefined == 10


def test_summarize() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 80)
    p = np.clip(0.5 + 0.3 * (y - 0.5) + rng.normal(0, 0.2, 80), 0, 1)
    results = summarize(y, np.stack([1 - p, p], axis=1), n_resamples=100)
    assert list(results) == ["accuracy", "auc", "sensitivity", "specificity", "precision", "f1"]
    for name, result in results.items():
        assert result.low < result.value < result.high, name
    assert results["auc"].value == auc(y, p)
    three = summarize(np.arange(30) % 3, rng.random((30, 3)), n_resamples=10)
    assert list(three) == ["accuracy", "auc"]
    assert str(three["auc"]) == "{:.3f} ({:.3f} to {:.3f})".format(*three["auc"][:3])


@pytest.mark.parametrize(
    ("arrays", "options", "says"),
    [
        (([0, 1], [0]), {}, "same number of cases"),
        (([], []), {}, "same number of cases"),
        ((), {}, "same number of cases"),
        ((1, 2), {}, "same number of cases"),
        (([0, 1], [0, 1]), {"n_resamples": 0}, "n_resamples=0"),
        (([0, 1], [0, 1]), {"confidence": 95}, "confidence=95"),
        (([0, 1, 2], [0.1, 0.2, 0.3]), {}, "predicted has shape"),
    ],
)
def test_refused(arrays: Any, options: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError) as caught:
        bootstrap_interval(accuracy, *arrays, **options)
    assert says in str(caught.value)


def test_summarize_wants_a_column_for_each_class() -> None:
    with pytest.raises(ValueError, match="a column for each class"):
        summarize([0, 1], [0.1, 0.9])
