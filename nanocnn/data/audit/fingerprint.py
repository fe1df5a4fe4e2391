r"""A small picture and 64 bits that stay nearly the same when an image is stored in another way.

The perceptual hash of pHash: C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash
Functions", Upper Austria University of Applied Sciences, Hagenberg, 2010, section 3.2.1. The grey
image is brought to 32 x 32 pixels t, and of its discrete cosine transform

.. math:: c_{uv} = \sum_{i,j} t_{ij} \cos\frac{\pi u (2i + 1)}{64} \cos\frac{\pi v (2j + 1)}{64}

the 64 coefficients with :math:`1 \le u, v \le 8` count; a bit says whether its coefficient lies
above their median. Brightness and contrast change nothing, since they change c_00 and a factor;
compressing, resizing and a little noise change few bits.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE, LOW = 32, 8
_COSINE = np.cos(np.pi * np.outer(np.arange(1, LOW + 1), 2 * np.arange(SIDE) + 1) / (2 * SIDE))


def digest(image: NDArray[Any]) -> bytes:
    """Return 16 bytes that two images share only if all their pixels are equal."""
    hashed = hashlib.blake2b(f"{image.dtype.str} {image.shape}".encode(), digest_size=16)
    hashed.update(np.ascontiguousarray(image).data)
    return hashed.digest()


def thumbnail(image: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the grey image in 32 x 32 pixels, averaged, stretched to 0..255.

    Parameters
    ----------
    image : (H, W, C) float32 array
    """
    grey = Image.fromarray(image.mean(axis=2))
    small = np.asarray(grey.resize((SIDE, SIDE), Image.Resampling.BILINEAR))
    low, high = float(small.min()), float(small.max())
    if high > low:
        small = (small - low) * (255 / (high - low))
    return np.round(small).astype(np.uint8)


def perceptual_hash(thumbnails: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return (N, 64) bits of (N, 32, 32) thumbnails."""
    c = (_COSINE @ thumbnails @ _COSINE.T).reshape(len(thumbnails), LOW * LOW)
    bits: NDArray[np.bool_] = c > np.median(c, axis=1, keepdims=True)
    return bits
