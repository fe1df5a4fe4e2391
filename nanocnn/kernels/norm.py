"""Normalization as single passes over memory, which is all that it costs.

Channels lie innermost. A loop over few of them would not fill vectors, so several pixels are taken
together: `lanes` numbers in a row, a multiple of the channels, and every constant of a channel is
written out once for each lane. x - mean is computed as (x - centre) - (mean - centre), where centre
is the mean in x's own precision: the first difference is as exact as x is, and what is left of the
mean goes into the constant that is added anyway. So a channel of mean 1e4 and deviation 1 in
float32 comes out as exact as any other.

Batch statistics take one pass, as sums of d and of d^2 in float64 with d = x - x[0]. The variance
is mean(d^2) - mean(d)^2, where digits cancel if mean(d) is large; but (x[0] - mean)^2 is one of the
M squares whose sum is M times the variance, so at worst log2(M) of the 53 bits are lost.

Relu is part of both passes. Backward asks for its gate again: x is read there in any case, and one
multiply-add costs nothing beside reading the output as well.
"""

from __future__ import annotations

import numpy as np

from . import memory, threads
from .jit import kernel
from .lanes import lanes_of
from .norm_constants import backward_constants, forward_constants, statistics
from .norm_passes import (
    CENTRE,
    LEVEL,
    OFFSET,
    SCALE,
    SLOPE,
    add_gradients,
    add_moments,
    carry_back,
    normalize,
)
from .norm_rows import ROWS, rows_backward, rows_forward

BLOCK = 1 << 15  # elements of a work item, about
FEW = 0.0  # seconds, as good as none
PARTS = 32  # sums over images are cut in so many, whatever the threads


@kernel
def _batch_moments(first, last, x, channels, step, sums):
    shift = np.empty(sums.shape[2])
    for lane in range(shift.size):
        shift[lane] = x[lane % channels]
    for block in range(first, last):
        end = min((block + 1) * step, x.size)
        add_moments(x, block * step, end, shift, sums[block, 0], sums[block, 1])


@kernel
def _batch_normalize(first, last, x, table, relu, step, y):
    normalize(x, first * step, min(last * step, x.size), table, relu, y)


@kernel
def _batch_gradients(first, last, dy, x, table, relu, step, sums):
    for block in range(first, last):
        end = min((block + 1) * step, x.size)
        add_gradients(dy, x, block * step, end, table, relu, sums[block, 0], sums[block, 1])


@kernel
def _batch_carry_back(first, last, dy, x, table, relu, step, dx):
    carry_back(dy, x, first * step, min(last * step, x.size), table, relu, dx)


def _cut(x):
    """Return the lanes, the elements of a block and the number of blocks of (M, C)."""
    lanes = lanes_of(x.shape[1], x.shape[0])
    step = lanes * max(1, BLOCK // lanes)
    return lanes, step, -(-x.size // step)


def batch_norm_statistics(x):
    """(B1), (B2)."""
    channels = x.shape[1]
    lanes, step, blocks = _cut(x)
    sums, flat = np.zeros((blocks, 2, lanes)), memory.flat(x)
    args = (flat, channels, step, sums)
    threads.run(_batch_moments, blocks, args, x.nbytes / threads.BYTES_PER_SECOND)
    mean, variance = np.empty(channels), np.empty(channels)
    args = (flat, sums, len(x), mean, variance)
    threads.run(statistics, channels, args, sums.size / threads.FLOPS_PER_SECOND)
    return mean, variance


def batch_norm_forward(x, gamma, beta, mean, variance, epsilon, activation=None):
    """(B3), with relu."""
    lanes, step, blocks = _cut(x)
    y, table = memory.empty(x.shape, x.dtype), np.empty((3, lanes), x.dtype)
    constants = [memory.flat(a) for a in (gamma, beta, mean, variance)]
    threads.run(forward_constants, gamma.size, (*constants, epsilon, table), FEW)
    args = (memory.flat(x), table, activation == "relu", step, y.reshape(-1))
    threads.run(_batch_normalize, blocks, args, 2 * x.nbytes / threads.BYTES_PER_SECOND)
    return y


def batch_norm_backward(
    dy, x, gamma, mean, variance, epsilon, beta=None, activation=None, constant=False
):
    """(B4), (B5), (B7), or with constant statistics (B6); relu's gate needs beta."""
    lanes, step, blocks = _cut(x)
    relu, table = activation == "relu", np.empty((5, lanes), x.dtype)
    beta = np.zeros_like(gamma) if beta is None else beta
    gamma, beta, mean, variance = (memory.flat(a) for a in (gamma, beta, mean, variance))
    args = (gamma, beta, mean, variance, epsilon, table)
    threads.run(forward_constants, gamma.size, args, FEW)
    given, sums = (memory.flat(dy), memory.flat(x)), np.zeros((blocks, 2, lanes))
    args = (*given, table, relu, step, sums)
    threads.run(_batch_gradients, blocks, args, 2 * x.nbytes / threads.BYTES_PER_SECOND)
    dgamma, dbeta = np.empty_like(gamma), np.empty_like(gamma)
    args = (sums, gamma, mean, variance, epsilon, len(x), constant, table, dgamma, dbeta)
    threads.run(backward_constants, gamma.size, args, sums.size / threads.FLOPS_PER_SECOND)
    dx = memory.empty(x.shape, x.dtype)
    args = (*given, table, relu, step, dx.reshape(-1))
    threads.run(_batch_carry_back, blocks, args, 3 * x.nbytes / threads.BYTES_PER_SECOND)
    return dx, dgamma, dbeta


def batch_norm_backward_constant(dy, x, gamma, mean, variance, epsilon, beta=None, activation=None):
    """(B4), (B5), (B6): the same passes, with nothing taken off dy."""
    return batch_norm_backward(dy, x, gamma, mean, variance, epsilon, beta, activation, True)


@kernel
def _group_forward(first, last, x, gamma, beta, epsilon, lanes, y, mean, variance):
    """Items are images: statistics and output, while the image is in the cache."""
    channels, groups = gamma.size, mean.shape[1]
    width, size = channels // groups, x.size // mean.shape[0]
    sums, shift, table = np.zeros((2, lanes)), np.empty(lanes), np.empty((3, lanes), x.dtype)
    for n in range(first, last):
        begin = n * size
        for lane in range(lanes):
            shift[lane] = x[begin + lane % channels // width * width]
        sums[:] = 0
        add_moments(x, begin, begin + size, shift, sums[0], sums[1])
        for g in range(groups):
            one = two = 0.0
            for pixel in range(0, lanes, channels):
                for c in range(pixel + g * width, pixel + (g + 1) * width):
                    one += sums[0, c]
                    two += sums[1, c]
            one, two = one / (size // groups), two / (size // groups)
            mean[n, g] = shift[g * width] + one
            two -= one * one
            variance[n, g] = 0.0 if two < 0 else two
            r = 1 / np.sqrt(variance[n, g] + epsilon)
            centre = x.dtype.type(mean[n, g])
            rest = mean[n, g] - np.float64(centre)
            for pixel in range(0, lanes, channels):
                for c in range(g * width, (g + 1) * width):
                    table[CENTRE, pixel + c] = centre
                    table[SCALE, pixel + c] = gamma[c] * r
                    table[OFFSET, pixel + c] = beta[c] - rest * gamma[c] * r
        normalize(x, begin, begin + size, table, False, y)


@kernel
def _group_backward(first, last, dy, x, gamma, mean, variance, epsilon, lanes, parts, dx, totals):
    """Items are parts of the batch; totals[part] are dgamma and dbeta of its images."""
    channels, groups, images = gamma.size, mean.shape[1], mean.shape[0]
    width, size = channels // groups, x.size // max(images, 1)
    sums, table = np.zeros((2, lanes)), np.zeros((5, lanes), x.dtype)
    for part in range(first, last):
        for n in range(part * images // parts, (part + 1) * images // parts):
            begin = n * size
            for lane in range(lanes):
                table[CENTRE, lane] = mean[n, lane % channels // width]
            sums[:] = 0
            add_gradients(dy, x, begin, begin + size, table, False, sums[0], sums[1])
            for g in range(groups):
                r = 1 / np.sqrt(variance[n, g] + epsilon)
                rest = mean[n, g] - np.float64(x.dtype.type(mean[n, g]))
                total = product = 0.0
                for c in range(g * width, (g + 1) * width):
                    one = two = 0.0
                    for pixel in range(0, lanes, channels):
                        one += sums[0, pixel + c]
                        two += sums[1, pixel + c]
                    two = r * (two - rest * one)
                    totals[part, 0, c] += two
                    totals[part, 1, c] += one
                    total += gamma[c] * one
                    product += gamma[c] * two
                slope = -r * r * product / (size // groups)
                level = -r * total / (size // groups) - slope * rest
                for pixel in range(0, lanes, channels):
                    for c in range(g * width, (g + 1) * width):
                        table[SCALE, pixel + c] = gamma[c] * r
                        table[SLOPE, pixel + c] = slope
                        table[LEVEL, pixel + c] = level
            carry_back(dy, x, begin, begin + size, table, False, dx)


def group_norm_forward(x, gamma, beta, groups, epsilon):
    """(B8), (B9), (B10)."""
    n, pixels, channels = x.shape
    y = memory.empty(x.shape, x.dtype)
    mean, variance = np.empty((n, groups)), np.empty((n, groups))
    given = (memory.flat(x), memory.flat(gamma), memory.flat(beta), float(epsilon))
    seconds = 3 * x.nbytes / threads.BYTES_PER_SECOND
    if pixels == 1:
        args = (*given, y.reshape(-1), mean, variance)
        threads.run(rows_forward, -(-n // ROWS), args, seconds)
    else:
        args = (*given, lanes_of(channels, pixels), y.reshape(-1), mean, variance)
        threads.run(_group_forward, n, args, seconds)
    return y, mean, variance


def group_norm_backward(dy, x, gamma, mean, variance, epsilon):
    """(B11), (B12)."""
    _, pixels, channels = x.shape
    dx, totals = memory.empty(x.shape, x.dtype), np.zeros((PARTS, 2, channels))
    mean, variance = (memory.flat(a).reshape(a.shape) for a in (mean, variance))
    given = (memory.flat(dy), memory.flat(x), memory.flat(gamma), mean, variance, float(epsilon))
    seconds = 5 * x.nbytes / threads.BYTES_PER_SECOND
    if pixels == 1:
        threads.run(rows_backward, PARTS, (*given, PARTS, dx.reshape(-1), totals), seconds)
    else:
        args = (*given, lanes_of(channels, pixels), PARTS, dx.reshape(-1), totals)
        threads.run(_group_backward, PARTS, args, seconds)
    dgamma, dbeta = totals.sum(axis=0).astype(dy.dtype)
    return dx, dgamma, dbeta
