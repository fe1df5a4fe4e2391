"""How many numbers in a row are taken together where each channel has sums or constants of its own.

A loop over few channels would not fill vectors, and costs more than the work in it. So several
pixels are taken together, and what belongs to a channel stands once for each lane:

    channels 3       r g b r g b r g b r g b ...        lanes, a multiple of 3
"""

from __future__ import annotations

import math

LANES = 64  # at least so many where channels are fewer
VECTOR = 32  # numbers; lanes are a multiple of it where that takes few pixels


def lanes_of(channels, pixels):
    """Return how many numbers in a row are taken together: whole pixels, from shapes alone."""
    if channels >= LANES:
        return channels
    few = VECTOR // math.gcd(channels, VECTOR)  # as many pixels fill whole vectors
    few = few if few * channels <= 4 * LANES else 1
    together = few * -(-LANES // (few * channels))
    return channels * max(1, min(together, pixels))
