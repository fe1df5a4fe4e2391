"""What the segmentation example is made of, by hand."""

import sys
from pathlib import Path

import numpy as np
import pytest

import nanocnn as nc

EXAMPLES = str(Path(__file__).parents[2] / "examples")
sys.path.insert(0, EXAMPLES)
try:
    from mri_slices import measures, recipe, sources
finally:
    sys.path.remove(EXAMPLES)


def test_slices_with_their_neighbours_in_a_volumes_own_grey_values():
    rng = np.random.default_rng(0)
    volume = np.zeros((6, 7, 8), np.uint8)
    shape = np.array([4, 5, 6])
    volume[:4, :5, :6] = rng.integers(10, 200, (4, 5, 6))
    slices = sources.slices_of(volume, shape, 0, 1)
    assert slices.shape == (4, 7, 8, 3)
    inside = volume[:4, :5, :6].astype(float)
    expected = np.clip(0.5 + (volume - inside.mean()) / inside.std() / 8, 0, 1)
    for k in range(4):
        for channel, place in enumerate((max(k - 1, 0), k, min(k + 1, 3))):
            np.testing.assert_allclose(slices[k, ..., channel], expected[place], atol=1e-6)
    # Another gain and offset of the scanner: the same image.
    brighter = np.where(volume > 0, volume.astype(float) * 1.2 + 5, 5)
    np.testing.assert_allclose(sources.slices_of(brighter, shape, 0, 1), slices, atol=1e-5)
    across = sources.slices_of(volume, shape, 2, 0)
    np.testing.assert_allclose(across[3, ..., 0], expected[:, :, 3], atol=1e-6)


def test_a_case_without_a_structure_counts_for_what_it_has():
    table = np.array([[0.5, np.nan], [0.2, 0.4], [np.nan, np.nan]])
    np.testing.assert_allclose(measures.means(table), [0.5, 0.3, np.nan])


def test_numbers_of_two_cases():
    truth = np.zeros((2, 4, 4), np.uint8)
    truth[0, :2, :2] = 1
    found = truth.copy()
    found[1, 0, 0] = 1  # where there is none
    report = nc.evaluation.segmentation_report(list(truth), list(found))
    result = measures.numbers(report)
    assert result["mean_dice"][0] == 0.5
    assert result["mean_dice"][1:] == [0, 1]
    assert result["n_missed"] == 1
    assert result["mean_hausdorff95"][0] == pytest.approx(np.hypot(3, 3) / 2)


def test_phantom_patients_are_in_one_part_only():
    data = sources.phantoms(0, 2, 64, test=True)
    cases = [set(part.groups) for part in (data.train, data.val, data.test)]
    assert [len(part) for part in cases] == [2, 2, 2]
    assert len(set.union(*cases)) == 6


def test_a_new_model_gives_each_class_its_share():
    """Its first loss is near the entropy of the shares, far below ln 3."""
    data = sources.phantoms(0, 2, 64, test=False)
    model = recipe.create_model(data, recipe.RECIPES["phantoms"], seed=0)
    x, y = data.train.arrays()
    share = np.bincount(y.ravel()) / y.size
    assert len(share) == 3
    loss, _ = nc.losses.softmax_cross_entropy(model(x), y)
    assert loss == pytest.approx(-(share * np.log(share)).sum(), rel=0.1)
