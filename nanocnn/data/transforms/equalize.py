"""More contrast where there are many pixels: histogram equalization, of all or of parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..augmentation.checks import check_number
from ..errors import DataError
from ..extras import require
from ..images import LUMA
from .base import Images, Masks, Transform
from .checks import check_unit_range

BINS = 256
CONSTANT = 2 / 65535  # scikit-image has 16 bits: a smaller range may be none to it


@dataclass(frozen=True, kw_only=True, repr=False)
class EqualizeHistogram(Transform):
    r"""Spread grey values so that all are about equally frequent.

    .. math:: y = F(x) = \frac{1}{n} \#\{\text{pixels} \le x\}

    with :math:`F` between 256 steps interpolated (scikit-image's ``equalize_hist``). Each image
    becomes its own scale, so this is not for values with a meaning, such as Hounsfield units.

    Of three channels, red, green and blue, the luminance :math:`Y = 0.299 R + 0.587 G + 0.114 B` is
    equalized, and what it gains is added to all three, so that the colour differences stay (and cut
    off at 0 and 1). With another number, each channel is equalized by itself. Needs the extra
    `medical`. A constant image stays as it is.

    Raises
    ------
    DataError
        When called, for pixels outside [0, 1], or without scikit-image.

    Notes
    -----
    R. C. Gonzalez, R. E. Woods, Digital Image Processing, section 3.3.
    """

    def apply_image(self, image: Images) -> Images:
        """Equalize one image."""
        check_unit_range("EqualizeHistogram", image)
        exposure = require("skimage.exposure", "EqualizeHistogram")
        return by_luminance(lambda plane: exposure.equalize_hist(plane, nbins=BINS), image)


@dataclass(frozen=True, kw_only=True, repr=False)
class CLAHE(Transform):
    r"""Equalize the histogram of each neighbourhood, with a limit: CLAHE.

    The image is laid out in tiles. In each, bins of the histogram :math:`h` that hold more than a
    share :math:`\lambda` of its :math:`n` pixels are cut off there, and what was cut off goes to
    all bins alike, to give :math:`h'`. A pixel's value is

    .. math:: y = \sum_{t=1}^{4} w_t\, F_t(x), \qquad
              F_t(x) = \frac{1}{n} \sum_{u \le x} h'_t(u),

    with the bilinear weights :math:`w_t` of the four tiles whose middles are nearest, and spread
    over [0, 1]. The limit on a bin is one on the slope of :math:`F`, so that noise in even regions
    is not blown up. This is scikit-image's ``equalize_adapthist``; of three channels the luminance
    is changed, as in `EqualizeHistogram`: the usual step for fundus photographs. Needs the extra
    `medical`. A constant image stays as it is.

    Parameters
    ----------
    clip : float above 0, up to 1
        :math:`\lambda`. 256 bins in all: 1/256 leaves next to no change of contrast, 1 is no limit.
    tiles : int                          how many along each side

    Raises
    ------
    DataError
        If an argument is out of range; when called, for pixels outside [0, 1], or without
        scikit-image.

    Notes
    -----
    S. M. Pizer et al. (1987), "Adaptive histogram equalization and its variations", Computer
    Vision, Graphics, and Image Processing 39, 355-368. K. Zuiderveld (1994), "Contrast limited
    adaptive histogram equalization", Graphics Gems IV, 474-485.
    """

    clip: float = 0.01
    tiles: int = 8

    def __post_init__(self) -> None:
        check_number("CLAHE: clip", self.clip, 0, 1, "0.01", above=True, below=False)
        tiles = self.tiles
        if (
            isinstance(tiles, bool)
            or not isinstance(tiles, int | np.integer)
            or not 1 <= tiles <= 64
        ):
            raise DataError(
                f"CLAHE: tiles must be a whole number from 1 to 64, got {tiles!r:.60}: use 8"
            )
        self._set(clip=float(self.clip), tiles=int(tiles))

    def apply_image(self, image: Images) -> Images:
        """Equalize one image."""
        check_unit_range("CLAHE", image)
        exposure = require("skimage.exposure", "CLAHE")
        tile = tuple(-(-side // self.tiles) for side in image.shape[:2])
        return by_luminance(
            lambda plane: exposure.equalize_adapthist(
                plane, kernel_size=tile, clip_limit=self.clip, nbins=BINS
            ),
            image,
        )


def by_luminance(change: Callable[[Masks], Masks], image: Images) -> Images:
    """Change a grey image, the luminance of a coloured one, or each of other channels."""
    if image.shape[2] == 3:
        luminance = sum(np.float32(w) * image[:, :, c] for c, w in enumerate(LUMA))
        luminance = np.minimum(luminance, np.float32(1))  # the weights may sum to a little more
        gain = _unless_constant(change, luminance) - luminance
        coloured: Images = np.clip(image + gain[:, :, None], 0, 1)
        return coloured
    changed = np.empty_like(image)
    for c in range(image.shape[2]):
        changed[:, :, c] = _unless_constant(change, image[:, :, c])
    return changed


def _unless_constant(change: Callable[[Masks], Masks], plane: Images) -> Images:
    return change(plane) if plane.max() - plane.min() > CONSTANT else plane
