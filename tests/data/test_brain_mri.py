"""Phantoms of the head: reproducible, anatomy in its place, masks where the pixels say so."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nanocnn.data.phantoms import BrainMRI, brain_mri
from nanocnn.data.phantoms.brain import (
    CORTEX_MM,
    FIELD_OF_VIEW_MM,
    Push,
    Tissue,
    draw_head,
    random_head,
)
from nanocnn.data.phantoms.brain_mri import MOST_SLICES
from nanocnn.data.phantoms.glioma import draw_lesions, random_glioma, random_spots
from nanocnn.data.phantoms.shapes import make_grid
from nanocnn.data.phantoms.texture import bias_field, rician_noise
from nanocnn.evaluation.baselines import (
    best_threshold,
    histogram_features,
    logistic_regression_accuracy,
    single_feature_accuracy,
)


@pytest.fixture(scope="module")
def phantoms() -> BrainMRI:
    return brain_mri(60, seed=3, difficulty=0.0, slices=3)


def test_shapes_types_and_range(phantoms: BrainMRI) -> None:
    assert phantoms.images.shape == phantoms.masks.shape == (60, 128, 128)
    assert phantoms.images.dtype == np.float32
    assert phantoms.labels.dtype == phantoms.patients.dtype == np.int64
    assert phantoms.masks.dtype == np.uint8
    assert 0.0 <= phantoms.images.min() < phantoms.images.max() <= 1.0
    assert set(np.unique(phantoms.masks)) == {0, 1, 2}


def test_label_says_whether_there_is_a_mask(phantoms: BrainMRI) -> None:
    np.testing.assert_array_equal(phantoms.labels, phantoms.masks.any(axis=(1, 2)))
    assert len(set(phantoms.patients)) == 20
    np.testing.assert_array_equal(phantoms.patients[::3], phantoms.patients[2::3])


@pytest.mark.parametrize("prevalence", [0.0, 0.25, 0.5, 1.0])
def test_of_patients_in_a_row_the_share_with_glioma_is_the_prevalence(prevalence: float) -> None:
    labels = brain_mri(40, seed=1, size=64, prevalence=prevalence, slices=1).labels
    for first in range(0, 40, 8):
        assert abs(labels[first : first + 8].sum() - 8 * prevalence) <= 2
    assert abs(labels.sum() - 40 * prevalence) <= 2


def test_slices_past_the_end_of_a_tumour_have_none() -> None:
    one = brain_mri(MOST_SLICES, seed=0, size=64, difficulty=1.0, prevalence=1.0, slices=16)
    middle = one.labels[MOST_SLICES // 2 - 1 : MOST_SLICES // 2 + 1]
    assert middle.all()
    assert not one.labels[0]
    assert not one.labels[-1]


def test_same_seed_same_bits_whatever_n() -> None:
    few, many = brain_mri(3, seed=5, size=64), brain_mri(7, seed=5, size=64)
    for a, b in zip(few, many, strict=True):
        np.testing.assert_array_equal(a, np.asarray(b)[:3])


def test_patients_from_continues_the_same_series() -> None:
    whole, rest = brain_mri(9, 5, 64, slices=3), brain_mri(3, 5, 64, slices=3, patients_from=2)
    for a, b in zip(whole, rest, strict=True):
        np.testing.assert_array_equal(np.asarray(a)[6:], b)


def test_other_seeds_are_other_patients() -> None:
    a, b = brain_mri(8, seed=0, size=64), brain_mri(8, seed=1, size=64)
    assert not set(a.patients) & set(b.patients)
    assert np.abs(a.images - b.images).mean(axis=(1, 2)).min() > 0.01


def test_slices_of_a_patient_look_like_neighbours(phantoms: BrainMRI) -> None:
    first, second, third = (phantoms.images[k::3] for k in range(3))
    step, two = np.abs(first - second).mean(), np.abs(first - third).mean()
    strangers = np.abs(first[1:] - second[:-1]).mean()
    assert 0.01 < step < two < 0.7 * strangers


def test_sequences_show_the_same_head(phantoms: BrainMRI) -> None:
    t1, t1ce = (brain_mri(60, seed=3, difficulty=0.0, slices=3, sequence=s) for s in ("t1", "t1ce"))
    for other in (t1, t1ce):
        np.testing.assert_array_equal(other.masks, phantoms.masks)
        np.testing.assert_array_equal(other.patients, phantoms.patients)
    # Contrast agent changes nothing but the core.
    np.testing.assert_array_equal(t1.images[t1.labels == 0], t1ce.images[t1.labels == 0])


# How bright oedema and the core's brightest are beside white matter, at difficulty 0, from SIGNALS.
CONTRAST = {"flair": (2.1, 1.8), "t1": (0.68, 0.59), "t1ce": (0.68, 1.44)}


@pytest.mark.parametrize("sequence", CONTRAST)
def test_masks_agree_with_pixels(sequence: str) -> None:
    """The mask's pixels beside white matter: the same place of the same head without a tumour."""
    d = brain_mri(40, seed=7, difficulty=0.0, slices=2, sequence=sequence, prevalence=1.0)
    healthy = brain_mri(40, seed=7, difficulty=0.0, slices=2, sequence=sequence, prevalence=0.0)
    both: tuple[list[float], list[float]] = ([], [])
    for image, mask, same in zip(d.images, d.masks, healthy.images, strict=True):
        for kind in (1, 2):
            # Mostly white matter, which is the brightest tissue on T1 and the darkest on FLAIR.
            white = np.percentile(same[mask == kind], 40 if sequence == "flair" else 80)
            pixels = image[mask == kind]
            value = np.median(pixels) if kind == 1 else np.percentile(pixels, 65)
            both[kind - 1].append(float(value / white))
    for ratios, expected in zip(both, CONTRAST[sequence], strict=True):
        assert np.median(ratios) == pytest.approx(expected, rel=0.12)


def test_difficulty_takes_contrast_and_size_from_the_tumour() -> None:
    easy, hard = (brain_mri(24, seed=2, difficulty=d, prevalence=1.0) for d in (0.0, 1.0))
    assert (hard.masks > 0).sum() < 0.5 * (easy.masks > 0).sum()

    def relative(d: BrainMRI) -> float:
        return float(np.median(d.images[d.masks == 1]) / np.median(d.images[:, 50:78, 50:78]))

    assert relative(hard) < 0.8 * relative(easy)
    corner = [d.images[:, :12, :12].mean() for d in (easy, hard)]
    assert corner[1] > 3.0 * corner[0], "noise does not grow"


def test_difficulty_leaves_the_head() -> None:
    easy, hard = (
        brain_mri(8, seed=2, difficulty=d, prevalence=0.0, slices=1).images.reshape(8, -1)
        for d in (0.0, 1.0)
    )
    alike = np.corrcoef(easy, hard)[:8, 8:]
    assert np.diag(alike).min() > 0.85
    assert (np.diag(alike) > alike.max(axis=1) - 1e-12).all(), "another head is as much alike"


def _tissue(z: float, seed: int = 0, push: Push | None = None) -> Tissue:
    head = random_head(np.random.default_rng(seed))
    return draw_head(make_grid(128, FIELD_OF_VIEW_MM), head, z, push)


@pytest.mark.parametrize("z", [-6.0, 4.0, 15.0, 28.0, 40.0])
def test_tissues_lie_where_they_belong(z: float) -> None:
    tissue = _tissue(z)
    layers = dict(tissue.layers)
    for filled in layers.values():
        assert filled.dtype == np.float32
        assert filled.min() >= 0.0
        assert filled.max() <= 1.0
    assert tissue.brain[tissue.white > 0.5].min() > CORTEX_MM - 0.1
    inside = tissue.brain > 0
    share = tissue.white[inside].mean()
    assert 0.35 < share < 0.7, share
    # Folded: sulci reach deeper than the cortex is thick.
    fluid_or_grey = (tissue.white < 0.5) & (tissue.brain > CORTEX_MM + 3.0)
    assert fluid_or_grey[inside].mean() > 0.1
    ventricles, deep = tissue.layers[-1][1], layers["deep"]
    assert (ventricles.sum() > 20) == (z < 30)
    assert (deep.sum() > 100) == (z < 20)
    assert not (ventricles * (np.abs(tissue.x) > 40)).any()


def test_a_push_moves_tissue_away_and_not_the_skull() -> None:
    shift = 6.0
    before = _tissue(15.0)
    after = _tissue(15.0, push=Push(30.0, 0.0, shift, 24.0))
    grid = make_grid(128, FIELD_OF_VIEW_MM)
    assert after.x.dtype == after.brain.dtype == np.float32
    columns = [
        float((t.layers[-1][1] * grid.x).sum() / t.layers[-1][1].sum()) for t in (before, after)
    ]
    assert columns[0] - shift < columns[1] < columns[0] - 1.0
    near = np.abs(before.brain) < 2.0
    np.testing.assert_allclose(before.brain[near], after.brain[near], atol=1.0)


def test_oedema_spares_cortex_and_core_contains_its_dead_middle() -> None:
    grid = make_grid(128, FIELD_OF_VIEW_MM)
    for seed in range(6):
        rng = np.random.default_rng(seed)
        glioma, spots = random_glioma(rng, 0.0), random_spots(rng, 1.0)
        tissue = _tissue(glioma.z, seed)
        lesions = draw_lesions(grid, tissue, spots, glioma, glioma.z)
        assert (lesions.oedema <= tissue.white).all()
        assert (lesions.spots <= tissue.white).all()
        assert (lesions.dead <= lesions.core).all()
        area_mm2 = lesions.core.sum() * grid.pixel_mm**2
        assert 0.5 < area_mm2 / (np.pi * glioma.radius**2) < 1.5


def test_rician_noise_raises_the_mean_of_air_and_hardly_that_of_tissue() -> None:
    rng = np.random.default_rng(0)
    air = rician_noise(np.zeros((400, 400), np.float32), 0.1, rng)
    assert air.mean() == pytest.approx(0.1 * np.sqrt(np.pi / 2), rel=0.01)
    tissue = rician_noise(np.ones((400, 400), np.float32), 0.1, rng)
    assert tissue.mean() == pytest.approx(np.sqrt(1.0 + 0.1**2), abs=0.003)
    assert tissue.std() == pytest.approx(0.1, rel=0.03)


def test_bias_field_is_smooth_and_within_its_strength() -> None:
    axis = np.linspace(-1, 1, 64, dtype=np.float32)
    for seed in range(5):
        bias = bias_field(np.random.default_rng(seed), axis[None, :], axis[:, None], 0.4)
        log = np.log(bias)
        assert np.abs(log).max() <= 0.4
        assert np.ptp(log) > 0.05
        assert np.abs(np.diff(log, axis=0)).max() < 0.04


def test_size_changes_the_sampling_not_the_patient() -> None:
    small, large = brain_mri(4, 4, 64, prevalence=1.0), brain_mri(4, 4, 256, prevalence=1.0)
    pooled = large.images.reshape(4, 64, 4, 64, 4).mean(axis=(2, 4))
    assert np.mean(np.abs(pooled - small.images)) < 0.05
    areas = [(m > 0).mean(axis=(1, 2)) for m in (small.masks, large.masks)]
    np.testing.assert_allclose(areas[0], areas[1], rtol=0.3)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"n": 0}, ValueError, "n is 0"),
        ({"seed": -1}, ValueError, "seed is -1"),
        ({"size": 32}, ValueError, "size is 32"),
        ({"slices": 0}, ValueError, "slices is 0"),
        ({"slices": 17}, ValueError, "slices is 17"),
        ({"patients_from": -1}, ValueError, "patients_from is -1"),
        ({"difficulty": 1.5}, ValueError, "difficulty is 1.5; brain_mri needs a number from 0 to"),
        ({"difficulty": "hard"}, TypeError, "difficulty is 'hard'"),
        ({"prevalence": float("nan")}, ValueError, "prevalence is nan"),
        ({"sequence": "T2"}, ValueError, "sequence is 'T2'; brain_mri draws flair, t1, t1ce"),
        ({"n": 2.5}, TypeError, "n is 2.5"),
    ],
)
def test_bad_arguments_are_told(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message) as raised:
        brain_mri(**{"n": 2, **arguments})
    assert "\n" not in str(raised.value)


@pytest.mark.slow
@pytest.mark.parametrize("sequence", ["flair", "t1"])
def test_easy_is_easier_than_hard_and_mean_and_size_say_little(sequence: str) -> None:
    accuracy = {}
    for difficulty in (0.0, 0.5, 1.0):
        d = brain_mri(1000, 0, difficulty=difficulty, slices=2, sequence=sequence)
        parts = np.split(np.arange(1000), [600, 800])
        labels = [d.labels[part] for part in parts]
        features = [histogram_features(d.images[part]) for part in parts]
        pairs = [a for pair in zip(features, labels, strict=True) for a in pair]
        accuracy[difficulty] = logistic_regression_accuracy(*pairs).test_accuracy
        past, last = np.arange(800), parts[2]
        single = single_feature_accuracy(
            d.images[past], d.labels[past], d.images[last], d.labels[last]
        )
        head = (d.images > 0.2).mean(axis=(1, 2))
        cut, above = best_threshold(head[past], d.labels[past])
        size = float(np.mean(((head[last] > cut) == above) == (d.labels[last] == 1)))
        assert max(single["mean"], size) < 0.7, (difficulty, single, size)
    assert accuracy[0.0] > 0.85, accuracy
    assert 0.65 < accuracy[0.5] < accuracy[0.0] - 0.05, accuracy
    assert accuracy[1.0] < 0.62, accuracy
