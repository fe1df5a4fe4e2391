"""Dice, Jaccard and the Hausdorff distance: by hand, by law, and against SciPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from nanocnn.evaluation import dice, hausdorff95, jaccard
from nanocnn.evaluation.surface import border, squared_distance

SHAPES = st.one_of(st.just((7, 9)), st.just((4, 5, 6)))


@st.composite
def two_masks(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    shape = draw(SHAPES)
    t, p = (draw(hnp.arrays(bool, shape)) for _ in range(2))
    t.flat[draw(st.integers(0, t.size - 1))] = True
    p.flat[draw(st.integers(0, p.size - 1))] = True
    return t, p


def square(at: int, side: int = 7, size: int = 40) -> np.ndarray:
    mask = np.zeros((size, size), bool)
    mask[5 : 5 + side, at : at + side] = True
    return mask


def test_by_hand() -> None:
    t, p = np.array([[0, 1, 1, 2]]), np.array([[0, 0, 1, 2]])
    assert dice(t, p, positive=1) == pytest.approx(2 / 3)
    assert jaccard(t, p, positive=1) == pytest.approx(1 / 2)
    assert dice(t, p) == pytest.approx((2 / 3 + 1) / 2)
    assert dice(t, np.eye(3)[p]) == dice(t, p)  # scores, the largest counts
    assert dice([1, 0], [0, 0]) == 0
    assert np.isnan([dice([0, 0], [0, 0]), jaccard([0, 0], [0, 0]), dice(t, p, positive=5)]).all()


@given(two_masks())
@settings(max_examples=40, deadline=None)
def test_laws(masks: tuple[np.ndarray, np.ndarray]) -> None:
    t, p = masks
    j = jaccard(t, p)
    assert dice(t, p) == pytest.approx(2 * j / (1 + j))
    assert (dice(t, p), hausdorff95(t, p)) == (dice(p, t), hausdorff95(p, t))
    assert dice(t, t) == 1
    assert hausdorff95(t, t) == 0
    wide = hausdorff95(t, p, spacing=[2.5] * t.ndim)
    assert wide == pytest.approx(2.5 * hausdorff95(t, p))


@given(two_masks(), st.sampled_from([(1.0, 1.0, 1.0), (3.0, 0.7, 1.3)]))
@settings(max_examples=40, deadline=None)
def test_borders_and_distances_equal_scipy(masks: tuple[np.ndarray, ...], steps: Any) -> None:
    t, p = masks
    s = np.array(steps[: t.ndim])
    directed = []
    for a, b in ((t, p), (p, t)):
        edge_a, edge_b = (m & ~ndimage.binary_erosion(m) for m in (a, b))
        np.testing.assert_array_equal(border(a), edge_a)
        expected = ndimage.distance_transform_edt(~edge_b, sampling=s)
        np.testing.assert_allclose(np.sqrt(squared_distance(edge_b, s)), expected, rtol=1e-12)
        directed.append(expected[edge_a])
    found = hausdorff95(t, p, spacing=s.tolist())
    assert found == pytest.approx(max(np.percentile(d, 95) for d in directed), rel=1e-12)


@given(st.integers(0, 20), st.floats(0.1, 5))
@settings(max_examples=30, deadline=None)
def test_a_shifted_square_is_its_shift_away(shift: int, step: float) -> None:
    found = hausdorff95(square(5), square(5 + shift), spacing=(step, step))
    assert found == pytest.approx(shift * step)


def test_the_larger_percentile_and_not_the_pooled_one() -> None:
    """A point, and a row of 100 from it: all of one set is at 0, the other's 95 % at 94.05."""
    row, point = np.zeros((1, 100), bool), np.zeros((1, 100), bool)
    row[:], point[0, 0] = True, True
    assert hausdorff95(row, point) == pytest.approx(0.95 * 99)
    pooled = np.percentile([0, *range(100)], 95)  # as MedPy has it
    assert pooled == pytest.approx(94.0)
    assert hausdorff95(row, point) > pooled


def test_empty_masks() -> None:
    empty = np.zeros((40, 40), bool)
    assert hausdorff95(square(3), empty) == hausdorff95(empty, square(3)) == np.inf
    assert np.isnan(hausdorff95(empty, empty))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (([[1]], [[1, 0]]), "give equal shapes"),
        (([[1]], [[0.5]]), "class numbers or booleans"),
        (([[-1]], [[0]]), "renumber"),
        (([1, 0], [1, 0]), r"needed is \(H, W\)"),
        (([[1]], [[1]], (1.0, 0.0)), "2 positive numbers"),
        (([[1]], [[1]], (1.0, 1.0, 1.0)), "2 positive numbers"),
        (([[2]], [[1]]), "say which one"),
    ],
)
def test_refused(arguments: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        hausdorff95(*arguments)
