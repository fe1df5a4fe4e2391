"""What a policy does to images and masks: strengths, directions, order, and what stays as it is."""

from __future__ import annotations

import math
import pickle
from dataclasses import FrozenInstanceError, replace
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

import nanocnn as nc
from nanocnn.data import Augment
from nanocnn.data.augmentation import draws
from nanocnn.data.augmentation.apply import apply

from .policies import at, both_at, fixed, images, masks, policies, quick

sizes = st.integers(1, 12)


@quick
@given(policies, st.integers(0, 5), sizes, sizes, st.sampled_from([1, 3, 4]))
def test_shape_type_range_and_what_was_given(
    policy: Augment, n: int, h: int, w: int, c: int
) -> None:
    x, z = images(n, h, w, c), masks(n, h, w)
    before = x.copy(), z.copy()
    y, moved = policy(x, z, epoch=3, indices=np.arange(n))
    assert (y.dtype, y.shape, moved.dtype, moved.shape) == (x.dtype, x.shape, z.dtype, z.shape)
    assert ((y >= 0) & (y <= 1)).all()
    for image, mask, moved_mask in zip(y, z, moved, strict=True):
        assert not np.isnan(image).any()
        assert set(np.unique(moved_mask)) <= set(np.unique(mask))
    np.testing.assert_array_equal(x, before[0])
    np.testing.assert_array_equal(z, before[1])
    assert not np.shares_memory(y, x)
    assert not np.shares_memory(moved, z)


@quick
@given(policies, sizes, sizes)
def test_nothing_changes_at_strength_0(policy: Augment, h: int, w: int) -> None:
    """To the bit, through the same passes as any other strength."""
    x, z = images(2, h, w), masks(2, h, w)
    still = replace(policy, cutout=0.0, elastic=0.0)
    y, moved = both_at(still, x, z)
    np.testing.assert_array_equal(y, x)
    np.testing.assert_array_equal(moved, z)
    y, moved = Augment(seed=policy.seed)(x, z, epoch=0, indices=[0, 1])
    np.testing.assert_array_equal(y, x)
    np.testing.assert_array_equal(moved, z)


def test_no_displacement_changes_no_bit() -> None:
    x = images(2)

    class Still(draws.Draws):
        def grid(self, points: int) -> Any:
            return np.zeros((2, points, points, 2))

    still = Still(*fixed(2))
    np.testing.assert_array_equal(apply(Augment(elastic=0.06), x, None, still)[0], x)


@pytest.mark.parametrize("shape", [(5, 8), (6, 6), (7, 4), (1, 3)])
def test_flips(shape: tuple[int, int]) -> None:
    x, z = images(2, *shape), masks(2, *shape)
    across, up = Augment(flip="horizontal"), Augment(flip="vertical")
    y, moved = both_at(across, x, z, flip_horizontal=0.49)
    np.testing.assert_array_equal(y, x[:, :, ::-1])
    np.testing.assert_array_equal(moved, z[:, :, ::-1])
    np.testing.assert_array_equal(at(across, y, flip_horizontal=0.49), x)  # twice: back again
    np.testing.assert_array_equal(at(up, x, flip_vertical=0.49, flip_horizontal=0), x[:, ::-1])
    both = at(Augment(flip="both"), x, flip_vertical=0.0, flip_horizontal=0.0)
    np.testing.assert_array_equal(both, x[:, ::-1, ::-1])
    np.testing.assert_array_equal(at(across, x, flip_horizontal=0.5), x)


def test_half_of_the_images_are_flipped_each_way_by_itself() -> None:
    n = 4000
    x = np.broadcast_to(np.array([[1, 2], [3, 4]], np.float32)[..., None] / 4, (n, 2, 2, 1))
    corner = 4 * Augment(flip="both")(x, epoch=0, indices=np.arange(n))[:, 0, 0, 0]
    counts = [(corner == k).sum() for k in (1, 2, 3, 4)]
    assert sum(counts) == n
    assert all(abs(count - n / 4) < 5 * math.sqrt(n * 3 / 16) for count in counts)


def test_a_quarter_turn_is_anticlockwise() -> None:
    x, z = images(2, 6, 6), masks(2, 6, 6)
    y, moved = both_at(Augment(rotate=90), x, z, rotate=1.0)
    np.testing.assert_allclose(y, np.rot90(x, axes=(1, 2)), rtol=0, atol=1e-6)
    np.testing.assert_array_equal(moved, np.rot90(z, axes=(1, 2)))


def smooth(size: int = 40) -> np.ndarray:
    """Return an image whose second derivatives are small, so that interpolating it loses little."""
    i, j = np.mgrid[:size, :size] / size
    values = 0.5 + 0.2 * np.sin(5 * i + 1) * np.cos(4 * j) + 0.1 * i - 0.1 * j
    return values[None, :, :, None].astype(np.float32)


def inside(size: int, share: float) -> np.ndarray:
    """Return which pixels lie within a circle about the middle."""
    i, j = np.mgrid[:size, :size] - (size - 1) / 2
    return i**2 + j**2 < (share * size) ** 2


@quick
@given(st.floats(0, 1))
def test_a_turn_there_and_back(u: float) -> None:
    x, turn = smooth(), Augment(rotate=180)
    back = at(turn, at(turn, x, rotate=u), rotate=1 - u)
    error = np.abs(back - x)[0, :, :, 0]
    # Twice interpolated: h^2/8 times the second derivatives, 25 * 0.3 / 40^2 at most, each time.
    assert error[inside(40, 0.48)].max() < 2 * 2 * 7.5 / 1600 / 8


@quick
@given(st.floats(-0.3, 0.3))
def test_zoom_and_shift_there_and_back(v: float) -> None:
    x = smooth()
    shift = Augment(shift=0.3)
    there = at(shift, x, shift_rows=0.5 + v, shift_columns=0.5 - v)
    back = at(shift, there, shift_rows=0.5 - v, shift_columns=0.5 + v)
    assert np.abs(back - x)[0, :, :, 0][inside(40, 0.3)].max() < 0.005
    larger = at(Augment(zoom=0.2), x, zoom=1.0)
    back = at(Augment(zoom=1 - 1 / 1.2), larger, zoom=0.0)
    assert np.abs(back - x)[0, :, :, 0][inside(40, 0.4)].max() < 0.005


def test_directions() -> None:
    """Shift goes down and to the right, zoom enlarges, shear leans the lower half to the right."""
    x = np.zeros((1, 11, 11, 1), np.float32)
    x[0, 5, 5], x[0, 8, 5] = 0.5, 1.0
    assert np.argwhere(at(Augment(shift=2 / 11), x, shift_rows=1.0)[0, :, :, 0] == 1).tolist() == [
        [10, 5]
    ]
    assert np.argwhere(
        at(Augment(shift=2 / 11), x, shift_columns=0.0)[0, :, :, 0] == 1
    ).tolist() == [[8, 3]]
    larger = at(Augment(zoom=2 / 3), x, zoom=1.0)[0, :, :, 0]
    assert larger[10, 5] == pytest.approx(1, abs=1e-6)  # 3 below the middle becomes 5 below it
    leaning = at(Augment(shear=45), x, shear=1.0)[0, :, :, 0]
    assert leaning[8, 8] == pytest.approx(1, abs=1e-6)
    assert leaning[5, 5] == pytest.approx(0.5, abs=1e-6)


@quick
@given(policies, st.integers(0, 99))
def test_masks_move_with_images(policy: Augment, index: int) -> None:
    """The image tells its own coordinates, and so does the mask: they stay half a pixel apart."""
    h, w = 13, 19
    i, j = np.mgrid[:h, :w].astype(np.float32)
    x = np.stack([i / h, j / w], axis=-1)[None]
    z = np.arange(h * w, dtype=np.uint8).reshape(1, h, w)
    geometric = Augment(
        **{name: getattr(policy, name) for name in ("rotate", "zoom", "shift", "shear", "elastic")},
        flip=policy.flip,
        seed=policy.seed,
    )
    y, moved = geometric(x, z, epoch=0, indices=[index])
    assert np.abs(y[..., 0] * h - moved // w).max() <= 0.5 + 1e-4
    assert np.abs(y[..., 1] * w - moved % w).max() <= 0.5 + 1e-4
    only = geometric(x, epoch=0, indices=[index])
    np.testing.assert_array_equal(only, y)  # with masks or without


def test_a_bool_mask_stays_one() -> None:
    z = masks(3) > 1
    _, moved = Augment(rotate=30)(images(3), z, epoch=0, indices=[1, 2, 3])
    assert moved.dtype == np.bool_
    as_numbers = Augment(rotate=30)(images(3), z.view(np.uint8), epoch=0, indices=[1, 2, 3])[1]
    np.testing.assert_array_equal(moved, as_numbers.astype(bool))


def test_intensities_leave_masks_alone() -> None:
    policy = Augment(brightness=0.5, contrast=0.5, gamma=1, noise=0.5, blur=2, cutout=0.9)
    z = masks(3)
    _, moved = policy(images(3), z, epoch=0, indices=[1, 2, 3])
    np.testing.assert_array_equal(moved, z)


def test_brightness_is_added_and_contrast_keeps_the_mean_of_each_channel() -> None:
    x = 0.4 + 0.2 * images(2, 20, 20)
    brighter = at(Augment(brightness=0.25), x, brightness=1.0)
    np.testing.assert_allclose(brighter, x + 0.25, rtol=0, atol=1e-6)
    darker = at(Augment(brightness=0.25), x, brightness=0.0)
    np.testing.assert_allclose(darker, x - 0.25, rtol=0, atol=1e-6)
    for u, factor in ((0.0, 0.2), (1.0, 1.8)):
        y = at(Augment(contrast=0.8), x, contrast=u)
        np.testing.assert_allclose(y.mean((1, 2)), x.mean((1, 2)), rtol=0, atol=1e-6)
        np.testing.assert_allclose(y.std((1, 2)), factor * x.std((1, 2)), rtol=1e-5)


def test_gamma_keeps_black_white_and_the_order() -> None:
    x = np.linspace(0, 1, 101, dtype=np.float32).reshape(1, 1, 101, 1)
    for u, exponent in ((0.0, 1 / 1.5), (1.0, 1.5)):
        y = at(Augment(gamma=0.5), x, gamma=u)
        np.testing.assert_allclose(y, x**exponent, rtol=0, atol=1e-6)
        assert y[0, 0, [0, -1], 0].tolist() == [0, 1]
        assert (np.diff(y[0, 0, :, 0]) > 0).all()


def test_noise_has_its_standard_deviation_and_is_fresh_for_each_sample_and_epoch() -> None:
    x = np.full((2, 60, 60, 3), 0.5, np.float32)
    off = at(Augment(noise=0.05), x, noise=1.0) - x
    assert off.std() == pytest.approx(0.05, rel=5 / math.sqrt(2 * off.size))
    assert abs(off.mean()) < 5 * 0.05 / math.sqrt(off.size)
    noisy = Augment(noise=0.05)
    a, b = (noisy(x, epoch=epoch, indices=[4, 5]) - x for epoch in (0, 1))
    for one, other in ((a[0], a[1]), (a[0], b[0]), (a[1], b[1]), (a[0, :, :, 0], a[0, :, :, 1])):
        room = 5 / math.sqrt(one.size)
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < room


def test_blur_spreads_a_point_into_a_bell_of_its_width() -> None:
    x = np.zeros((1, 41, 41, 1), np.float32)
    x[0, 20, 20] = 1
    y = at(Augment(blur=2), x, blur=1.0)[0, :, :, 0]
    assert y.sum() == pytest.approx(1, abs=1e-5)
    i, j = np.mgrid[:41, :41] - 20
    assert math.sqrt((y * i**2).sum()) == pytest.approx(2, rel=0.02)  # cut off at three of them
    assert math.sqrt((y * j**2).sum()) == pytest.approx(2, rel=0.02)


def test_cut_out_hides_a_rectangle_also_partly_outside() -> None:
    x = images(1, 20, 40)
    y = at(Augment(cutout=0.25), x, cutout_rows=0.5, cutout_columns=0.999)
    hidden = (y != x).any(axis=3)[0]
    assert np.argwhere(hidden).min(axis=0).tolist() == [8, 34]
    assert hidden.sum() == 5 * 6
    np.testing.assert_allclose(y[0][hidden], np.tile(x.mean((1, 2)), (30, 1)), rtol=1e-5)
    many = np.tile(x, (300, 1, 1, 1))
    counts = (Augment(cutout=0.25)(many, epoch=0, indices=np.arange(300)) != many).any(3).sum(0)
    assert counts.min() > 0  # no place is never hidden


def test_elastic_moves_things_but_not_far() -> None:
    h = w = 32
    j = np.arange(w, dtype=np.float32) + np.zeros((h, 1), np.float32)
    x = np.tile((j / w)[None, :, :, None], (20, 1, 1, 1))
    moved = (Augment(elastic=0.05)(x, epoch=0, indices=np.arange(20)) - x) * w
    assert np.abs(moved).max() <= 0.05 * w + 1e-4
    assert (np.abs(moved).max(axis=(1, 2)) > 0.2).all()
    assert (np.diff(moved + j[..., None], axis=2) >= -1e-5).all()  # nothing folds


def test_strengths_are_drawn_evenly_up_to_the_largest() -> None:
    n = 3000
    x = np.full((n, 1, 1, 1), 0.5, np.float32)
    y = np.sort(Augment(brightness=0.2)(x, epoch=7, indices=np.arange(n)).ravel())
    even = 0.3 + 0.4 * (np.arange(n) + 0.5) / n
    assert np.abs(y - even).max() < 0.4 * 1.95 / math.sqrt(n)  # Kolmogorov and Smirnov's, 0.1 %


def test_all_rungs_agree() -> None:
    policy = Augment(
        rotate=40, flip="both", zoom=0.3, shift=0.2, shear=20, elastic=0.05, brightness=0.2,
        contrast=0.3, gamma=0.5, noise=0.1, blur=1, cutout=0.3, seed=5,
    )  # fmt: skip
    x, z = images(4, 8, 11), masks(4, 8, 11)
    found = {}
    for name in nc.BACKENDS:
        with nc.backend(name):
            found[name] = policy(x, z, epoch=1, indices=[3, 1, 4, 5])
    for y, moved in found.values():
        np.testing.assert_allclose(y, found["reference"][0], rtol=0, atol=3e-6)
        np.testing.assert_array_equal(moved, found["reference"][1])


@quick
@given(policies)
def test_a_policy_is_a_value(policy: Augment) -> None:
    assert eval(repr(policy), {"Augment": Augment}) == policy
    assert pickle.loads(pickle.dumps(policy)) == policy
    with pytest.raises(FrozenInstanceError):
        policy.rotate = 3  # type: ignore[misc]


def test_it_is_printed_without_what_is_switched_off() -> None:
    assert repr(Augment(rotate=5, seed=2)) == "Augment(rotate=5, seed=2)"
    assert repr(Augment(flip="both")) == "Augment(flip='both', seed=0)"
