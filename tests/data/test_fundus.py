"""Phantoms of the fundus: grades by count, masks where the pixels say so, two eyes a patient."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nanocnn.data.phantoms import Fundus, fundus
from nanocnn.data.phantoms.retina import FIELD_MM, FIELD_OF_VIEW_MM
from nanocnn.data.phantoms.retinopathy import Counts, grade_of
from nanocnn.data.phantoms.shapes import make_grid
from nanocnn.evaluation.baselines import (
    histogram_features,
    logistic_regression_accuracy,
    single_feature_accuracy,
)


@pytest.fixture(scope="module")
def phantoms() -> Fundus:
    return fundus(80, seed=3, difficulty=0.0)


def _in_field(size: int) -> NDArray[np.bool_]:
    grid = make_grid(size, FIELD_OF_VIEW_MM)
    return np.hypot(grid.x, grid.y) < FIELD_MM - 2.0 * grid.pixel_mm


def _grown(mask: NDArray[np.bool_], pixels: int) -> NDArray[np.bool_]:
    """The mask and everything within so many pixels of it; the images' borders are empty."""
    for _ in range(pixels):
        rows = mask | np.roll(mask, 1, -2) | np.roll(mask, -1, -2)
        mask = rows | np.roll(rows, 1, -1) | np.roll(rows, -1, -1)
    return mask


def _components(mask: NDArray[np.bool_]) -> int:
    """How many pieces there are, touching at corners counted as one."""
    number = np.where(mask, 1 + np.arange(mask.size).reshape(mask.shape), 0)
    while True:
        # The largest number of a piece spreads over it, pixel by pixel.
        spread = number
        for axis in (0, 1):
            spread = np.maximum(
                spread, np.maximum(np.roll(spread, 1, axis), np.roll(spread, -1, axis))
            )
        spread = np.where(mask, spread, 0)
        if np.array_equal(spread, number):
            return len(np.unique(number[mask]))
        number = spread


def test_shapes_types_and_range(phantoms: Fundus) -> None:
    assert phantoms.images.shape == (80, 128, 128, 3)
    assert phantoms.vessels.shape == phantoms.masks.shape == (80, 128, 128)
    assert phantoms.images.dtype == np.float32
    assert phantoms.labels.dtype == phantoms.patients.dtype == phantoms.counts.dtype == np.int64
    assert phantoms.masks.dtype == np.uint8
    assert phantoms.vessels.dtype == np.bool_
    assert phantoms.counts.shape == (80, 4)
    assert 0.0 <= phantoms.images.min() < phantoms.images.max() <= 1.0
    assert set(np.unique(phantoms.masks)) == {0, 1, 2, 3, 4}
    assert set(phantoms.labels) == {0, 1, 2, 3, 4}


def test_lesions_in_the_mask_can_be_counted_and_give_the_grade(phantoms: Fundus) -> None:
    for mask, counts, label in zip(phantoms.masks, phantoms.counts, phantoms.labels, strict=True):
        found = [_components(mask == kind) for kind in (1, 2, 3, 4)]
        assert found == counts.tolist()
        microaneurysms, haemorrhages, exudates, new_vessels = found
        # Moderate eyes have fewer than 20 haemorrhages, severe ones 5 or more in 4 quadrants.
        quadrant = haemorrhages // 4 if haemorrhages >= 20 else 0
        spread = (quadrant, quadrant, quadrant, haemorrhages - 3 * quadrant)
        assert grade_of(Counts(microaneurysms, spread, exudates, new_vessels)) == label


def test_masks_agree_with_pixels(phantoms: Fundus) -> None:
    """Blood takes green light, exudate sends some: the median beside that of a ring about it."""
    green = phantoms.images[..., 1]
    anything = (phantoms.masks > 0) | phantoms.vessels
    ratios: dict[int, list[float]] = {1: [], 2: [], 3: []}
    for image, mask, other in zip(green, phantoms.masks, _grown(anything, 1), strict=True):
        for kind, found in ratios.items():
            lesion = mask == kind
            if lesion.any():
                ring = _grown(lesion, 4) & ~other & _in_field(128)
                found.append(float(np.median(image[lesion]) / np.median(image[ring])))
    # A density of 1.05 x 0.95 lets 37 % through where a lesion fills its pixels.
    assert 0.37 < np.median(ratios[2]) < 0.5
    assert max(ratios[2]) < 0.7
    assert 0.37 < np.median(ratios[1]) < 0.75
    assert max(ratios[1]) < 0.9
    assert np.median(ratios[3]) > 1.6
    assert min(ratios[3]) > 1.2


def test_vessels_are_darker_than_what_is_beside_them(phantoms: Fundus) -> None:
    green, field = phantoms.images[..., 1], _in_field(128)
    assert not phantoms.vessels[:, ~_grown(field, 4)].any()
    for image, vessels, mask in zip(green, phantoms.vessels, phantoms.masks, strict=True):
        beside = _grown(vessels, 3) & ~_grown(vessels, 1) & (mask == 0) & field
        assert np.median(image[vessels & field]) < 0.92 * np.median(image[beside])
        assert 0.05 < vessels[field].mean() < 0.25


def test_right_and_left_eyes_are_mirrored(phantoms: Fundus) -> None:
    np.testing.assert_array_equal(phantoms.patients[::2], phantoms.patients[1::2])
    assert set(phantoms.eyes[::2]) == {"right"}
    assert set(phantoms.eyes[1::2]) == {"left"}
    # The disc is what is brightest in blue and lies towards the nose.
    blue = phantoms.images[..., 2] * (phantoms.masks == 0)
    bright = blue.reshape(80, -1).argsort(axis=1)[:, -60:] % 128
    column = np.median(bright, axis=1)
    assert (column[::2] > 90).all()
    assert (column[1::2] < 38).all()


def test_fovea_is_darker_than_the_retina_and_the_outside_black(phantoms: Fundus) -> None:
    healthy = phantoms.images[phantoms.labels == 0][..., 1]
    assert healthy[:, 60:70, 56:66].mean() < 0.85 * healthy[:, 60:70, 28:38].mean()
    assert not phantoms.images[:, :8, :8].any()


def test_both_eyes_have_nearly_the_same_grade() -> None:
    labels = fundus(200, seed=0, size=64).labels.reshape(-1, 2)
    apart = np.abs(labels[:, 0] - labels[:, 1])
    assert apart.max() == 1
    assert 0.5 < np.mean(apart == 0) < 0.95
    shares = np.bincount(labels.ravel(), minlength=5) / labels.size
    np.testing.assert_allclose(shares, 0.2, atol=0.05)


@pytest.mark.parametrize("grade", range(5))
def test_prevalence_can_ask_for_one_grade_alone(grade: int) -> None:
    asked = [float(k == grade) for k in range(5)]
    assert set(fundus(20, seed=1, size=64, prevalence=asked).labels) == {grade}


def test_a_grade_of_share_zero_does_not_occur() -> None:
    labels = fundus(60, seed=1, size=64, prevalence=(0.7, 0.1, 0.2, 0.0, 0.0)).labels
    assert set(labels) == {0, 1, 2}


def test_same_seed_same_bits_whatever_n() -> None:
    few, many = fundus(3, seed=5, size=64), fundus(7, seed=5, size=64)
    for a, b in zip(few, many, strict=True):
        np.testing.assert_array_equal(a, b[:3])


def test_patients_from_continues_the_same_series() -> None:
    whole, rest = fundus(8, seed=5, size=64), fundus(4, seed=5, size=64, patients_from=2)
    for a, b in zip(whole, rest, strict=True):
        np.testing.assert_array_equal(a[4:], b)


def test_other_seeds_are_other_patients() -> None:
    a, b = fundus(8, seed=0, size=64), fundus(8, seed=1, size=64)
    assert not set(a.patients) & set(b.patients)
    assert np.abs(a.images - b.images).mean(axis=(1, 2, 3)).min() > 0.01


def test_size_changes_the_sampling_not_the_eye() -> None:
    small, large = fundus(4, seed=4, size=64), fundus(4, seed=4, size=256)
    np.testing.assert_array_equal(small.labels, large.labels)
    np.testing.assert_array_equal(small.counts, large.counts)
    pooled = large.images.reshape(4, 64, 4, 64, 4, 3).mean(axis=(2, 4))
    assert np.mean(np.abs(pooled - small.images)) < 0.03
    vessels = large.vessels.reshape(4, 64, 4, 64, 4).mean(axis=(2, 4))
    assert vessels[small.vessels].mean() > 4.0 * vessels[~small.vessels].mean()


def test_difficulty_takes_contrast_from_lesions_and_adds_noise() -> None:
    easy, hard = (fundus(20, 2, difficulty=d, prevalence=(0, 0, 0, 1, 0)) for d in (0.0, 1.0))
    np.testing.assert_array_equal(easy.counts, hard.counts)

    def contrast(d: Fundus) -> float:
        ratios = []
        for image, mask in zip(d.images[..., 1], d.masks, strict=True):
            ring = _grown(mask == 2, 4) & ~_grown(mask > 0, 1) & _in_field(128)
            ratios.append(np.median(image[mask == 2]) / np.median(image[ring]))
        return 1.0 - float(np.median(ratios))

    assert 0.2 < contrast(hard) < 0.75 * contrast(easy)
    rough = [
        np.abs(np.diff(d.images[..., 2], axis=1))[:, 40:80, 40:80].mean() for d in (easy, hard)
    ]
    assert rough[1] > 1.3 * rough[0]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"n": 0}, ValueError, "n is 0"),
        ({"seed": 2**31}, ValueError, "seed is 2147483648"),
        ({"size": 32}, ValueError, "size is 32"),
        ({"patients_from": -1}, ValueError, "patients_from is -1"),
        ({"difficulty": -0.1}, ValueError, "difficulty is -0.1; fundus needs a number from 0 to 1"),
        ({"prevalence": (0.5, 0.5)}, ValueError, "needs five shares"),
        ({"prevalence": (0.5, 0.5, 0.5, 0, 0)}, ValueError, "that add up to 1"),
        ({"prevalence": (1.5, -0.5, 0, 0, 0)}, ValueError, "a share of prevalence is 1.5"),
        ({"prevalence": 0.5}, TypeError, "prevalence is 0.5; fundus needs five numbers"),
        ({"prevalence": "equal"}, TypeError, "prevalence is 'equal'"),
        ({"n": 2.5}, TypeError, "n is 2.5"),
    ],
)
def test_bad_arguments_are_told(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message) as raised:
        fundus(**{"n": 2, **arguments})
    assert "\n" not in str(raised.value)


@pytest.mark.slow
def test_easy_is_easier_than_hard_and_mean_says_little() -> None:
    """Retinopathy that is to be referred (moderate or worse) against none or mild."""
    accuracy = {}
    for difficulty in (0.0, 1.0):
        d = fundus(1000, 0, difficulty=difficulty, prevalence=(0.25, 0.25, 0.2, 0.15, 0.15))
        y = (d.labels >= 2).astype(np.int64)
        parts = np.split(np.arange(1000), [600, 800])
        features = [
            np.concatenate([histogram_features(d.images[part, ..., c]) for c in range(3)], axis=1)
            for part in parts
        ]
        labels = [y[part] for part in parts]
        pairs = [a for pair in zip(features, labels, strict=True) for a in pair]
        accuracy[difficulty] = logistic_regression_accuracy(*pairs).test_accuracy
        past, last = np.arange(800), parts[2]
        single = single_feature_accuracy(d.images[past], y[past], d.images[last], y[last])
        assert max(single.values()) < 0.65, single
    assert accuracy[0.0] > 0.75, accuracy
    assert accuracy[1.0] < 0.65, accuracy
