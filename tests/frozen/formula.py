"""Numbers from a formula: the same bits on every machine, in every version of NumPy.

A seeded generator would do, but NumPy does not promise its stream for ever. Here element e of the
array called `label` is a hash of e and the label, in whole numbers, so nothing depends on how a
processor rounds. All numbers are odd multiples of scale / 4096, never 0: float32 holds them exactly
where the scale is a power of two, so float32 and float64 start from the same values, and the file
that stores them stays small.
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray


def hashes(key: int, size: int) -> NDArray[np.uint64]:
    """Return SplitMix64 of the counters 1 to `size` under a key, all modulo 2**64."""
    z = np.uint64(key) + np.arange(1, size + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def _upper_bits(label: str, size: int, bits: int) -> NDArray[np.int64]:
    key = zlib.crc32(label.encode()) << 32
    return (hashes(key, size) >> np.uint64(64 - bits)).astype(np.int64)


def numbers(label: str, shape: tuple[int, ...], scale: float = 1.0) -> NDArray[np.float64]:
    """Return evenly distributed numbers between -scale and scale."""
    steps = 2 * _upper_bits(label, int(np.prod(shape)), 12) - 4095
    return (steps * (scale / 4096)).reshape(shape)


def labels(label: str, shape: tuple[int, ...], classes: int) -> NDArray[np.int64]:
    """Return whole numbers from 0 to below `classes`."""
    return (_upper_bits(label, int(np.prod(shape)), 32) % classes).reshape(shape)
