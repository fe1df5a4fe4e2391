"""The darkest value becomes one end of a range, and the brightest the other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..augmentation.checks import check_number
from ..errors import DataError
from ..windows import scale
from .base import Images, Transform
from .checks import check_bool, check_finite
from .images import ImageSource, each_image


@dataclass(frozen=True, kw_only=True, repr=False)
class MinMax(Transform):
    r"""Spread the values between the smallest and the largest one over a range.

    .. math:: y = a + (b - a) \min\!\left(1, \max\!\left(0, \frac{x - l}{h - l}\right)\right)

    All channels have the same :math:`l` and :math:`h`, so that colours stay. What lies outside, in
    images that were not fitted to, is cut off. Where :math:`l = h`, it is a step: :math:`a` up to
    there and :math:`b` above, so that a constant image becomes :math:`a`.

    Parameters
    ----------
    per_image : bool
        False: the smallest and largest values of all images, from `fit` on the training part.
        True: each image's own, where the scale of grey values means nothing, as in MRI.
    percentiles : (low, high) from 0 to 100
        For `per_image`: take these percentiles of the image's values instead of the smallest and
        the largest, such as (0.5, 99.5), so that a few bright vessels do not darken the rest.
    target : (a, b)
        The range, such as (-1, 1).
    low, high : float or None
        :math:`l` and :math:`h`: what `fit` finds; or give them.

    Raises
    ------
    DataError
        If an argument is none of these; when called, if it is not fitted.
    """

    per_image: bool = False
    percentiles: tuple[float, float] = (0.0, 100.0)
    target: tuple[float, float] = (0.0, 1.0)
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        check_bool("MinMax: per_image", self.per_image)
        percentiles = _range("percentiles", self.percentiles, 0, 100, "(0.5, 99.5)")
        self._set(
            percentiles=percentiles, target=_range("target", self.target, -1e6, 1e6, "(-1, 1)")
        )
        if percentiles != (0, 100) and not self.per_image:
            raise DataError(
                f"MinMax: percentiles={percentiles} are those of one image; add per_image=True"
            )
        if self.low is None and self.high is None:
            return
        if self.per_image:
            raise DataError(
                "MinMax: per_image takes its numbers from each image; leave out low, high"
            )
        low = check_finite("MinMax: low", self.low, "0, and give high as well")
        high = check_finite("MinMax: high", self.high, "1, and give low as well")
        if high < low:
            raise DataError(f"MinMax: high must not be below low, got {low} and {high}")
        self._set(low=low, high=high)

    @property
    def unit_range(self) -> bool:
        """Whether `target` is within [0, 1]."""
        return self.target[0] >= 0 and self.target[1] <= 1

    @property
    def is_fitted(self) -> bool:
        """Whether the smallest and largest values are known, or are each image's own."""
        return self.per_image or self.low is not None

    def fit(self, images: ImageSource) -> MinMax:
        """Return a copy with the smallest and the largest value; see `Transform.fit`.

        Raises
        ------
        DataError
            If there are no images.
        """
        if self.is_fitted:
            return self
        low, high = np.inf, -np.inf
        for image in each_image(images):
            low, high = min(low, float(image.min())), max(high, float(image.max()))
        if low > high:
            raise DataError("MinMax: there are no images to fit to; at least one is needed")
        return replace(self, low=low, high=high)

    def apply_image(self, image: Images) -> Images:
        """Spread the values of one image."""
        low, high = self.low, self.high
        if low is None or high is None:
            low, high = np.percentile(image.astype(np.float64), self.percentiles).tolist()
        unit, (a, b) = scale(image, low, high), self.target
        return (
            unit if (a, b) == (0, 1) else (a + (b - a) * unit.astype(np.float64)).astype(np.float32)
        )


def _range(name: str, value: Any, least: float, most: float, example: str) -> tuple[float, float]:
    """Return two numbers, the second above the first."""
    if not isinstance(value, tuple | list) or len(value) != 2:
        raise DataError(f"MinMax: {name} must be two numbers, got {value!r:.60}: use {example}")
    for number in value:
        check_number(f"MinMax: {name}", number, least, most, example, below=False)
    if not value[0] < value[1]:
        raise DataError(f"MinMax: {name} must rise, got {value!r}: use {example}")
    return float(value[0]), float(value[1])
