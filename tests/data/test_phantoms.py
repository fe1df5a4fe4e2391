"""The phantoms: reproducible, balanced, no patient shared, not to be told apart simply."""

from __future__ import annotations

import numpy as np
import pytest

from nanocnn.data.phantoms import LungCT, lung_ct
from nanocnn.data.phantoms.chest import FIELD_OF_VIEW_MM, draw_chest, random_chest
from nanocnn.data.phantoms.nodules import (
    DENSITY_HU,
    DIAMETER_MM,
    Site,
    choose_sites,
    draw_benign,
    draw_nodule,
)
from nanocnn.data.phantoms.shapes import Image, make_grid
from nanocnn.data.phantoms.texture import ct_noise, hounsfield_window
from nanocnn.evaluation.baselines import (
    histogram_features,
    logistic_regression_accuracy,
    single_feature_accuracy,
)


@pytest.fixture(scope="module")
def phantoms() -> LungCT:
    return lung_ct(120, seed=3)


def test_shapes_types_and_range(phantoms: LungCT) -> None:
    assert phantoms.images.shape == phantoms.masks.shape == (120, 128, 128)
    assert phantoms.images.dtype == np.float32
    assert phantoms.labels.dtype == phantoms.patients.dtype == np.int64
    assert phantoms.masks.dtype == np.bool_
    assert phantoms.images.min() >= 0.0
    assert phantoms.images.max() <= 1.0


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_classes_are_balanced_within_one(n: int) -> None:
    labels = lung_ct(n, seed=1, size=64).labels
    assert abs(int(labels.sum()) - (n - int(labels.sum()))) <= 1


def test_labels_are_in_random_order(phantoms: LungCT) -> None:
    first_of_pair = phantoms.labels[::2]
    assert 0.25 < first_of_pair.mean() < 0.75


def test_same_seed_same_bits_whatever_n() -> None:
    few, many = lung_ct(3, seed=5, size=64), lung_ct(7, seed=5, size=64)
    for a, b in zip(few, many, strict=True):
        np.testing.assert_array_equal(a, b[:3])


def test_patients_from_continues_the_same_series() -> None:
    whole, rest = lung_ct(8, seed=5, size=64), lung_ct(4, seed=5, size=64, patients_from=2)
    np.testing.assert_array_equal(rest.images, whole.images[4:])
    np.testing.assert_array_equal(rest.patients, whole.patients[4:])


def test_other_seeds_are_other_patients() -> None:
    a, b = lung_ct(8, seed=0, size=64), lung_ct(8, seed=1, size=64)
    assert not set(a.patients) & set(b.patients)
    assert np.abs(a.images - b.images).mean(axis=(1, 2)).min() > 0.01


def test_two_slices_of_a_patient_are_alike_but_not_the_same(phantoms: LungCT) -> None:
    np.testing.assert_array_equal(phantoms.patients[::2], phantoms.patients[1::2])
    assert len(set(phantoms.patients)) == 60
    one, other, stranger = phantoms.images[::2], phantoms.images[1::2], phantoms.images[2::2]
    within = np.abs(one - other).mean()
    assert 0.01 < within < 0.8 * np.abs(other[:-1] - stranger).mean()


def test_mask_is_empty_for_normals_and_the_nodule_for_cancers(phantoms: LungCT) -> None:
    area_mm2 = phantoms.masks.sum(axis=(1, 2)) * (300.0 / 128) ** 2
    assert not area_mm2[phantoms.labels == 0].any()
    cancer = phantoms.labels == 1
    equivalent = np.sqrt(area_mm2[cancer] * 4.0 / np.pi)
    ratio = equivalent / phantoms.diameters[cancer]
    assert 0.8 < np.median(ratio) < 1.05
    assert ratio.min() > 0.5


def test_nodules_lie_inside_the_lung(phantoms: LungCT) -> None:
    # Around a nodule there must be lung: some pixels near to it are dark.
    for image, mask in zip(phantoms.images, phantoms.masks, strict=True):
        if mask.any():
            rows, columns = np.nonzero(mask)
            box = image[rows.min() - 3 : rows.max() + 4, columns.min() - 3 : columns.max() + 4]
            assert np.mean(box < 0.35) > 0.1


def test_looks_like_a_chest(phantoms: LungCT) -> None:
    """Air round the body, two dark lungs in it, bone brighter than muscle, the spine behind."""
    mean = phantoms.images.mean(axis=0)
    assert mean[:6].max() < 0.2
    assert mean[60:68, 20:36].mean() < 0.6
    assert mean[60:68, 96:112].mean() < 0.6
    assert mean[56:64, 60:76].mean() > 0.75
    assert mean[84:110, 58:70].max() > 0.9
    assert np.mean(phantoms.images == 1.0) > 0.005
    assert phantoms.images.std(axis=0).max() > 0.25, "anatomy does not vary"


@pytest.mark.parametrize(("low", "high"), [DIAMETER_MM])
def test_diameters_overlap(phantoms: LungCT, low: float, high: float) -> None:
    cancer = phantoms.diameters[phantoms.labels == 1]
    normal = phantoms.diameters[phantoms.labels == 0]
    for diameters in (cancer, normal):
        assert low <= diameters.min() < low + 0.15 * (high - low)
        assert high - 0.15 * (high - low) < diameters.max() <= high
    assert abs(cancer.mean() - normal.mean()) < 0.2 * (high - low)


def _blank() -> tuple[Image, Image]:
    return np.full((128, 128), -860.0, np.float32), np.ones((128, 128), np.float32)


@pytest.mark.parametrize("seed", range(6))
def test_benign_opacity_is_made_of_the_pixels_of_a_nodule(seed: int) -> None:
    grid = make_grid(128, FIELD_OF_VIEW_MM)
    rng = np.random.default_rng(seed)
    site = Site(-3.0, 8.0, rng.uniform(*DIAMETER_MM), rng.uniform(*DENSITY_HU))
    (nodule, lung), (benign, _) = _blank(), _blank()
    mask = np.zeros((128, 128), np.bool_)
    draw_nodule(nodule, mask, lung, grid, site, np.random.default_rng([seed, 1]))
    draw_benign(benign, lung, grid, site, np.random.default_rng([seed, 1]))
    np.testing.assert_array_equal(np.sort(nodule, axis=None), np.sort(benign, axis=None))
    # The same pixels, but the benign one is smooth and densest in its middle.
    rough = [np.abs(np.diff(hu, axis=0)).sum() for hu in (nodule, benign)]
    assert rough[0] > 1.5 * rough[1]
    middle = np.hypot(grid.x + 3.0, grid.y - 8.0) < 4.0
    assert benign[middle].min() > site.density - 30.0


def test_sites_do_not_touch() -> None:
    grid, rng = make_grid(128, FIELD_OF_VIEW_MM), np.random.default_rng(0)
    for _ in range(20):
        _, depth = draw_chest(grid, random_chest(rng), rng)
        sites = choose_sites(rng, grid, depth, 3)
        assert 1 <= len(sites) <= 3
        for i, a in enumerate(sites):
            for b in sites[:i]:
                assert np.hypot(a.x - b.x, a.y - b.y) > 0.5 * (a.diameter + b.diameter)


def test_noise_has_the_asked_deviation_and_is_correlated() -> None:
    rng = np.random.default_rng(0)
    fields = np.stack([ct_noise(rng, 128, 2.34, noise=20.0, uneven=0.0) for _ in range(8)])
    assert fields.std() == pytest.approx(20.0, rel=0.03)
    neighbours = np.mean(fields[:, :, 1:] * fields[:, :, :-1]) / np.mean(fields**2)
    assert 0.1 < neighbours < 0.9
    spectrum = np.abs(np.fft.fft(fields, axis=2)) ** 2
    assert spectrum[:, :, 1:4].mean() < spectrum[:, :, 20:30].mean(), "no ramp filter"


def test_window_maps_hounsfield_units_linearly_and_clips() -> None:
    hu = np.array([-2000.0, -1100.0, -400.0, 300.0, 3000.0], np.float32)
    np.testing.assert_allclose(hounsfield_window(hu, -400.0, 1400.0), [0, 0, 0.5, 1, 1])


def test_size_changes_the_sampling_not_the_patient() -> None:
    small, large = lung_ct(2, seed=4, size=64), lung_ct(2, seed=4, size=256)
    np.testing.assert_array_equal(small.labels, large.labels)
    pooled = large.images.reshape(2, 64, 4, 64, 4).mean(axis=(2, 4))
    assert np.mean(np.abs(pooled - small.images)) < 0.06


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"n": 0}, ValueError, "n is 0"),
        ({"seed": -1}, ValueError, "seed is -1"),
        ({"seed": 2**31}, ValueError, "seed is 2147483648"),
        ({"size": 32}, ValueError, "size is 32"),
        ({"patients_from": -1}, ValueError, "patients_from is -1"),
        ({"n": 2.5}, TypeError, "n is 2.5"),
        ({"seed": None}, TypeError, "seed is None"),
    ],
)
def test_bad_arguments_are_told(arguments: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        lung_ct(**{"n": 2, "seed": 0, **arguments})


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_no_simple_statistic_tells_the_classes_apart(seed: int) -> None:
    every = lung_ct(1400, seed)
    parts = np.split(np.arange(1400), [1000, 1200])
    images = [every.images[part] for part in parts]
    labels = [every.labels[part] for part in parts]
    pixels = [image.reshape(len(image), -1) for image in images]
    histograms = [histogram_features(image) for image in images]
    for features in (pixels, histograms):
        pairs = [a for pair in zip(features, labels, strict=True) for a in pair]
        result = logistic_regression_accuracy(*pairs)
        assert result.gradient_norm < 1e-8
        assert result.test_accuracy < 0.75, result
    single = single_feature_accuracy(images[0], labels[0], images[2], labels[2])
    assert max(single.values()) < 0.75, single
