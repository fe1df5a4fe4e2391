"""Compiled blur and adjustments against the loops, and large images against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from vectorized.cases import check, quick
from vectorized.image_cases import Images, check_adjusted, images

from nanocnn import kernels, reference, vectorized
from tests.sizes import sized

from .cases import Source, untouched

pytestmark = pytest.mark.usefixtures("dirty_memory")
SHAPES = [(2, 40, 37, 3), (2, 3, 700, 1), (3, 33, 31, 5)]
SMALL = [(2, 9, 7, 3), (2, 2, 520, 1), (3, 6, 5, 5)]


@quick
@given(images)
def test_blur(case: Images) -> None:
    x, sigmas = case.images(), case.sigmas()
    with untouched(x, sigmas):
        y = kernels.blur_images(x, sigmas)
    check(y, reference.blur_images(x, sigmas), 16)


@quick
@given(images)
def test_adjust(case: Images) -> None:
    x, rest = case.images(), case.adjustments()
    with untouched(x, *rest):
        y = kernels.adjust_images(x, *rest)
    check_adjusted(y, reference.adjust_images(x, *rest), rest[3])


@pytest.mark.parametrize("shape", sized(SHAPES, SMALL))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_many_pixels_against_numpy(shape: tuple[int, int, int, int], dtype: type) -> None:
    case = Images(shape, Source(8, dtype, "C"))
    x, n = case.images(), shape[0]
    blurred = kernels.blur_images(x, np.linspace(0, 3, n))
    check(blurred, vectorized.blur_images(x, np.linspace(0, 3, n)), 16)
    rest = (
        *(np.linspace(*ends, n) for ends in ((0.8, 1.2), (-0.1, 0.1), (0.7, 1.4), (0.1, 0))),
        np.arange(n, dtype=np.uint64),
        np.tile([1, 3, -2, 3], (n, 1)),
    )
    found, expected = (rung.adjust_images(x, *rest) for rung in (kernels, vectorized))
    check_adjusted(found, expected, rest[3])


@quick
@given(images)
def test_an_image_is_the_same_to_the_bit_alone_and_among_others(case: Images) -> None:
    x, sigmas, rest = case.images(), case.sigmas(), case.adjustments()
    blurred, adjusted = kernels.blur_images(x, sigmas), kernels.adjust_images(x, *rest)
    for n in range(len(x)):
        one = slice(n, n + 1)
        np.testing.assert_array_equal(kernels.blur_images(x[one], sigmas[one])[0], blurred[n])
        alone = kernels.adjust_images(x[one], *(a[one] for a in rest))
        np.testing.assert_array_equal(alone[0], adjusted[n])
