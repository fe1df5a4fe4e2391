r"""Normal random numbers by (N1), a block of pairs at a time.

The angle is taken in quarter turns: 4 b = q + t with whole q and |t| <= 1/2, which is exact, and
the sine and cosine of t pi/2 are the first terms of their series: what is left out is below 3e-8.
The angle 2 pi b = (q + t) pi/2 is a turn by t and then by q right angles: q odd exchanges the two,

    q    0      1      2      3      4
    cos  cos t  -sin t -cos t sin t  cos t
    sin  sin t  cos t  -sin t -cos t sin t
"""

from __future__ import annotations

import math

import numpy as np

from . import memory, threads
from .dropout import GOLDEN, MIX1, MIX2, S27, S30, S31, S40
from .exponential import ONE
from .jit import U, as_written, exact
from .logarithm import log
from .microkernel import multiply_add

PAIRS = 256  # of a work item; numbers of a block stay in the first-level cache
S16, LOW = np.uint64(16), np.int32((1 << 24) - 1)
ODD, MINUS = np.int32(1), np.int32(2)  # bits of a number of right angles
GRAIN, PER_QUARTER = np.float32(2.0**-24), np.float32(2.0**-22)
QUARTER, MINUS_2 = np.float32(math.pi / 2), np.float32(-2)
SIN3, SIN5, SIN7, SIN9 = (np.float32((-1) ** (n // 2) / math.factorial(n)) for n in (3, 5, 7, 9))
COS2, COS4, COS6, COS8 = (np.float32((-1) ** (n // 2) / math.factorial(n)) for n in (2, 4, 6, 8))


@exact
def sine_and_cosine(t):
    """Return both, for |t| <= pi/4."""
    t2 = t * t
    s = multiply_add(multiply_add(multiply_add(SIN9, t2, SIN7), t2, SIN5), t2, SIN3)
    c = multiply_add(multiply_add(multiply_add(COS8, t2, COS6), t2, COS4), t2, COS2)
    return multiply_add(t * t2, s, t), multiply_add(c, t2, ONE)


@as_written
def fill_normal(key, pair, count, radii, turns, out):
    """Write `count` pairs of numbers from the pair `pair` on into out[0 .. 2 count - 1].

    `radii` and `turns` are for work. In three loops, since in one each step waits for the last,
    and the processor, which looks some hundred instructions ahead, finds too little to do.
    """
    counter = key + np.uint64(pair) * GOLDEN
    for p in range(count):
        counter += GOLDEN  # GOLDEN times p + 1, without the product
        z = (counter ^ (counter >> S30)) * MIX1
        z = (z ^ (z >> S27)) * MIX2
        z = z ^ (z >> S31)
        radii[U(p)] = np.float32(np.int32(z >> S40))
        turns[U(p)] = np.float32(np.int32(z >> S16) & LOW)
    for p in range(count):
        radii[U(p)] = np.sqrt(MINUS_2 * log((radii[U(p)] + ONE) * GRAIN))
    for p in range(count):
        quarters = turns[U(p)] * PER_QUARTER
        whole = np.rint(quarters)
        s, c = sine_and_cosine((quarters - whole) * QUARTER)
        q = np.int32(whole)
        u, v = (s, c) if q & ODD else (c, s)
        out[U(2 * p)] = radii[U(p)] * (-u if (q + ODD) & MINUS else u)
        out[U(2 * p + 1)] = radii[U(p)] * (-v if q & MINUS else v)


@as_written
def _numbers(first, last, key, pairs, out):
    """Items are blocks of pairs."""
    radii, turns = np.empty(PAIRS, np.float32), np.empty(PAIRS, np.float32)
    for t in range(first, last):
        count = min(PAIRS, pairs - t * PAIRS)
        fill_normal(key, t * PAIRS, count, radii, turns, out[2 * t * PAIRS :])


def normal_numbers(key, size):
    """(N1)."""
    pairs = -(-size // 2)
    out = memory.empty((2 * pairs,), np.float32)
    args = (np.uint64(key), pairs, out)
    threads.run(_numbers, -(-pairs // PAIRS), args, 2 * out.nbytes / threads.BYTES_PER_SECOND)
    return out[:size]
