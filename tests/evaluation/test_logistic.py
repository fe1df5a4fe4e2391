"""Logistic regression against scikit-learn, and on data that it can or cannot tell."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from nanocnn.evaluation.logistic import fit_logistic, logistic_regression_accuracy


def _two_clouds(seed: int, n: int, d: int, gap: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, n)
    x = rng.standard_normal((n, d))
    x[:, 0] += gap * y
    return x, y


@pytest.mark.parametrize("l2", [1.0, 0.1, 0.001])
@pytest.mark.parametrize(("n", "d"), [(60, 4), (25, 40)])
def test_fit_equals_scikit_learn(n: int, d: int, l2: float) -> None:
    x, y = _two_clouds(0, n, d, 1.0)
    theta, gradient_norm = fit_logistic(x, y.astype(float), l2)
    theirs = LogisticRegression(C=1.0 / (n * l2), tol=1e-12, max_iter=20000).fit(x, y)
    assert gradient_norm < 1e-9
    np.testing.assert_allclose(theta[:-1], theirs.coef_[0], rtol=1e-3, atol=2e-4)
    np.testing.assert_allclose(theta[-1], theirs.intercept_[0], rtol=1e-3, atol=2e-4)


def test_fewer_images_than_pixels_gives_the_same_as_the_full_problem() -> None:
    """Turning the features into the span of the training images changes no prediction."""
    x, y = _two_clouds(1, 90, 200, 3.0)
    parts = [a for k in (0, 30, 60) for a in (x[k : k + 30], y[k : k + 30])]
    result = logistic_regression_accuracy(*parts, l2_choices=[0.5])
    mean, scale = x[:30].mean(axis=0), x[:30].std(axis=0)
    theirs = LogisticRegression(C=1.0 / (30 * 0.5), tol=1e-10, max_iter=20000)
    theirs.fit((x[:30] - mean) / scale, y[:30])
    expected = [theirs.score((x[k : k + 30] - mean) / scale, y[k : k + 30]) for k in (0, 30, 60)]
    assert [result.train_accuracy, result.validation_accuracy, result.test_accuracy] == expected
    assert result.gradient_norm < 1e-9


def test_strength_is_chosen_on_validation() -> None:
    x, y = _two_clouds(2, 600, 150, 1.5)
    cut = np.split(np.arange(600), [200, 400])
    parts = [a for part in cut for a in (x[part], y[part])]
    alone = {
        l2: logistic_regression_accuracy(*parts, l2_choices=[l2]) for l2 in (100.0, 1.0, 0.0001)
    }
    chosen = logistic_regression_accuracy(*parts, l2_choices=list(alone))
    assert chosen.validation_accuracy == max(r.validation_accuracy for r in alone.values())
    assert chosen.test_accuracy == alone[chosen.l2].test_accuracy
    assert alone[0.0001].train_accuracy == 1.0


def test_linearly_separable_images_are_told_and_noise_is_not() -> None:
    rng = np.random.default_rng(3)
    images = rng.random((300, 12, 12))
    y = rng.integers(0, 2, 300)
    bright = images + 0.3 * y[:, None, None] * np.eye(12)
    for data, low, high in ((bright, 0.85, 1.0), (images, 0.35, 0.65)):
        parts = [a for k in (0, 100, 200) for a in (data[k : k + 100], y[k : k + 100])]
        assert low <= logistic_regression_accuracy(*parts).test_accuracy <= high


def test_one_class_and_constant_features_do_not_break_the_fit() -> None:
    x, y = np.ones((8, 3)), np.zeros(8, int)
    result = logistic_regression_accuracy(x, y, x, y, x, y)
    assert result.test_accuracy == 1.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({1: np.array([0, 1, 2, 0])}, "train_y holds"),
        ({3: np.zeros(3)}, "val_x has 4 rows and val_y has shape"),
        ({4: np.zeros((4, 6))}, "5, 5 and 6 features"),
        ({0: np.zeros((0, 5)), 1: np.zeros(0)}, "train_x has 0 rows"),
    ],
)
def test_bad_input_is_told(change: dict, message: str) -> None:
    parts = [np.zeros((4, 5)), np.array([0, 1, 0, 1])] * 3
    for k, value in change.items():
        parts[k] = value
    with pytest.raises(ValueError, match=message):
        logistic_regression_accuracy(*parts)


def test_bad_strength_is_told() -> None:
    parts = [np.zeros((4, 5)), np.array([0, 1, 0, 1])] * 3
    with pytest.raises(ValueError, match="above 0"):
        logistic_regression_accuracy(*parts, l2_choices=[0.0])
