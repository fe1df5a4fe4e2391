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


@lru_cache(maxsize=16)
def _gaussian_spectrum(size: int, sigma: float) -> Image:
    """Return the transfer function of a Gaussian blur of `sigma` pixels, for `irfft2`."""
    rows = np.fft.fftfreq(size)[:, None]
    columns = np.fft.rfftfreq(size)[None, :]
    transfer = np.exp(-2.0 * (np.pi * sigma) ** 2 * (rows**2 + columns**2))
    return transfer.astype(np.float32)


def blur(image: Image, sigma: float) -> Image:
    """Blur the first two axes of an image by a Gaussian of `sigma` pixels, as if it were periodic.

    Parameters
    ----------
    image : (size, size) or (size, size, C) float32 array
    sigma : float

    Returns
    -------
    blurred : float32 array of the same shape
    """
    transfer = _gaussian_spectrum(image.shape[0], sigma)
    if image.ndim == 3:
        transfer = transfer[:, :, None]
    spectrum = np.fft.rfft2(image, axes=(0, 1)) * transfer
    return np.fft.irfft2(spectrum, s=image.shape[:2], axes=(0, 1)).astype(np.float32)


def smooth_field(rng: np.random.Generator, size: int, sigma: float) -> Image:
    """Return white noise blurred by `sigma` pixels: mean 0, deviation 1 over the field."""
    transfer = _gaussian_spectrum(size, sigma)
    # White noise has a white spectrum: it is drawn there, which saves a transform.
    real, imaginary = rng.standard_normal((2, *transfer.shape), np.float32)
    spectrum = (real + np.complex64(1j) * imaginary) * transfer
    field = np.fft.irfft2(spectrum, s=(size, size)).astype(np.float32)
    field -= field.mean()
    field /= field.std()
    return field


def rician_noise(signal: Image, sigma: float, rng: np.random.Generator) -> Image:
    r"""Return what a scanner shows of `signal`: the length of a complex number with noise in both
    parts, which raises the mean where there is little signal.

    .. math:: |S + \sigma (n_1 + i\, n_2)|, \qquad n_1, n_2 \sim N(0, 1)
    """
    noise = rng.standard_normal((2, *signal.shape), np.float32) * np.float32(sigma)
    shown: Image = np.hypot(signal + noise[0], noise[1])
    return shown


def bias_field(rng: np.random.Generator, grid_x: Image, grid_y: Image, strength: float) -> Image:
    """Return the slow unevenness of the coils' sensitivity, about 1.

    Parameters
    ----------
    rng : numpy Generator
    grid_x, grid_y : arrays that broadcast to the image        from -1 to 1
    strength : float        the logarithm runs from about -strength to strength

    Returns
    -------
    bias : float32 array, above 0
    """
    a = rng.uniform(-1.0, 1.0, 5)
    a *= strength / np.abs(a).sum()
    a = a.astype(np.float32)
    x, y = grid_x, grid_y
    log = a[0] * x + a[1] * y + a[2] * x * y + a[3] * (x * x - 0.4) + a[4] * (y * y - 0.4)
    bias: Image = np.exp(log)
    return bias
