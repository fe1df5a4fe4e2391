r"""Mean and variance of any number of pixels, a set at a time.

Sums of squares minus squares of sums lose all digits where the mean is large beside the deviation.
So each set has its mean subtracted first, and sets are joined by

.. math:: m = m_A + \frac{n_B}{n} \delta, \qquad
          S = S_A + S_B + \frac{n_A n_B}{n} \delta^2, \qquad \delta = m_B - m_A,

with :math:`S` the sum of squared deviations and :math:`n = n_A + n_B`.

T. F. Chan, G. H. Golub, R. J. LeVeque (1983), "Algorithms for computing the sample variance:
analysis and recommendations", The American Statistician 37(3), 242-247.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

ROUNDING = float(np.finfo(np.float32).eps)


class Moments(NamedTuple):
    """What is known of C channels after `n` pixels, in float64."""

    n: int
    mean: NDArray[np.float64]  # (C,)
    squares: NDArray[np.float64]  # (C,), the sum of squared deviations from the mean

    @property
    def std(self) -> NDArray[np.float64]:
        """The population's standard deviation; 0 where it is no more than float32's rounding."""
        std = np.sqrt(self.squares / self.n)
        std[std <= ROUNDING * np.abs(self.mean)] = 0
        return std


def moments_of(pixels: NDArray[np.float32]) -> Moments:
    """Return the moments of (P, C) pixels, P > 0."""
    channels = np.ascontiguousarray(pixels.T, np.float64)  # a channel's sum goes by pairs, so
    mean = channels.mean(axis=1)
    channels -= mean[:, None]
    return Moments(len(pixels), mean, np.square(channels, out=channels).sum(axis=1))


def joined(a: Moments, b: Moments) -> Moments:
    """Return the moments of two sets of pixels together."""
    n, delta = a.n + b.n, b.mean - a.mean
    mean = a.mean + delta * (b.n / n)
    squares = a.squares + b.squares + delta**2 * (a.n * (b.n / n))
    return Moments(n, mean, squares)
