"""The loops of blur and adjustments: by hand, against SciPy's Gaussian, and what they keep."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter1d

from nanocnn.reference import adjust_images, blur_images, normal_numbers

NO_BOX = np.zeros((1, 4), np.int64)
KEY = np.array([11], np.uint64)


def adjust(
    x: np.ndarray,
    k: float = 1.0,
    b: float = 0.0,
    g: float = 1.0,
    sigma: float = 0.0,
    box: tuple[int, int, int, int] = (0, 0, 0, 0),
) -> np.ndarray:
    """Adjust one image."""
    strengths = (np.array([v]) for v in (k, b, g, sigma))
    return adjust_images(x[None], *strengths, KEY, np.array([box]))[0]


@pytest.mark.parametrize("sigma", [0.3, 0.5, 1.0, 2.4])
def test_blur_against_scipy(sigma: float) -> None:
    x = np.random.default_rng(1).random((1, 5, 9, 2))
    radius = int(np.ceil(3 * sigma))
    expected = x[0]
    for axis in (0, 1):
        expected = gaussian_filter1d(expected, sigma, axis, mode="nearest", radius=radius)
    np.testing.assert_allclose(blur_images(x, np.array([sigma]))[0], expected, rtol=0, atol=1e-12)


def test_each_image_has_its_own_blur() -> None:
    x = np.random.default_rng(2).random((3, 4, 5, 1))
    y = blur_images(x, np.array([0.0, 1.0, 1e-200]))
    np.testing.assert_array_equal(y[0], x[0])
    assert np.abs(y[1] - x[1]).max() > 0.1
    np.testing.assert_array_equal(y[2], x[2])


def test_contrast_and_brightness_by_hand() -> None:
    x = np.array([[[0.2, 0.5], [0.6, 0.1]]])  # means of the channels: 0.4 and 0.3
    y = adjust(x, k=1.5, b=0.1)
    # 1.5 * 0.2 - 0.5 * 0.4 + 0.1 = 0.2; 0.9 - 0.2 + 0.1; 0.75 - 0.15 + 0.1; 0.15 - 0.15 + 0.1
    np.testing.assert_allclose(y, [[[0.2, 0.7], [0.8, 0.1]]], rtol=0, atol=1e-15)
    np.testing.assert_allclose(adjust(x, b=-0.3)[0, :, 0], [0.0, 0.3], rtol=0, atol=1e-15)
    np.testing.assert_allclose(adjust(x, b=0.6)[0, :, 1], [1.0, 0.7], rtol=0, atol=1e-15)


def test_gamma_then_noise_by_hand() -> None:
    x = np.array([[[0.0], [0.25], [0.64], [1.0]]])
    np.testing.assert_allclose(adjust(x, g=0.5)[0, :, 0], [0, 0.5, 0.8, 1], rtol=0, atol=1e-15)
    n = normal_numbers(11, 4)
    expected = np.clip(np.array([0, 0.5, 0.8, 1]) + 0.1 * n, 0, 1)
    np.testing.assert_allclose(adjust(x, g=0.5, sigma=0.1)[0, :, 0], expected, rtol=0, atol=1e-8)


def test_a_hole_has_the_mean_of_its_channel_and_ends_at_the_border() -> None:
    x = np.random.default_rng(4).random((4, 5, 2))
    y = adjust(x, box=(-3, 2, 3, 99))
    inside = np.zeros((4, 5), bool)
    inside[:2, 3:] = True
    np.testing.assert_allclose(y[inside], np.tile(x.mean(axis=(0, 1)), (4, 1)), atol=1e-15)
    np.testing.assert_array_equal(y[~inside], x[~inside])


def test_what_changes_nothing_changes_no_bit() -> None:
    x = np.random.default_rng(5).random((6, 5, 3))
    np.testing.assert_array_equal(adjust(x), x)
