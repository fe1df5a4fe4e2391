"""What all transforms have in common: they are values, and treat each image alike."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from dataclasses import FrozenInstanceError, dataclass
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from nanocnn.data import DataError
from nanocnn.data.transforms import Compose, Resize, Transform, ZScore, from_config

from .policies import images, masks, quick
from .preparing import EVERY_KIND, NAMES, anything, filters, scaling

sizes = st.tuples(st.integers(3, 11), st.integers(3, 11))
channels = st.sampled_from([1, 2, 3])


def test_every_exported_transform_is_among_those_that_are_tested() -> None:
    kinds = {type(t).__name__ for t in EVERY_KIND}
    assert kinds == set(NAMES) - {"Transform", "from_config"}


@quick
@given(anything)
def test_a_transform_is_a_value(t: Transform) -> None:
    for value in (t, t.fit(images(2))):
        assert eval(repr(value), NAMES) == value
        assert pickle.loads(pickle.dumps(value)) == value
        assert from_config(json.loads(json.dumps(value.to_config(), allow_nan=False))) == value
        assert hash(from_config(value.to_config())) == hash(value)


@pytest.mark.parametrize("t", EVERY_KIND, ids=repr)
def test_it_cannot_be_changed_and_differs_from_the_others(t: Transform) -> None:
    field = "steps" if isinstance(t, Compose) else next(iter(t.__dict__), "anything")
    with pytest.raises(FrozenInstanceError):
        setattr(t, field, None)
    assert [other for other in EVERY_KIND if other == t] == [t]


@quick
@given(anything, sizes, channels)
def test_types_are_kept_and_nothing_is_changed_in_place(
    t: Transform, size: tuple[int, int], c: int
) -> None:
    x, z = images(3, *size, c), masks(3, *size)
    before = x.copy(), z.copy()
    fitted = t.fit(x)
    y, moved = fitted(x, z)
    assert (y.dtype, y.ndim, y.shape[0], y.shape[3]) == (np.float32, 4, 3, c)
    assert np.isfinite(y).all()
    assert (moved.dtype, moved.shape) == (z.dtype, y.shape[:3])
    np.testing.assert_array_equal(x, before[0])
    np.testing.assert_array_equal(z, before[1])
    one, one_moved = fitted(x[0], z[0])
    for new, old in ((y, x), (one, x), (moved, z), (one_moved, z)):
        assert not np.shares_memory(new, old)
        assert new.flags.c_contiguous


@quick
@given(anything, sizes, channels)
def test_a_batch_is_changed_image_by_image(t: Transform, size: tuple[int, int], c: int) -> None:
    x, z = images(3, *size, c), masks(3, *size)
    fitted = t.fit(x)
    y, moved = fitted(x, z)
    np.testing.assert_array_equal(fitted(x), y)
    for i in range(3):
        one, one_moved = fitted(x[i], z[i])
        np.testing.assert_array_equal(one, y[i])
        np.testing.assert_array_equal(one_moved, moved[i])
        np.testing.assert_array_equal(fitted(x[i]), y[i])
    none, none_moved = fitted(x[:0], z[:0])
    assert none.shape == (0, *y.shape[1:])
    assert none_moved.shape == (0, *moved.shape[1:])


@quick
@given(anything, sizes, channels)
def test_the_layout_in_memory_does_not_matter(t: Transform, size: tuple[int, int], c: int) -> None:
    x, z = images(2, *size, c), masks(2, *size)
    fitted = t.fit(x)
    expected, moved = fitted(x, z)
    turned = np.asfortranarray(x), np.asfortranarray(z)
    wide = np.repeat(x, 2, axis=2)[:, :, ::2], np.repeat(z, 2, axis=1)[:, ::2]
    assert not wide[0].flags.c_contiguous
    wide[0].flags.writeable = False
    for images_, masks_ in (turned, wide):
        y, m = fitted(images_, masks_)
        np.testing.assert_array_equal(y, expected)
        np.testing.assert_array_equal(m, moved)
        assert t.fit(images_) == fitted


@quick
@given(anything, sizes, st.sampled_from([1, 3]))
def test_unit_range_says_whether_images_stay_in_it(
    t: Transform, size: tuple[int, int], c: int
) -> None:
    x = images(2, *size, c)
    x[0] = np.round(x[0])  # black and white
    y = t.fit(x)(x)
    if t.unit_range:
        assert y.min() >= 0
        assert y.max() <= 1
    else:
        assert isinstance(t, Compose) or y.min() < 0
        assert not Compose([Resize(size=2), t]).unit_range


@quick
@given(st.one_of(scaling, filters), sizes)
def test_what_changes_values_leaves_masks_alone(t: Transform, size: tuple[int, int]) -> None:
    x = images(2, *size)
    for dtype in (np.uint8, np.int64, np.bool_):
        z = masks(2, *size).astype(dtype)
        np.testing.assert_array_equal(t.fit(x)(x, z)[1], z)


@pytest.mark.parametrize("t", EVERY_KIND, ids=repr)
def test_the_smallest_image(t: Transform) -> None:
    """One pixel; where a part of 3x2 pixels is wanted, an error."""
    x, z = images(2, 1, 1), masks(2, 1, 1)
    if type(t).__name__ == "Crop":
        with pytest.raises(DataError, match="3x2 pixels do not fit into an image of 1x1"):
            t(x, z)
        return
    y, moved = t.fit(x)(x, z)
    assert np.isfinite(y).all()
    assert moved.shape == y.shape[:3]


@pytest.mark.parametrize("t", [t for t in EVERY_KIND if not isinstance(t, Compose)], ids=repr)
@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_a_constant_image(t: Transform, value: float) -> None:
    """Nothing is made up: each channel stays constant, but for a frame of another grey value."""
    x = np.full((2, 9, 7, 3), value, np.float32)
    y = t.fit(x)(x)
    assert np.isfinite(y).all()
    inner = y[:, 1:-2, :-3] if type(t).__name__ == "Pad" else y
    assert (np.ptp(inner, axis=(1, 2)) == 0).all()
    if type(t).__name__ not in ("MinMax", "ZScore", "IntensityWindow"):
        np.testing.assert_allclose(inner, value, rtol=0, atol=1e-6)


@dataclass(frozen=True, kw_only=True, repr=False)
class Negative(Transform):
    """One of the user's own."""

    top: float = 1.0

    def apply_image(self, image: Any) -> Any:
        return self.top - image.astype(np.float64)


def test_one_of_the_users_own() -> None:
    t, x, z = Negative(top=0.75), images(2), masks(2)
    y, moved = Compose([t, ZScore(per_image=True)])(x, z)
    np.testing.assert_allclose(y, ZScore(per_image=True)(-x), rtol=0, atol=1e-6)
    np.testing.assert_array_equal(moved, z)
    assert t(x).dtype == t(x[0]).dtype == np.float32
    assert repr(t) == "Negative(top=0.75)"
    chain = Compose([t, Resize(size=3)])
    known = {"Negative": Negative}
    assert from_config(chain.to_config(), custom_objects=known) == chain
    with pytest.raises(
        DataError, match=r"'Negative' is unknown; known are CLAHE, Compose, .*ZScore"
    ):
        from_config(chain.to_config())


def test_nothing_heavy_is_loaded_before_it_is_used() -> None:
    code = (
        "import sys, nanocnn as nc; T = nc.data.transforms\n"
        "T.Compose([T.CLAHE(), T.Denoise(method='tv', strength=0.1), T.ZScore()]).to_config()\n"
        "print({'matplotlib', 'numba', 'skimage', 'scipy', 'pydicom'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.stdout.strip() == "set()"
