"""What transforms require of images and masks."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from ..images import check_range

MOST_CHANNELS = 16  # more are rows or columns, of images without an axis for channels
LARGEST = float(np.finfo(np.float32).max)
LONGEST = 32768  # pixels of a side; more is a mistake, or a damaged model file


def check_images(images: Any) -> None:
    """Raise unless `images` is an image or a batch, float32 and finite."""
    shape = getattr(images, "shape", None)
    if not isinstance(images, np.ndarray) or images.ndim not in (3, 4) or 0 in images.shape[-3:]:
        given = type(images).__name__ if shape is None else shape
        raise DataError(
            f"images are {given}; needed is (H, W, C) or (N, H, W, C): to grey images without a "
            "channel axis add one, images[..., None]"
        )
    if images.shape[-1] > MOST_CHANNELS:
        raise DataError(
            f"images are {shape}, with {images.shape[-1]} channels in the last axis; at most "
            f"{MOST_CHANNELS} can be: to grey images without a channel axis add one, "
            "images[..., None]"
        )
    if images.dtype != np.float32:
        raise DataError(
            f"images are {images.dtype}; needed is float32 in [0, 1]: .astype('float32'), of "
            "integers also divide by their largest value"
        )
    if not images.size:
        return
    if not math.isfinite(images.min()) or not math.isfinite(images.max()):
        bad = int(np.count_nonzero(~np.isfinite(images)))
        raise DataError(
            f"images have {bad} NaN or infinite numbers; every pixel must be a finite number: "
            "replace or remove them first"
        )


def check_masks(masks: Any, images: NDArray[np.float32]) -> None:
    """Raise unless `masks` are class numbers, one for each pixel of these images."""
    needed = images.shape[:-1]
    if not isinstance(masks, np.ndarray) or masks.shape != needed:
        given = getattr(masks, "shape", type(masks).__name__)
        raise DataError(f"masks are {given}, images {images.shape}; needed is {needed}")
    if masks.dtype.kind not in "iub":
        raise DataError(
            f"masks are {masks.dtype}; needed are class numbers, integers or bool: .astype('uint8')"
        )


def check_unit_range(transform: str, image: NDArray[np.float32]) -> None:
    """Raise unless all pixels are in [0, 1]."""
    if image.min() < 0 or image.max() > 1:
        check_range(image, f"{transform}: an image")


def check_pair(name: str, value: Any, example: str, *, least: int) -> tuple[int, int]:
    """Return a whole number as a pair of itself, and a pair of them as a tuple."""
    try:
        first, second = value if isinstance(value, tuple | list) else (value, value)
        pair = operator.index(first), operator.index(second)
    except (TypeError, ValueError):
        pair = (-1, -1)
    if isinstance(value, bool) or not all(least <= number <= LONGEST for number in pair):
        raise DataError(
            f"{name} must be a whole number from {least} to {LONGEST}, or two, got {value!r:.60}: "
            f"use {example}"
        )
    return pair


def check_finite(name: str, value: Any, example: str) -> float:
    """Return a number as a float."""
    is_number = isinstance(value, (int, float, np.integer, np.floating))
    if not is_number or isinstance(value, bool) or not abs(value) <= LARGEST:
        raise DataError(f"{name} must be a finite number, got {value!r:.60}: use {example}")
    return float(value)


def check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    """Raise unless `value` is one of the choices."""
    if not isinstance(value, str) or value not in choices:
        known = ", ".join(map(repr, choices))
        raise DataError(f"{name} must be one of {known}, got {value!r:.60}")


def check_bool(name: str, value: Any) -> None:
    """Raise unless `value` is True or False."""
    if not isinstance(value, bool):
        raise DataError(f"{name} must be True or False, got {value!r:.60}")
