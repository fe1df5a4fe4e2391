"""An intensity window: a stretch of grey values is spread over all of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..augmentation.checks import check_number
from .base import Images, Transform
from .checks import check_unit_range


@dataclass(frozen=True, kw_only=True, repr=False)
class IntensityWindow(Transform):
    r"""Spread a window of grey values over [0, 1], and cut off what lies outside.

    .. math:: y = \min(1, \max(0, (x - l) / w)), \qquad l = c - w/2

    Parameters
    ----------
    center : float in [0, 1]            :math:`c`, in the image's grey values
    width : float above 0, up to 1      :math:`w`

    Raises
    ------
    DataError
        If a number is out of its range; when called, for pixels outside [0, 1].

    Notes
    -----
    Images here are in [0, 1]. A window in Hounsfield units is a matter of reading the files:
    ``nanocnn.data.open(path, window="lung")`` or ``window=(centre, width)``.
    """

    center: float = 0.5
    width: float = 1.0

    def __post_init__(self) -> None:
        check_number("IntensityWindow: center", self.center, 0, 1, "0.5", below=False)
        check_number(
            "IntensityWindow: width", self.width, 0, 1, "1 for all of it", above=True, below=False
        )
        self._set(center=float(self.center), width=float(self.width))

    def apply_image(self, image: Images) -> Images:
        """Stretch and cut off one image."""
        check_unit_range("IntensityWindow", image)
        low = np.float32(self.center - self.width / 2)
        changed: Images = np.clip((image - low) / np.float32(self.width), 0, 1)
        return changed
