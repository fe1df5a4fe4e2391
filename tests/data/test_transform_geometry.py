"""Resize, crop, pad: hand-worked pixels, masks that move along, and what undoes what."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from PIL import Image

from nanocnn.data import ImageDataset
from nanocnn.data.transforms import Crop, CropOrPad, Pad, Resize, Transform
from nanocnn.data.transforms.resize import nearest

from .policies import images, masks, quick
from .preparing import edges, geometric, modes, sides


def column(*values: float) -> np.ndarray:
    """Return an image of one column."""
    return np.array(values, np.float32).reshape(-1, 1, 1)


def test_resizing_by_hand() -> None:
    """To half: new pixel 0 has its middle at 1, and the triangle's weights there 3/4, 3/4, 1/4."""
    half = Resize(size=(2, 1))(column(0, 0, 1, 1)).ravel()
    np.testing.assert_allclose(half, [1 / 7, 6 / 7], rtol=1e-6)
    # To twice: new middles lie at 1/4 and 3/4 between old ones.
    twice = Resize(size=(4, 1))(column(0, 1)).ravel()
    np.testing.assert_allclose(twice, [0, 0.25, 0.75, 1], rtol=1e-6)


def by_the_equation(x: np.ndarray, new: int) -> np.ndarray:
    """Resize along rows: (H, ...) -> (new, ...) in float64."""
    old = len(x)
    s = old / new
    distance = (np.arange(old) + 0.5 - (np.arange(new)[:, None] + 0.5) * s) / max(1, s)
    weights = np.maximum(0, 1 - np.abs(distance))
    return np.tensordot(weights / weights.sum(axis=1, keepdims=True), x, 1)


@quick
@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 30), st.integers(1, 30))
def test_resizing_by_the_equation(h: int, w: int, new_h: int, new_w: int) -> None:
    x = images(1, h, w, 2)[0]
    across = by_the_equation(x.astype(np.float64).swapaxes(0, 1), new_w).swapaxes(0, 1)
    y = Resize(size=(new_h, new_w))(x)
    np.testing.assert_allclose(y, by_the_equation(across, new_h), rtol=0, atol=1e-6)


def test_no_fine_pattern_turns_into_a_coarse_one() -> None:
    """A grating with a period of 2.2 pixels, to a fifth: without antialiasing it would stay."""
    wave = 0.5 + 0.5 * np.cos(2 * np.pi * np.arange(200) / 2.2)
    x = np.broadcast_to(wave.astype(np.float32)[:, None, None], (200, 200, 1))
    inner = Resize(size=40)(x)[2:-2]
    assert np.ptp(inner) < 0.03
    assert np.ptp(x[2::5]) > 0.9


def test_resizing_is_what_opening_files_does() -> None:
    x = images(2, 13, 9, 3)
    opened, _ = ImageDataset(x, [0, 0], size=(6, 5)).arrays()
    np.testing.assert_array_equal(Resize(size=(6, 5))(x), opened)


@quick
@given(st.integers(1, 40), st.integers(1, 40))
def test_the_nearest_pixel(old: int, new: int) -> None:
    """The pixel that holds the new one's middle; Pillow's, where that is on no border."""
    places = nearest(old, new)
    middles = [(2 * i + 1) * old / (2 * new) for i in range(new)]
    assert all(k <= middle < k + 1 for k, middle in zip(places.tolist(), middles, strict=True))
    line = Image.fromarray(np.arange(old, dtype=np.uint8)[:, None])
    pillow = np.asarray(line.resize((1, new), Image.Resampling.NEAREST)).ravel()
    clear = np.array([abs(middle - round(middle)) > 1e-6 for middle in middles])
    np.testing.assert_array_equal(places[clear], pillow[clear])


@quick
@given(geometric, st.integers(3, 11), st.integers(3, 11))
def test_masks_move_with_images(t: Transform, h: int, w: int) -> None:
    """An image of its own coordinates and a mask of them: within a new pixel of each other."""
    i, j = np.mgrid[:h, :w]
    x = np.stack([i / h, j / w], axis=-1).astype(np.float32)
    inside = np.ones((h, w), np.uint8)
    if isinstance(t, (Pad, CropOrPad)):
        frame = (t.mode == "constant") * t.value
        x[..., 0] += 1 - frame  # so that no pixel has the frame's value
        _, kept = t(x, inside)
        y, moved = t(x, (i * w + j).astype(np.int32))
        np.testing.assert_array_equal(y[kept == 0], np.float32(frame))
        y[..., 0] -= 1 - frame
        y, moved = y[kept == 1], moved[kept == 1]
    else:
        y, moved = t(x, (i * w + j).astype(np.int32))
    scale = np.array([h, w]) / y.shape[:2]
    for axis, (size, told) in enumerate(((h, moved // w), (w, moved % w))):
        off = np.abs(y[..., axis] * size - told)
        if isinstance(t, Resize):
            pixel = max(1.0, scale[axis])
            assert off.max() <= pixel + 1e-5  # at the border the average is of one side only
            assert off[2:-2, 2:-2].max(initial=0) <= pixel / 2 + 1e-5
        else:
            assert off.max() <= 1e-5


@quick
@given(
    st.integers(3, 9), st.integers(3, 9), st.integers(1, 20), st.integers(1, 20), modes, st.data()
)
def test_an_image_made_from_a_mask_moves_as_the_mask_does(
    h: int, w: int, new_h: int, new_w: int, mode: str, data: st.DataObject
) -> None:
    z = masks(1, h, w)[0]
    x = (z / np.float32(4))[..., None]
    size = (new_h, new_w)
    padding = data.draw(st.tuples(edges, edges))
    for t in (CropOrPad(size=size, mode=mode), Pad(padding=padding, mode=mode), Crop(size=(2, 3))):
        y, moved = t(x, z)
        np.testing.assert_array_equal(y[..., 0] * 4, moved)
    times = Resize(size=(3 * h, 3 * w))  # the middle of each 3x3 is the old pixel itself
    y, moved = times(x, z)
    np.testing.assert_allclose(y[1::3, 1::3, 0] * 4, z, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(moved, z.repeat(3, axis=0).repeat(3, axis=1))
    wide = Resize(size=(new_h, new_w))
    for k in range(4):  # each class by itself: the nearest pixel makes no new ones
        np.testing.assert_array_equal(wide(x, z == k)[1], wide(x, z)[1] == k)


@quick
@given(st.tuples(edges, edges), modes, st.integers(1, 9), st.integers(1, 9))
def test_a_crop_undoes_a_pad(
    padding: tuple[tuple[int, int], tuple[int, int]], mode: str, h: int, w: int
) -> None:
    x, z = images(2, h, w), masks(2, h, w)
    there = Pad(padding=padding, mode=mode, value=0.5)(x, z)
    (top, bottom), (left, right) = padding
    assert there[0].shape == (2, h + top + bottom, w + left + right, 3)
    y, moved = Crop(size=(h, w), at=(top, left))(*there)
    np.testing.assert_array_equal(y, x)
    np.testing.assert_array_equal(moved, z)


@quick
@given(sides, sides, st.integers(0, 7), st.integers(0, 7), modes)
def test_a_larger_size_and_the_old_one_again(
    h: int, w: int, more_h: int, more_w: int, mode: str
) -> None:
    x, z = images(2, h, w), masks(2, h, w)
    larger = CropOrPad(size=(h + more_h, w + more_w), mode=mode)(x, z)
    for back in (CropOrPad(size=(h, w), mode=mode), Crop(size=(h, w))):
        y, moved = back(*larger)
        np.testing.assert_array_equal(y, x)
        np.testing.assert_array_equal(moved, z)


@quick
@given(sides, sides, modes)
def test_nothing_to_do_changes_no_bit(h: int, w: int, mode: str) -> None:
    x, z = images(2, h, w), masks(2, h, w)
    still: list[Transform] = [
        Resize(size=(h, w)), Resize(size=(h, w), keep_aspect=True), Crop(size=(h, w)),
        Crop(size=(h, w), at=(0, 0)), Pad(padding=0, mode=mode, value=1),
        CropOrPad(size=(h, w), mode=mode, value=1),
    ]  # fmt: skip
    for t in still:
        y, moved = t(x, z)
        np.testing.assert_array_equal(y, x)
        np.testing.assert_array_equal(moved, z)


def test_where_a_crop_and_a_frame_are() -> None:
    x = np.arange(12, dtype=np.float32).reshape(3, 4, 1) / 12
    assert (Crop(size=(1, 2))(x) * 12).ravel().tolist() == pytest.approx([5, 6])
    assert (Crop(size=2, at=(1, 2))(x) * 12).ravel().tolist() == pytest.approx([6, 7, 10, 11])
    # Of an odd rest, the larger part is below and on the right.
    assert (Crop(size=(2, 1))(x) * 12).ravel().tolist() == pytest.approx([1, 5])
    y, moved = CropOrPad(size=(2, 5), value=0.5)(x, np.full((3, 4), 7))
    np.testing.assert_allclose(y[..., 0] * 12, [[0, 1, 2, 3, 6], [4, 5, 6, 7, 6]], rtol=1e-6)
    assert moved.tolist() == [[7, 7, 7, 7, 0]] * 2
    y, moved = Pad(padding=(0, 1), mode="edge")(x, np.arange(12).reshape(3, 4))
    assert moved.tolist()[1] == [4, 4, 5, 6, 7, 7]
    np.testing.assert_allclose(y[..., 0] * 12, moved, rtol=1e-6)
    assert Pad(padding=((1, 0), (0, 2)))(x).shape == (4, 6, 1)
    assert Pad(padding=(1, 2)) == Pad(padding=((1, 1), (2, 2)))


@pytest.mark.parametrize(
    ("given_", "size", "needed"),
    [
        ((20, 10), (8, 8), (8, 4)),
        ((10, 20), (8, 8), (4, 8)),
        ((10, 20), (30, 40), (20, 40)),
        ((3, 5), (8, 8), (5, 8)),  # 4.8 rounds to 5
        ((100, 1), (10, 10), (10, 1)),
        ((1, 100), (10, 10), (1, 10)),
        ((7, 5), (7, 9), (7, 5)),
    ],
)
def test_proportions_are_kept(
    given_: tuple[int, int], size: tuple[int, int], needed: tuple[int, int]
) -> None:
    y, moved = Resize(size=size, keep_aspect=True)(images(1, *given_), masks(1, *given_))
    assert y.shape[1:3] == moved.shape[1:] == needed


def test_the_frame_may_leave_the_unit_range() -> None:
    assert Pad(padding=1).unit_range
    assert not Pad(padding=1, value=-1).unit_range
    assert not CropOrPad(size=3, value=2).unit_range
    assert CropOrPad(size=3, value=2, mode="edge").unit_range
