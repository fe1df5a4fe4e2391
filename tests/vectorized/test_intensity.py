"""Blur and adjustments in whole arrays against the loops."""

from __future__ import annotations

from hypothesis import given

from nanocnn import reference, vectorized

from .cases import check, quick
from .image_cases import Images, check_adjusted, images


@quick
@given(images)
def test_blur(case: Images) -> None:
    x, sigmas = case.images(), case.sigmas()
    check(vectorized.blur_images(x, sigmas), reference.blur_images(x, sigmas), 16)


@quick
@given(images)
def test_adjust(case: Images) -> None:
    x, rest = case.images(), case.adjustments()
    found, expected = (rung.adjust_images(x, *rest) for rung in (vectorized, reference))
    check_adjusted(found, expected, rest[3])
