"""Histogram and single-number baselines against NumPy and hand-made cases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanocnn.evaluation.baselines import (
    best_threshold,
    blob_maximum,
    histogram_features,
    single_feature_accuracy,
    single_features,
)


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
