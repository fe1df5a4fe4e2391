"""What a scanner adds to the anatomy: correlated noise, slow unevenness and the display window."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]
UNEVEN_MM = 12.0


@lru_cache(maxsize=16)
def _amplitudes(size: int, pixel_mm: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the noise's and the unevenness's amplitude at each frequency of `irfft2`.

    The power spectrum of CT noise rises as |f| (the ramp filter's f squared over the f of
    back-projection) until the reconstruction kernel and the pixel damp it.
    """
    rows = np.fft.fftfreq(size, pixel_mm)[:, None]
    columns = np.fft.rfftfreq(size, pixel_mm)[None, :]
    f = np.hypot(rows, columns)
    noise = np.sqrt(f) * np.exp(-0.5 * (f * pixel_mm / 0.3) ** 2)
    uneven = np.exp(-2.0 * (np.pi * UNEVEN_MM * f) ** 2) * (f > 0)
    # Each column but the first and last stands for its mirror image too. Parseval: deviation 1.
    twice = np.full(columns.shape, 2.0)
    twice[0, 0] = 1.0
    twice[0, -1] = 1.0 if size % 2 == 0 else 2.0
    noise, uneven = (a * size**2 / np.sqrt(2.0 * np.sum(twice * a**2)) for a in (noise, uneven))
    return noise, uneven


def ct_noise(
    rng: np.random.Generator, size: int, pixel_mm: float, noise: float, uneven: float
) -> Image:
    """Return a random field with the spectrum of CT noise, plus one that varies over centimetres.

    Parameters
    ----------
    rng : numpy Generator
    size : int        pixels a side
    pixel_mm : float
    noise, uneven : float        standard deviation of each, in HU

    Returns
    -------
    field : (size, size) float32 array, in HU, mean 0
    """
    fine, slow = _amplitudes(size, pixel_mm)
    white = rng.standard_normal((2, *fine.shape))
    spectrum = (white[0] + 1j * white[1]) * (noise * fine + uneven * slow)
    return np.fft.irfft2(spectrum, s=(size, size)).astype(np.float32)


def hounsfield_window(hu: Image, centre: float, width: float) -> Image:
    """Map HU to [0, 1]: `centre - width/2` and below is 0, `centre + width/2` and above is 1."""
    low = np.float32(centre - 0.5 * width)
    shown: Image = np.clip((hu - low) / np.float32(width), 0.0, 1.0)
    return shown
