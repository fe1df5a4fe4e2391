"""The loops of the warp: numbers worked out by hand, and SciPy's, which were written apart."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import BSpline  # SciPy comes with scikit-learn
from scipy.ndimage import affine_transform

from nanocnn.reference import warp, warp_images

UNCHANGED = np.array([[[1.0, 0, 0], [0, 1, 0]]])


def test_half_a_pixel_down_and_a_quarter_to_the_right_by_hand() -> None:
    x = np.array([[1.0, 3.0, 5.0], [2.0, 8.0, 0.0]])[None, :, :, None]
    masks = np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8)
    matrices = np.array([[[1.0, 0, 0.5], [0, 1, 0.25]]])
    y, warped = warp_images(x, masks, matrices, None)
    # Place (0.5, 0.25): upper row 1 + 0.25 * 2 = 1.5, lower row 2 + 0.25 * 6 = 3.5, halfway 2.5.
    # (0.5, 1.25): 3.5 and 6, 4.75. (0.5, 2.25) is limited to column 2: 5 and 0, 2.5.
    # Row 1 is limited to row 1: 3.5, 6, 0.
    assert y[0, :, :, 0].tolist() == [[2.5, 4.75, 2.5], [3.5, 6.0, 0.0]]
    # A half goes to the next row, a quarter to the column before.
    assert warped is not None
    assert warped.tolist() == [[[4, 5, 6], [4, 5, 6]]]


def test_a_quarter_turn_about_the_middle_by_hand() -> None:
    # F turns anticlockwise: (row, column) (0, 1), to the right, becomes (-1, 0), up. Its inverse is
    # A = (0 1; -1 0), and with the middle (1, 1) the third column is (1 - 1, 1 + 1).
    x = np.arange(9.0).reshape(1, 3, 3, 1)
    y, _ = warp_images(x, None, np.array([[[0.0, 1, 0], [-1, 0, 2]]]), None)
    np.testing.assert_array_equal(y[0, :, :, 0], np.rot90(x[0, :, :, 0]))


@pytest.mark.parametrize("seed", range(4))
def test_against_scipy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.random((1, 6, 7, 2))
    M = UNCHANGED + rng.normal(0, 0.5, (1, 2, 3))
    y, _ = warp_images(x, None, M, None)
    for c in range(2):
        expected = affine_transform(x[0, :, :, c], M[0, :, :2], M[0, :, 2], order=1, mode="nearest")
        np.testing.assert_allclose(y[0, :, :, c], expected, rtol=0, atol=1e-12)


def test_displacements_are_those_of_cubic_b_splines() -> None:
    rng = np.random.default_rng(3)
    grid, H, W = rng.normal(size=(5, 7, 2)), 9, 6  # 2 x 4 cells
    rows = BSpline(np.arange(-3, 6), grid, 3)(2 * (np.arange(H) + 0.5) / H)
    expected = BSpline(np.arange(-3, 8), rows.swapaxes(0, 1), 3)(4 * (np.arange(W) + 0.5) / W)
    found = [[warp.displacement(grid, i, j, H, W) for j in range(W)] for i in range(H)]
    np.testing.assert_allclose(found, expected.swapaxes(0, 1), rtol=0, atol=1e-14)


def test_equal_control_points_shift_the_image() -> None:
    x = np.arange(12.0).reshape(1, 3, 4, 1)
    grids = np.broadcast_to([1.0, -1.0], (1, 5, 5, 2))
    y, _ = warp_images(x, None, UNCHANGED, grids)
    np.testing.assert_allclose(
        y[0, :, :, 0], [[4, 4, 5, 6], [8, 8, 9, 10], [8, 8, 9, 10]], rtol=0, atol=1e-12
    )


def test_the_displacement_is_that_of_the_result_before_the_matrix() -> None:
    """So a map that does not fold, and then a matrix, are together one that does not."""
    x = np.arange(5.0).reshape(1, 5, 1, 1)
    half = np.array([[[0.5, 0, 0], [0, 1, 0]]])
    y, _ = warp_images(x, None, half, np.broadcast_to([1.0, 0.0], (1, 4, 4, 2)))
    np.testing.assert_allclose(y.ravel(), (np.arange(5) + 1) / 2, rtol=0, atol=1e-12)


@pytest.mark.parametrize("size", [4, 7, 32])
def test_below_a_sixteenth_nothing_folds(size: int) -> None:
    """The worst that control points can do: neighbours at opposite limits, all ways at once."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        E = 0.0624 * size
        grid = rng.choice([-E, E], (7, 7, 2))
        d = np.array(
            [[warp.displacement(grid, i, j, size, size) for j in range(size)] for i in range(size)]
        )
        assert np.abs(d).max() <= E
        for axis in range(2):  # no slope above 2 E P / size, by differences of neighbours
            assert np.abs(np.diff(d, axis=axis)).max() <= 2 * E * 4 / size + 1e-12
        down, right = np.diff(d, axis=0)[:, :-1], np.diff(d, axis=1)[:-1]
        areas = (1 + down[..., 0]) * (1 + right[..., 1]) - down[..., 1] * right[..., 0]
        assert areas.min() > 0


def test_a_larger_one_can_fold() -> None:
    E = 0.3 * 8
    grid = np.zeros((7, 7, 2))
    grid[:3, :, 0], grid[3:, :, 0] = E, -E
    d = [warp.displacement(grid, i, 0, 8, 8)[0] for i in range(8)]
    assert np.diff(d).min() < -1
