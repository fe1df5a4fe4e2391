"""The four passes over memory of normalization; `norm.py` says what a lane is, and the tables.

Sums take several rows of lanes at a time: one row at a time, loading and storing the sums costs
more than reading x, and the pass took twice as long.
"""

from __future__ import annotations

import numpy as np

from .jit import U, kernel
from .microkernel import multiply_add
from .prefetch import prefetch_ahead

CENTRE, SCALE, OFFSET, SLOPE, LEVEL = range(5)  # rows of a table of constants


@kernel
def add_moments(x, begin, end, shift, one, two):
    """Add d and d^2 to each lane's sums, d = x - shift."""
    lanes = shift.size
    whole = begin + (end - begin) // (4 * lanes) * (4 * lanes)
    for start in range(begin, whole, 4 * lanes):
        prefetch_ahead(x, start, 4 * lanes)
        for lane in range(lanes):
            s, e = shift[U(lane)], start + lane
            a, b = np.float64(x[U(e)]) - s, np.float64(x[U(e + lanes)]) - s
            c, d = np.float64(x[U(e + 2 * lanes)]) - s, np.float64(x[U(e + 3 * lanes)]) - s
            one[U(lane)] += (a + b) + (c + d)
            two[U(lane)] += (a * a + b * b) + (c * c + d * d)
    for start in range(whole, end, lanes):
        for lane in range(min(lanes, end - start)):
            d = np.float64(x[U(start + lane)]) - shift[U(lane)]
            one[U(lane)] += d
            two[U(lane)] += d * d


@kernel
def normalize(x, begin, end, table, relu, y):
    """y = (x - centre) scale + offset, and relu."""
    lanes = table.shape[1]
    centre, scale, offset = table[CENTRE], table[SCALE], table[OFFSET]
    zero = x.dtype.type(0)
    for start in range(begin, end, lanes):
        prefetch_ahead(x, start, lanes)
        for lane in range(min(lanes, end - start)):
            v = multiply_add(x[U(start + lane)] - centre[U(lane)], scale[U(lane)], offset[U(lane)])
            y[U(start + lane)] = zero if relu and v < 0 else v


@kernel
def add_gradients(dy, x, begin, end, table, relu, one, two):
    """Add g and g (x - centre) to each lane's sums, where g is dy behind relu."""
    lanes = table.shape[1]
    centre, scale, offset = table[CENTRE], table[SCALE], table[OFFSET]
    zero = x.dtype.type(0)
    whole = begin + (end - begin) // (2 * lanes) * (2 * lanes)
    for start in range(begin, whole, 2 * lanes):
        prefetch_ahead(x, start, 2 * lanes)
        prefetch_ahead(dy, start, 2 * lanes)
        for lane in range(lanes):
            e, f = start + lane, start + lane + lanes
            a, b = x[U(e)] - centre[U(lane)], x[U(f)] - centre[U(lane)]
            g, h = dy[U(e)], dy[U(f)]
            if relu:
                g = zero if multiply_add(a, scale[U(lane)], offset[U(lane)]) <= 0 else g
                h = zero if multiply_add(b, scale[U(lane)], offset[U(lane)]) <= 0 else h
            one[U(lane)] += np.float64(g) + np.float64(h)
            two[U(lane)] += np.float64(g) * np.float64(a) + np.float64(h) * np.float64(b)
    for start in range(whole, end, lanes):
        for lane in range(min(lanes, end - start)):
            d, g = x[U(start + lane)] - centre[U(lane)], dy[U(start + lane)]
            v = multiply_add(d, scale[U(lane)], offset[U(lane)])
            g = zero if relu and v <= 0 else g
            one[U(lane)] += g
            two[U(lane)] += np.float64(g) * np.float64(d)


@kernel
def carry_back(dy, x, begin, end, table, relu, dx):
    """dx = scale g + slope (x - centre) + level, where g is dy behind relu."""
    lanes = table.shape[1]
    centre, scale, offset = table[CENTRE], table[SCALE], table[OFFSET]
    slope, level = table[SLOPE], table[LEVEL]
    zero = x.dtype.type(0)
    for start in range(begin, end, lanes):
        prefetch_ahead(x, start, lanes)
        prefetch_ahead(dy, start, lanes)
        for lane in range(min(lanes, end - start)):
            d, g = x[U(start + lane)] - centre[U(lane)], dy[U(start + lane)]
            v = multiply_add(d, scale[U(lane)], offset[U(lane)])
            g = zero if relu and v <= 0 else g
            rest = multiply_add(slope[U(lane)], d, level[U(lane)])
            dx[U(start + lane)] = multiply_add(scale[U(lane)], g, rest)
