"""Another number of pixels for the same picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..images import resize_pixels
from .base import Images, Masks, Transform
from .checks import check_bool, check_pair


@dataclass(frozen=True, kw_only=True, repr=False)
class Resize(Transform):
    r"""Resize images with antialiasing, and masks to the nearest pixel.

    Along each axis, from :math:`H` pixels to :math:`h`, with the scale :math:`s = H / h`:

    .. math:: y_i \propto \sum_k \Lambda\!\left(\frac{k + \frac12 - (i + \frac12) s}
              {\max(1, s)}\right) x_k, \qquad \Lambda(t) = \max(0, 1 - |t|),

    with weights that sum to 1: bilinear interpolation where pixels are added, and where they become
    fewer an average of all the pixels that a new one covers, so that no fine pattern turns into a
    coarse one. This is what ``nanocnn.data.open(..., size=)`` does. A mask's pixel :math:`i` is its
    pixel :math:`\lfloor (i + \frac12) s \rfloor`, so no new class numbers come about.

    Parameters
    ----------
    size : int or (H, W)        pixels; an int means a square
    keep_aspect : bool
        Keep the proportions, and so the shape of what is seen: the largest picture that fits into
        `size`. `CropOrPad` after it makes all images alike.

    Raises
    ------
    DataError
        If `size` is not one or two whole numbers from 1 to 32768.
    """

    size: int | tuple[int, int]
    keep_aspect: bool = False

    def __post_init__(self) -> None:
        check_bool("Resize: keep_aspect", self.keep_aspect)
        self._set(size=check_pair("Resize: size", self.size, "128 or (128, 96)", least=1))

    def apply_image(self, image: Images) -> Images:
        """Resize one image."""
        size = self._size_for(image.shape)
        return image if image.shape[:2] == size else resize_pixels(image, size)

    def apply_mask(self, mask: Masks) -> Masks:
        """Resize one mask."""
        rows, columns = map(nearest, mask.shape, self._size_for(mask.shape))
        return mask[rows[:, None], columns]

    def _size_for(self, shape: tuple[int, ...]) -> tuple[int, int]:
        height, width = check_pair("Resize: size", self.size, "128", least=1)
        if not self.keep_aspect:
            return height, width
        if height * shape[1] <= width * shape[0]:  # the height is what limits
            return height, _share(shape[1] * height, shape[0])
        return _share(shape[0] * width, shape[1]), width


def nearest(old: int, new: int) -> NDArray[np.int64]:
    """Return which of `old` pixels is the nearest to each of `new` ones; exactly, in integers."""
    return (2 * np.arange(new) + 1) * old // (2 * new)


def _share(whole: int, parts: int) -> int:
    """Return the rounded quotient, at least 1."""
    return max(1, (2 * whole + parts) // (2 * parts))
