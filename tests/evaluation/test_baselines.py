"""The baselines against scikit-learn, hand-made cases, and data that they can or cannot tell."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from nanocnn.evaluation.baselines import (
    best_threshold,
    blob_maximum,
    fit_logistic,
    histogram_features,
    logistic_regression_accuracy,
    single_feature_accuracy,
    single_features,
)


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


def test_histogram_equals_numpy() -> None:
    images = np.random.default_rng(4).random((5, 9, 7), dtype=np.float32)
    images[0, 0, :2] = 0.0, 1.0
    expected = [np.histogram(image, bins=64, range=(0, 1))[0] / 63 for image in images]
    np.testing.assert_allclose(histogram_features(images), expected)


@pytest.mark.parametrize("radius", [3, 5, 8])
def test_blob_filter_answers_to_discs_and_not_to_ramps(radius: int) -> None:
    y, x = np.mgrid[:64, :64]
    disc = (np.hypot(x - 30, y - 25) <= radius).astype(np.float32)
    ramp = (x / 63).astype(np.float32)
    edge = (x > 31).astype(np.float32)
    answer = blob_maximum(np.stack([disc, 0.5 * disc, ramp, edge]))
    assert answer[0] == pytest.approx(2.0 * answer[1], rel=1e-5)
    assert answer[2] < 0.2 * answer[0]
    assert answer[3] < 0.7 * answer[0]


def test_blob_filter_is_the_convolution_with_a_difference_of_gaussians() -> None:
    image = np.random.default_rng(5).random((1, 41, 41))
    offset = np.arange(-40, 41)
    square = offset[:, None] ** 2 + offset[None, :] ** 2
    kernels = []
    for s in (1.5, 2.4):
        kernel = np.exp(-0.5 * square / s**2)
        kernels.append(kernel / kernel.sum())
    kernel = kernels[0] - kernels[1]
    padded = np.zeros((41, 41))
    padded[20, 20] = 1.0
    point = padded[None]
    assert blob_maximum(point, sigmas=[1.5])[0] == pytest.approx(kernel.max(), rel=1e-9)
    grey = np.repeat(image[..., None], 3, axis=3)
    assert blob_maximum(grey)[0] == pytest.approx(blob_maximum(image)[0])


def test_single_features_are_what_they_say() -> None:
    images = np.random.default_rng(6).random((4, 20, 20), dtype=np.float32)
    features = single_features(images)
    flat = images.reshape(4, -1)
    np.testing.assert_allclose(features["maximum"], flat.max(axis=1))
    np.testing.assert_allclose(features["99th percentile"], np.percentile(flat, 99, axis=1))
    np.testing.assert_allclose(features["mean"], flat.mean(axis=1), rtol=1e-6)


def test_single_feature_accuracy_finds_the_feature_that_tells() -> None:
    rng = np.random.default_rng(7)
    x, y = rng.random((80, 16, 16)) * 0.5, np.arange(80) % 2
    x[y == 0, 3, 3] = 0.9  # only the maximum knows, and it is lower for class 1
    accuracy = single_feature_accuracy(x[:40], y[:40], x[40:], y[40:])
    assert accuracy["maximum"] == 1.0
    assert accuracy["mean"] < 0.8


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 1)), min_size=1, max_size=12))
def test_best_threshold_is_the_best_of_all(pairs: list[tuple[int, int]]) -> None:
    feature, y = (np.array(a) for a in zip(*pairs, strict=True))
    cut, above = best_threshold(feature, y)
    reached = np.mean(((feature > cut) == above) == (y == 1))
    cuts = np.r_[feature.min() - 1.0, feature]
    every = [np.mean(((feature > c) == up) == (y == 1)) for c in cuts for up in (True, False)]
    assert reached == max(every)
