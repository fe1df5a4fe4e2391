"""Batch normalization between its passes: from sums to statistics, tables and small gradients.

These are a few numbers for each channel. One by one in NumPy they took as long as a pass over a
small layer. Items are channels. See `norm` for lanes and sums, `norm_passes` for a table's rows.
"""

from __future__ import annotations

import numpy as np

from .jit import as_written
from .norm_passes import CENTRE, LEVEL, OFFSET, SCALE, SLOPE


@as_written
def _of_channel(sums, row, c, channels):
    """Add up one sum of a channel: over blocks, and over the lanes that belong to it."""
    total = 0.0
    for lane in range(c, sums.shape[2], channels):
        for block in range(sums.shape[0]):
            total += sums[block, row, lane]
    return total


@as_written
def statistics(first, last, x, sums, count, mean, variance):
    """(B1), (B2) from the sums of d and d^2, d = x - the channel's first pixel."""
    channels = mean.size
    for c in range(first, last):
        one = _of_channel(sums, 0, c, channels) / max(count, 1)
        two = _of_channel(sums, 1, c, channels) / max(count, 1)
        mean[c] = one + (x[c] if x.size else 0)
        two -= one * one
        variance[c] = 0.0 if two < 0 else two  # a NaN stays what it is


@as_written
def forward_constants(first, last, gamma, beta, mean, variance, epsilon, table):
    """Write what (B3) needs of each channel to all its lanes."""
    channels = gamma.size
    for c in range(first, last):
        centre = table.dtype.type(mean[c])
        scale = gamma[c] * (1 / np.sqrt(variance[c] + epsilon))
        offset = (np.float64(centre) - mean[c]) * scale + beta[c]
        for lane in range(c, table.shape[1], channels):
            table[CENTRE, lane] = centre
            table[SCALE, lane] = scale
            table[OFFSET, lane] = offset


@as_written
def backward_constants(
    first, last, sums, gamma, mean, variance, epsilon, count, constant, table, dgamma, dbeta
):
    """(B4), (B5), and what (B7) or, with constant statistics, (B6) needs, to all lanes.

    The sums are those of g and g (x - centre).
    """
    channels = gamma.size
    for c in range(first, last):
        r = 1 / np.sqrt(variance[c] + epsilon)
        rest = mean[c] - np.float64(table[CENTRE, c])
        total = _of_channel(sums, 0, c, channels)
        product = r * (_of_channel(sums, 1, c, channels) - rest * total)
        dgamma[c], dbeta[c] = product, total
        slope = level = 0.0
        if not constant:
            share = gamma[c] * r / max(count, 1)
            slope = -share * r * product
            level = -share * total - slope * rest
        for lane in range(c, table.shape[1], channels):
            table[SLOPE, lane] = slope
            table[LEVEL, lane] = level
