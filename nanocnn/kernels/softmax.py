"""Softmax over the last axis, one row at a time, sums in float64."""

from __future__ import annotations

import math

from . import memory, threads
from .jit import U, kernel


@kernel
def _forward(first, last, x, y, k):
    for row in range(first * k, last * k, k):
        highest = x[U(row)]
        for e in range(row, row + k):
            if x[U(e)] > highest:
                highest = x[U(e)]
        total = 0.0
        for e in range(row, row + k):
            y[U(e)] = math.exp(x[U(e)] - highest)
            total += y[U(e)]
        for e in range(row, row + k):
            y[U(e)] /= total


@kernel
def _backward(first, last, dy, y, dx, k):
    for row in range(first * k, last * k, k):
        mean = 0.0
        for e in range(row, row + k):
            mean += dy[U(e)] * y[U(e)]
        for e in range(row, row + k):
            dx[U(e)] = y[U(e)] * (dy[U(e)] - mean)


def softmax_forward(x):
    """(S1)."""
    y = memory.empty(x.shape, x.dtype)
    k = x.shape[-1]
    args = (memory.flat(x), y.reshape(-1), k)
    threads.run(_forward, x.size // k, args, 4 * x.nbytes / threads.BYTES_PER_SECOND)
    return y


def softmax_backward(dy, y):
    """(S2)."""
    dx = memory.empty(dy.shape, dy.dtype)
    k = dy.shape[-1]
    args = (memory.flat(dy), memory.flat(y), dx.reshape(-1), k)
    threads.run(_backward, dy.size // k, args, 3 * dy.nbytes / threads.BYTES_PER_SECOND)
    return dx
