"""Normal random numbers, one by one: each a function of a key and its place in the row.

A counter is hashed, as in `dropout.py`, and nothing is remembered: number e is the same whatever
was drawn before it, and on whichever thread. Numbers come in pairs (Box and Muller 1958). Let

    z = splitmix64(key + (p + 1) * 0x9E3779B97F4A7C15 mod 2^64)
    a = (floor(z / 2^40) + 1) / 2^24                    from the upper 24 bits, 0 < a <= 1
    b = floor(z / 2^16) mod 2^24 / 2^24                 from the next 24 bits, 0 <= b < 1

Then

    n[2p]   = sqrt(-2 ln a) cos(2 pi b)
    n[2p+1] = sqrt(-2 ln a) sin(2 pi b)                                                         (N1)

Why these are normal: the density of two independent standard normal numbers,
exp(-(u^2 + v^2)/2) / 2 pi, depends on the distance from 0 alone. So the angle is uniform, which b
makes it, and the distance r is beyond R with the probability

    integral from R on of r exp(-r^2/2) dr = exp(-R^2/2)

If a is uniform, sqrt(-2 ln a) > R just where a < exp(-R^2/2), which has that probability.

The grain: a takes 2^24 values, so no number is beyond sqrt(2 * 24 ln 2) = 5.77, where one of 10^8
would be, and the farthest few are coarse. It is enough to make images noisy; no more is meant.

References
----------
G. Box and M. Muller (1958), A note on the generation of random normal deviates, Annals of
Mathematical Statistics 29(2).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .dropout import GOLDEN, MODULUS, _splitmix64

Array = NDArray[Any]


def normal_numbers(key: int, size: int) -> Array:
    """Return standard normal numbers, a function of the key alone (N1).

    Parameters
    ----------
    key : int, 0 <= key < 2**64
    size : int

    Returns
    -------
    (size,) float32 array
    """
    numbers = np.zeros(size, np.float32)
    for e in range(size):
        z = _splitmix64((key + (e // 2 + 1) * GOLDEN) % MODULUS)
        a = ((z >> 40) + 1) / 2**24
        b = (z >> 16) % 2**24 / 2**24
        wave = math.sin if e % 2 else math.cos
        numbers[e] = math.sqrt(-2 * math.log(a)) * wave(2 * math.pi * b)  # (N1)
    return numbers
