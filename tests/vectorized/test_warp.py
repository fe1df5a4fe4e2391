"""The warp in fancy indices against the loops."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
from hypothesis import given

from nanocnn import reference, vectorized

from .cases import check, quick
from .image_cases import Images, cells, images, spreads


@quick
@given(images, spreads, cells, st.booleans())
def test_warp(case: Images, spread: float, at: tuple[int, int] | None, with_masks: bool) -> None:
    args = (
        case.images(),
        case.masks() if with_masks else None,
        case.matrices(spread),
        None if at is None else case.grids(at),
    )
    y, warped = vectorized.warp_images(*args)
    expected, expected_masks = reference.warp_images(*args)
    check(y, expected, 4)
    if with_masks:
        np.testing.assert_array_equal(warped, expected_masks, strict=True)
    else:
        assert warped is expected_masks is None
