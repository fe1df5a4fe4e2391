"""Less noise, at the price of some detail: four methods under one name."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..._backend import rung
from ..augmentation.checks import check_number
from ..errors import DataError
from ..extras import require
from .base import Images, Transform
from .checks import check_choice

# The largest strength of each method, and an example.
LIMITS = {
    "gaussian": (16.0, "1 for a standard deviation of 1 pixel"),
    "median": (16.0, "1 for windows of 3x3 pixels"),
    "nlm": (1.0, "0.05 for noise of that standard deviation"),
    "tv": (10.0, "0.1"),
}
NOTHING = 1e-6  # a weaker method changes nothing that float32 shows, but divides by its square
TV_STOP = 1e-5  # with the usual 2e-4, weight 0.1 stopped 7 % above the minimum; with this, 0.2 %
PATCH, REACH = 5, 6  # pixels: side of the patches, and how far off they are looked for


@dataclass(frozen=True, kw_only=True, repr=False)
class Denoise(Transform):
    r"""Take noise away. Strength 0 changes no bit, and no value leaves the image's own range.

    Parameters
    ----------
    method : "gaussian", "median", "nlm" or "tv"
        - "gaussian": convolution with a bell, cut off at three standard deviations. `strength` is
          its standard deviation in pixels, up to 16. Edges blur.
        - "median": the median of a square window. `strength` is its radius, a whole number of
          pixels up to 16. For single wrong pixels; thin vessels go with them.
        - "nlm", non-local means: the mean of pixels whose surroundings look alike. `strength` is
          the standard deviation :math:`\sigma` of the noise, up to 1, in the image's values.
          Keeps texture.
        - "tv", total variation: nearly the image :math:`u` that minimizes
          :math:`\sum |\nabla u| + \frac{1}{2 w} \sum (u - x)^2`. `strength` is the weight
          :math:`w`, up to 10. Keeps edges, and makes what is between them even.

        For 128x128 pixels the last two take about 20 ms, the others 1 to 2.
    strength : float

    All but "gaussian" need the extra `medical`: they are scikit-image's ``median``,
    ``denoise_nl_means`` (patches of 5x5 pixels, up to 6 pixels away,
    :math:`h = 0.6 \sigma`) and ``denoise_tv_chambolle``. Channels are denoised each by itself; in
    "nlm", patches are compared in all channels together.

    Raises
    ------
    DataError
        If an argument is none of these; when called, without scikit-image.

    Notes
    -----
    A. Buades, B. Coll, J.-M. Morel (2005), "A non-local algorithm for image denoising", CVPR.
    A. Chambolle (2004), "An algorithm for total variation minimization and applications", Journal
    of Mathematical Imaging and Vision 20, 89-97.
    """

    method: str
    strength: float

    def __post_init__(self) -> None:
        check_choice("Denoise: method", self.method, tuple(LIMITS))
        most, example = LIMITS[self.method]
        check_number(
            f"Denoise: strength of {self.method!r}", self.strength, 0, most, example, below=False
        )
        if self.method == "median" and self.strength != int(self.strength):
            raise DataError(
                f"Denoise: strength of 'median' must be a whole number of pixels, got "
                f"{self.strength!r}: use {example}"
            )
        self._set(strength=float(self.strength))

    def apply_image(self, image: Images) -> Images:
        """Denoise one image."""
        if self.strength < NOTHING:
            return image
        methods = {"gaussian": _gaussian, "median": _median, "nlm": _nlm, "tv": _tv}
        denoised = methods[self.method](image, self.strength)
        # Weights in float32 may sum to a little more than 1.
        inside: Images = np.clip(denoised, image.min(), image.max())
        return inside


def _gaussian(image: Images, sigma: float) -> Images:
    images = np.ascontiguousarray(image)[None]
    blurred: Images = rung().blur_images(images, np.array([sigma]))[0]
    return blurred


def _median(image: Images, radius: float) -> Images:
    filters = require("skimage.filters", "Denoise by 'median'")
    window = np.ones(2 * (2 * int(radius) + 1,))
    planes = [filters.median(image[:, :, c], window) for c in range(image.shape[2])]
    return np.stack(planes, axis=2)


def _nlm(image: Images, sigma: float) -> Images:
    restoration = require("skimage.restoration", "Denoise by 'nlm'")
    denoised: Images = restoration.denoise_nl_means(
        image,
        patch_size=PATCH,
        patch_distance=REACH,
        h=0.6 * sigma,
        sigma=sigma,
        fast_mode=True,
        preserve_range=True,
        channel_axis=-1,
    )
    return denoised.reshape(image.shape)  # an axis of one channel is left out


def _tv(image: Images, weight: float) -> Images:
    restoration = require("skimage.restoration", "Denoise by 'tv'")
    denoised: Images = restoration.denoise_tv_chambolle(
        image, weight=weight, eps=TV_STOP, channel_axis=-1
    )
    return denoised
