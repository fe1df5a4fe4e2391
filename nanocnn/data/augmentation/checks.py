"""What the functions of this folder require of their arguments."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from ..images import check_range

LOOK = 16  # one row of so many is looked at, for numbers outside [0, 1]


def check_number(
    name: str,
    value: Any,
    least: float,
    most: float,
    example: str,
    *,
    above: bool = False,
    below: bool = True,
) -> None:
    """Raise unless `value` is a number from `least` to `most`, the two excluded or not."""
    is_number = isinstance(value, (int, float, np.integer, np.floating))
    fits = is_number and not isinstance(value, bool) and math.isfinite(value)
    if fits:
        fits = least < value if above else least <= value
        fits = fits and (value < most if below else value <= most)
    if not fits:
        start = f"above {least:g}" if above else f"from {least:g}"
        end = "" if math.isinf(most) else f" to {'below ' if below else ''}{most:g}"
        raise DataError(f"{name} must be a number {start}{end}, got {value!r}: use {example}")


def check_images(images: Any) -> None:
    """Raise unless `images` is a batch of float32 images; of their values some rows are looked at.

    All of them would take a tenth of the time of an augmentation. What happens is that whole images
    were not divided by 255, and that shows in any row.
    """
    if not isinstance(images, np.ndarray) or images.ndim != 4 or 0 in images.shape[1:]:
        given = getattr(images, "shape", type(images).__name__)
        raise DataError(
            f"images are {given}; needed is a batch, (N, H, W, C): of one image give image[None]"
        )
    if images.dtype != np.float32:
        raise DataError(
            f"images are {images.dtype}; needed is float32 in [0, 1]: .astype('float32'), of "
            "integers also divide by their largest value"
        )
    check_range(images[:, ::LOOK], "images")


def check_masks(masks: Any, images: NDArray[np.float32]) -> None:
    """Raise unless `masks` are class numbers for these images, or bool."""
    if not isinstance(masks, np.ndarray) or masks.shape != images.shape[:3]:
        given = getattr(masks, "shape", type(masks).__name__)
        raise DataError(f"masks are {given}, images {images.shape}; needed is {images.shape[:3]}")
    if masks.dtype not in (np.uint8, np.bool_):
        raise DataError(
            f"masks are {masks.dtype}; needed are class numbers in uint8, or bool: .astype('uint8')"
        )
