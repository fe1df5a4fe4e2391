"""Dropout by a counter hash: the mask is computed where it is needed and never stored."""

from __future__ import annotations

import numpy as np

from . import memory, threads
from .jit import U, kernel

BLOCK = 1 << 14  # elements of a work item
GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MIX1, MIX2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
S27, S30, S31, S40 = np.uint64(27), np.uint64(30), np.uint64(31), np.uint64(40)


@kernel
def _dropout(first, last, x, y, key, threshold, scale):
    """y = x * scale where the element's hash, 24 bits, reaches the threshold, else 0."""
    counter = key + np.uint64(first * BLOCK) * GOLDEN
    for e in range(first * BLOCK, min(last * BLOCK, x.size)):
        counter += GOLDEN  # GOLDEN times e + 1, without the product
        z = (counter ^ (counter >> S30)) * MIX1
        z = (z ^ (z >> S27)) * MIX2
        z = (z ^ (z >> S31)) >> S40
        scaled = x[U(e)] * scale  # of all: to load only what is kept takes a mask and longer
        y[U(e)] = scaled if np.int32(z) >= threshold else 0


def dropout_forward(x, rate, key):
    """(R1)."""
    y = memory.empty(x.shape, x.dtype)
    # hash * 2^-24 >= rate, in whole numbers; a rate is no multiple of 2^-24, hence the ceiling.
    threshold = np.int32(np.ceil(rate * (1 << 24)))
    args = (memory.flat(x), y.reshape(-1), np.uint64(key), threshold, x.dtype.type(1 / (1 - rate)))
    threads.run(_dropout, -(-x.size // BLOCK), args, 2 * x.nbytes / threads.BYTES_PER_SECOND)
    return y


def dropout_backward(dy, rate, key):
    """(R2): the same mask on dy."""
    return dropout_forward(dy, rate, key)
