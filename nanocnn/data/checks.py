"""What arrays of images, labels and masks must look like."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import DataError
from .images import FULL_RANGE, check_range


def check_images(images: NDArray[Any], name: str) -> None:
    """Raise unless `images` is (N, H, W) or (N, H, W, 1 or 3) of a type with a known range."""
    channels = images.shape[3] if images.ndim == 4 else 1
    if images.ndim not in (3, 4) or channels not in (1, 3) or 0 in images.shape[1:]:
        raise DataError(
            f"{name} has shape {images.shape}; needed is (N, H, W) or (N, H, W, C) with C = 1 or 3"
        )
    if images.dtype.kind == "f":
        check_range(images, name)
    elif images.dtype.name not in FULL_RANGE:
        raise DataError(
            f"{name} has the type {images.dtype}; needed is uint8, uint16, bool, or floats in "
            "[0, 1]: convert it first"
        )


def unlike(name: str, image: NDArray[Any], other_name: str, other: NDArray[Any]) -> DataError:
    """Return the error that two images differ in size or channels."""
    sizes = image.shape[:2] != other.shape[:2]
    return DataError(
        f"{name} is {_shape(image)} and {other_name} is {_shape(other)}; all images must be alike: "
        "open the data set with "
        + ("size=(height, width)" if sizes else "channels=1 or channels=3")
    )


def _shape(image: NDArray[Any]) -> str:
    h, w, c = image.shape
    return f"{h}x{w} with {c} channel{'s' if c > 1 else ''}"


def check_count(name: str, value: Any, least: int) -> int:
    """Return a whole number from `least`."""
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if isinstance(value, bool) or number < least:
        raise DataError(f"{name} must be a whole number from {least}, got {value!r}")
    return number


def check_labels(labels: ArrayLike, n: int, name: str) -> NDArray[np.int64]:
    """Return `labels` as (N,) int64."""
    values = np.asarray(labels)
    if values.shape not in ((n,), (n, 1)):
        raise DataError(
            f"{name} has shape {values.shape}; needed is one integer an image, ({n},) or ({n}, 1)"
        )
    if values.size and values.dtype.kind not in "iub":
        raise DataError(
            f"{name} has the type {values.dtype}; needed are integers: convert it first"
        )
    return values.reshape(n).astype(np.int64)


def check_label_range(labels: NDArray[np.int64], n_classes: int, name: str) -> None:
    """Raise unless all labels are in 0..K-1."""
    if labels.size and (labels.min() < 0 or labels.max() >= n_classes):
        raise DataError(
            f"{name} go from {labels.min()} to {labels.max()}; with {n_classes} classes they must "
            f"lie in 0..{n_classes - 1}: renumber the labels"
        )


def check_masks(masks: NDArray[Any], name: str) -> NDArray[np.uint8]:
    """Return (N, H, W) class numbers as uint8."""
    if masks.ndim != 3 or masks.dtype.kind not in "uib":
        raise DataError(
            f"{name} has shape {masks.shape} and type {masks.dtype}; needed are (N, H, W) integers"
        )
    if masks.size and (masks.min() < 0 or masks.max() > 255):
        raise DataError(
            f"{name} go from {masks.min()} to {masks.max()}; class numbers must lie in 0..255"
        )
    return masks.astype(np.uint8, copy=False)


def check_column(values: ArrayLike | None, n: int, name: str) -> NDArray[np.str_] | None:
    """Return one string an image, such as its part or its patient; None stays None."""
    if values is None:
        return None
    column = np.asarray(values, np.str_)
    if column.shape != (n,):
        raise DataError(f"{name} has shape {column.shape}; needed is one an image, ({n},)")
    return column
