"""Every channel with mean 0 and standard deviation 1."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from .base import Images, Transform
from .checks import check_bool, check_choice, check_finite
from .images import ImageSource, each_image
from .moments import Moments, joined, moments_of

WHERE = ("all", "nonzero")


@dataclass(frozen=True, kw_only=True, repr=False)
class ZScore(Transform):
    r"""Subtract each channel's mean, and divide by its standard deviation.

    .. math:: y_{ijc} = (x_{ijc} - \mu_c) / \sigma_c, \qquad
              \sigma_c^2 = \frac{1}{n} \sum (x_{ijc} - \mu_c)^2

    Images leave [0, 1], so that this is best the last step.

    Parameters
    ----------
    per_image : bool
        False: one mean and deviation for all images, from `fit` on the training part. True: each
        image's own, where the scale of grey values means nothing, as in MRI.
    where : "all" or "nonzero"
        "nonzero" is about the pixels that are not 0 in every channel: mean and deviation are
        theirs, and the others stay 0. For MRI, where the air around the head would outweigh it;
        best where the file has it at 0, before a step that cuts off or blurs.
    mean, std : sequences of one float a channel, or None
        What `fit` finds; or give them, such as those that a pretrained model was made with.

    Raises
    ------
    DataError
        If an argument is none of these; when called, if it is not fitted, or the image has another
        number of channels.

    Notes
    -----
    A channel that varies by no more than the rounding of float32 becomes 0 throughout. Means and
    deviations are in float64, pixel by pixel subtracted from their mean, and joined image by image:
    they depend on the images and their order, not on how they come in batches. The z-score is the
    standard score of statistics; MRI's variant by the tissue alone is reviewed as "Z-score" in
    J. C. Reinhold et al. (2019), "Evaluating the impact of intensity normalization on MR image
    synthesis", Proc. SPIE 10949, 109493H.
    """

    per_image: bool = False
    where: str = "all"
    mean: Sequence[float] | None = None
    std: Sequence[float] | None = None

    def __post_init__(self) -> None:
        check_bool("ZScore: per_image", self.per_image)
        check_choice("ZScore: where", self.where, WHERE)
        if self.mean is None and self.std is None:
            return
        if self.per_image:
            raise DataError(
                "ZScore: per_image takes its numbers from each image; leave out mean, std"
            )
        mean, std = _numbers("mean", self.mean), _numbers("std", self.std)
        if len(mean) != len(std):
            raise DataError(f"ZScore: {len(mean)} means and {len(std)} std; give one a channel")
        if min(std) < 0:
            raise DataError(f"ZScore: a std is {min(std)}; it must not be below 0")
        self._set(mean=mean, std=std)

    @property
    def unit_range(self) -> bool:
        """False: images leave [0, 1]."""
        return False

    @property
    def is_fitted(self) -> bool:
        """Whether mean and deviation are known, or are each image's own."""
        return self.per_image or self.mean is not None

    def fit(self, images: ImageSource) -> ZScore:
        """Return a copy with mean and deviation of all the pixels; see `Transform.fit`.

        Raises
        ------
        DataError
            If there are no images, they differ in channels, or none has a pixel that counts.
        """
        if self.is_fitted:
            return self
        found = functools.reduce(_join, map(self._moments, each_image(images)), None)
        if found is None:
            what = "images" if self.where == "all" else "pixels that are not 0"
            raise DataError(f"ZScore: there are no {what} to fit to; at least one is needed")
        return replace(self, mean=tuple(found.mean.tolist()), std=tuple(found.std.tolist()))

    def apply_image(self, image: Images) -> Images:
        """Standardize one image."""
        mean, std = self._mean_and_std(image)
        if len(mean) != image.shape[2]:
            raise DataError(
                f"ZScore is fitted to {len(mean)} channels, and the image has {image.shape[2]}; "
                f"open the files with channels={len(mean)}, or fit anew"
            )
        scored: NDArray[np.float64] = image - mean
        scored /= np.where(std > 0, std, np.inf)
        if self.where == "nonzero":
            scored[~_inside(image)] = 0
        return scored.astype(np.float32)

    def _mean_and_std(self, image: Images) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if not self.per_image:
            return np.array(self.mean, np.float64), np.array(self.std, np.float64)
        own = self._moments(image)
        if own is None:
            return np.zeros(image.shape[2]), np.ones(image.shape[2])
        return own.mean, own.std

    def _moments(self, image: Images) -> Moments | None:
        """Return the moments of the pixels that count, or None if there are none."""
        pixels = image.reshape(-1, image.shape[2]) if self.where == "all" else image[_inside(image)]
        return moments_of(pixels) if len(pixels) else None


def _inside(image: Images) -> NDArray[np.bool_]:
    """Return which pixels are not 0 in every channel, (H, W)."""
    inside: NDArray[np.bool_] = (image != 0).any(axis=2)
    return inside


def _join(a: Moments | None, b: Moments | None) -> Moments | None:
    if a is None or b is None:
        return b if a is None else a
    if len(a.mean) != len(b.mean):
        raise DataError(
            f"ZScore: an image has {len(b.mean)} channels and those before it {len(a.mean)}; open "
            "the files with channels=1 or channels=3"
        )
    return joined(a, b)


def _numbers(name: str, values: Any) -> tuple[float, ...]:
    if not isinstance(values, tuple | list | np.ndarray) or not len(values):
        raise DataError(
            f"ZScore: {name} must be one number a channel, got {values!r:.60}: use "
            f"{name}=(0.5,) for grey images, and both mean and std"
        )
    return tuple(check_finite(f"ZScore: each {name}", value, "0.5") for value in values)
