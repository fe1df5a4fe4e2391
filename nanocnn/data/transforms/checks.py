"""What transforms require of images and masks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from ..images import check_range

MOST_CHANNELS = 16  # more are rows or columns, of images without an axis for channels


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
