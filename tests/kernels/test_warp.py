"""The compiled warp against the loops, its vector form, and what it must not read."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from vectorized.cases import check, quick
from vectorized.image_cases import Images, cells, images, spreads

from nanocnn import kernels, reference, vectorized
from nanocnn.kernels import blend
from nanocnn.kernels.jit import kernel
from tests.sizes import sized

from .cases import Source, untouched

pytestmark = pytest.mark.usefixtures("dirty_memory")


@quick
@given(images, spreads, cells, st.booleans())
def test_warp(case: Images, spread: float, at: tuple[int, int] | None, with_masks: bool) -> None:
    args = (
        case.images(),
        case.masks() if with_masks else None,
        case.matrices(spread),
        None if at is None else case.grids(at),
    )
    with untouched(*args):
        y, warped = kernels.warp_images(*args)
    expected, expected_masks = reference.warp_images(*args)
    check(y, expected, 4)
    if with_masks:
        np.testing.assert_array_equal(warped, expected_masks, strict=True)
    else:
        assert warped is expected_masks is None


@pytest.mark.parametrize("channels", [1, 3, 4, 7])
@pytest.mark.parametrize("elastic", [False, True])
def test_many_pixels_against_numpy(channels: int, elastic: bool) -> None:
    case = Images((5, sized(67, 13), sized(45, 11), channels), Source(3, np.float32, "C"))
    args = (case.images(), case.masks(), case.matrices(0.3), case.grids((4, 3)))
    args = args if elastic else (*args[:3], None)
    y, warped = kernels.warp_images(*args)
    expected, expected_masks = vectorized.warp_images(*args)
    check(y, expected, 4)
    np.testing.assert_array_equal(warped, expected_masks, strict=True)


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 6, 8])
def test_an_image_is_the_same_to_the_bit_as_the_last_one_and_before_others(channels: int) -> None:
    """The last image cannot be read four numbers at a time to its end; the others are."""
    case = Images((3, 9, 8, channels), Source(5, np.float32, "C"))
    x, M = case.images(), case.matrices(0.4)
    together, _ = kernels.warp_images(x, None, M, None)
    for n in range(3):
        alone, _ = kernels.warp_images(x[n : n + 1], None, M[n : n + 1], None)
        np.testing.assert_array_equal(alone[0], together[n])


@pytest.mark.parametrize("channels", [2, 3, 4, 5])
def test_what_lies_behind_the_images_is_not_looked_at(channels: int) -> None:
    """Even NaN there would not be multiplied away."""
    memory = np.full(6 * 7 * channels + 8, np.nan, np.float32)
    x = memory[: 6 * 7 * channels].reshape(1, 6, 7, channels)
    x[:] = np.random.default_rng(0).random(x.shape)
    for shift in (-9.0, 0.0, 0.5, 9.0):
        y, _ = kernels.warp_images(x, None, np.array([[[1, 0, shift], [0, 1, shift]]]), None)
        assert not np.isnan(y).any()


@quick
@given(
    st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 2, 3, 4]), st.floats(0, 1, width=32)
)
def test_a_plain_image_stays_plain_to_the_bit(h: int, w: int, c: int, value: float) -> None:
    case = Images((2, h, w, c), Source(1, np.float32, "C"))
    x = np.full((2, h, w, c), value, np.float32)
    y, _ = kernels.warp_images(x, None, case.matrices(0.7), case.grids((4, 4)))
    np.testing.assert_array_equal(y, x)


@quick
@given(images, spreads)
def test_no_new_extremes(case: Images, spread: float) -> None:
    """But for the rounding of b - a, in an image; never outside [0, 1]."""
    x = case.images()
    y, _ = kernels.warp_images(x, None, case.matrices(spread), None)
    assert ((y >= 0) & (y <= 1)).all()
    room = np.finfo(x.dtype).eps
    for before, after in zip(x, y, strict=True):
        assert before.min() - room <= after.min()
        assert after.max() <= before.max() + room


@pytest.mark.compiled
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_blend_and_its_twin(dtype: type) -> None:
    @kernel
    def compiled(x, p, down, right, f, e, y, o):  # type: ignore[no-untyped-def]
        blend.blend(x, p, down, right, f, e, y, o)

    x = np.random.default_rng(1).random(40).astype(dtype)
    actual, expected = np.full(9, 7, dtype), np.full(9, 7, dtype)
    for f, e in ((0, 0), (0.25, 0.75), (1, 0), (0.3, 0.9)):
        args = (x, 5, 20, 4, dtype(f), dtype(e))
        compiled(*args, actual, 3)
        blend._blend_twin(*args, expected, 3)
        np.testing.assert_allclose(actual, expected, rtol=4 * np.finfo(dtype).eps, atol=0)
        assert (actual == 7).tolist() == [True] * 3 + [False] * 4 + [True] * 2
