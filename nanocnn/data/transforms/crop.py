"""A part of an image, a frame around it, or both, for a certain size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import DataError
from .base import Images, Masks, Transform
from .checks import check_choice, check_finite, check_pair

MODES = ("constant", "edge")
Sides = tuple[tuple[int, int], tuple[int, int]]  # top and bottom, left and right


@dataclass(frozen=True, kw_only=True, repr=False)
class Crop(Transform):
    """Cut out a rectangle, of the image and of its mask.

    Parameters
    ----------
    size : int or (H, W)                pixels; an int means a square
    at : (row, column) or None
        The upper left corner; None: the middle, and of an odd rest the larger part is cut off
        below and on the right.

    Raises
    ------
    DataError
        If `size` or `at` is out of range; when called, if the image is too small.
    """

    size: int | tuple[int, int]
    at: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        self._set(size=check_pair("Crop: size", self.size, "128 or (128, 96)", least=1))
        if self.at is not None:
            if not isinstance(self.at, tuple | list):
                raise DataError(f"Crop: at must be (row, column) or None, got {self.at!r:.60}")
            self._set(at=check_pair("Crop: at", self.at, "(0, 0)", least=0))

    def apply_image(self, image: Images) -> Images:
        """Cut a rectangle out of one image."""
        return self._cut(image)

    def apply_mask(self, mask: Masks) -> Masks:
        """Cut the same rectangle out of one mask."""
        return self._cut(mask)

    def _cut(self, pixels: Masks) -> Masks:
        height, width = check_pair("Crop: size", self.size, "128", least=1)
        down, across = pixels.shape[0] - height, pixels.shape[1] - width
        row, column = self.at or (down // 2, across // 2)
        if min(down, across) < 0 or row > down or column > across:
            where = f" at {self.at}" if self.at else ""
            raise DataError(
                f"Crop: {height}x{width} pixels{where} do not fit into an image of "
                f"{pixels.shape[0]}x{pixels.shape[1]}; use CropOrPad, or a smaller size"
            )
        return pixels[row : row + height, column : column + width]


@dataclass(frozen=True, kw_only=True, repr=False)
class Pad(Transform):
    """Put a frame around an image, and around its mask.

    Parameters
    ----------
    padding : int, (rows, columns) or ((top, bottom), (left, right))      pixels on each side
    mode : "constant" or "edge"
        A frame of `value`, and of the background's 0 in masks; or the outermost rows and columns
        once more, in both.
    value : float

    Raises
    ------
    DataError
        If an argument is none of these.
    """

    padding: int | tuple[int, int] | Sides
    mode: str = "constant"
    value: float = 0.0

    def __post_init__(self) -> None:
        self._set(padding=_sides(self.padding), value=_check_fill("Pad", self.mode, self.value))

    @property
    def unit_range(self) -> bool:
        """Whether images in [0, 1] stay in [0, 1]: unless `value` is outside."""
        return self.mode == "edge" or 0 <= self.value <= 1

    def apply_image(self, image: Images) -> Images:
        """Frame one image."""
        return _pad(image, _sides(self.padding), self.mode, self.value)

    def apply_mask(self, mask: Masks) -> Masks:
        """Frame one mask."""
        return _pad(mask, _sides(self.padding), self.mode, 0)


@dataclass(frozen=True, kw_only=True, repr=False)
class CropOrPad(Transform):
    """Give images a size without resizing: the middle of what is larger, a frame for the smaller.

    Parameters
    ----------
    size : int or (H, W)                pixels; an int means a square
    mode, value                         see `Pad`

    Raises
    ------
    DataError
        If an argument is none of these.

    Notes
    -----
    Of an odd rest the larger part goes below and on the right, both in cutting off and in framing:
    a larger size and then the old one again change nothing.
    """

    size: int | tuple[int, int]
    mode: str = "constant"
    value: float = 0.0

    def __post_init__(self) -> None:
        value = _check_fill("CropOrPad", self.mode, self.value)
        size = check_pair("CropOrPad: size", self.size, "128 or (128, 96)", least=1)
        self._set(size=size, value=value)

    @property
    def unit_range(self) -> bool:
        """Whether images in [0, 1] stay in [0, 1]: unless `value` is outside."""
        return self.mode == "edge" or 0 <= self.value <= 1

    def apply_image(self, image: Images) -> Images:
        """Cut off from one image, or frame it."""
        return self._fit(image, self.value)

    def apply_mask(self, mask: Masks) -> Masks:
        """Cut off from one mask, or frame it."""
        return self._fit(mask, 0)

    def _fit(self, pixels: Masks, value: float) -> Masks:
        height, width = check_pair("CropOrPad: size", self.size, "128", least=1)
        inner = (min(pixels.shape[0], height), min(pixels.shape[1], width))
        rows, columns = height - inner[0], width - inner[1]
        sides = ((rows // 2, rows - rows // 2), (columns // 2, columns - columns // 2))
        return _pad(Crop(size=inner).apply_image(pixels), sides, self.mode, value)


def _check_fill(transform: str, mode: Any, value: Any) -> float:
    check_choice(f"{transform}: mode", mode, MODES)
    return check_finite(f"{transform}: value", value, "0 for black")


def _sides(padding: Any) -> Sides:
    """Return padding as ((top, bottom), (left, right))."""
    name, example = "Pad: padding", "2, (2, 3) or ((2, 2), (3, 3))"
    if isinstance(padding, tuple | list) and any(isinstance(p, tuple | list) for p in padding):
        if len(padding) != 2:
            raise DataError(f"{name} must be one or two numbers, or two pairs: use {example}")
        rows, columns = padding
        return check_pair(name, rows, example, least=0), check_pair(name, columns, example, least=0)
    up, across = check_pair(name, padding, example, least=0)
    return (up, up), (across, across)


def _pad(pixels: Masks, sides: Sides, mode: str, value: float) -> Masks:
    if not any(map(any, sides)):
        return pixels
    widths = (*sides, (0, 0))[: pixels.ndim]
    if mode == "edge":
        return np.pad(pixels, widths, mode="edge")
    return np.pad(pixels, widths, constant_values=value)
