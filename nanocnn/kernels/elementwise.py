"""Single passes over memory: activations, their gradients, and sums over all but the channels."""

from __future__ import annotations

import math

import numpy as np

from . import memory, threads
from .jit import U, kernel

NONE, RELU, SIGMOID, TANH, LEAKY_RELU, GELU = range(6)  # the first four are fused into `product`
ACTIVATIONS = {None: NONE, "relu": RELU, "sigmoid": SIGMOID, "tanh": TANH}
BLOCK = 1 << 14  # elements of a work item
SUM_PARTS = 32  # fixed, so that the order of the additions does not depend on the threads
GELU_SCALE = math.sqrt(2 / math.pi)
GELU_CUBIC = 0.044715


@kernel
def sigmoid(v):
    """Return 1 / (1 + exp(-v)) from exp(-|v|), which cannot overflow."""
    e = math.exp(-abs(v))
    rest = 1 / (1 + e)
    return rest if v >= 0 else e * rest


@kernel
def _activate(first, last, x, y, which, slope):
    """y = activation(x), blocks of elements; `slope` is leaky relu's."""
    for e in range(first * BLOCK, min(last * BLOCK, x.size)):
        v = x[U(e)]
        if which == RELU:
            y[U(e)] = 0 if v < 0 else v
        elif which == LEAKY_RELU:
            y[U(e)] = slope * v if v < 0 else v
        elif which == SIGMOID:
            y[U(e)] = sigmoid(v)
        elif which == TANH:
            y[U(e)] = math.tanh(v)
        else:
            y[U(e)] = 0.5 * v * (1 + math.tanh(GELU_SCALE * (v + GELU_CUBIC * v * v * v)))


@kernel
def _slopes(first, last, dy, v, dx, which, slope):
    """dx = dy * activation', from v: the output y, or for leaky relu and gelu the input x."""
    zero = dy.dtype.type(0)
    for e in range(first * BLOCK, min(last * BLOCK, dy.size)):
        s = v[U(e)]
        if which == RELU:
            dx[U(e)] = zero if s <= 0 else dy[U(e)]
        elif which == LEAKY_RELU:
            dx[U(e)] = slope * dy[U(e)] if s <= 0 else dy[U(e)]
        elif which == SIGMOID:
            dx[U(e)] = dy[U(e)] * s * (1 - s)
        elif which == TANH:
            dx[U(e)] = dy[U(e)] * (1 - s * s)
        else:
            t = math.tanh(GELU_SCALE * (s + GELU_CUBIC * s * s * s))
            inner = GELU_SCALE * (1 + 3 * GELU_CUBIC * s * s)
            dx[U(e)] = dy[U(e)] * (0.5 * (1 + t) + 0.5 * s * (1 - t * t) * inner)


@kernel
def _slopes_and_sums(first, last, dy, y, dz, which, channels, parts, sums):
    """Do `_slopes` and add up dz over the pixels of each part in float64, in one pass."""
    pixels = dy.size // max(1, channels)
    zero = dy.dtype.type(0)
    for part in range(first, last):
        total = sums[part]
        for pixel in range(part * pixels // parts, (part + 1) * pixels // parts):
            for f in range(channels):
                e = pixel * channels + f
                s = y[U(e)]
                if which == RELU:
                    g = zero if s <= 0 else dy[U(e)]
                elif which == SIGMOID:
                    g = dy[U(e)] * s * (1 - s)
                else:
                    g = dy[U(e)] * (1 - s * s)
                dz[U(e)] = g
                total[f] += g


@kernel
def _channel_sums(first, last, values, channels, parts, sums):
    """sums[part, f] = sum of values[pixel, f] over the pixels of a part, in float64."""
    pixels = values.size // max(1, channels)
    for part in range(first, last):
        total = sums[part]
        for pixel in range(part * pixels // parts, (part + 1) * pixels // parts):
            for f in range(channels):
                total[f] += values[U(pixel * channels + f)]


def channel_sums(dy):
    """Sum over all axes but the last one, accumulated in float64, in dy's dtype."""
    channels = dy.shape[-1]
    sums = np.zeros((SUM_PARTS, channels))
    args = (memory.flat(dy), channels, SUM_PARTS, sums)
    threads.run(_channel_sums, SUM_PARTS, args, dy.nbytes / threads.BYTES_PER_SECOND)
    return sums.sum(axis=0).astype(dy.dtype)


def fused_backward(dy, y, activation):
    """Return dz and db of `y = activation(z + b)`: one pass over dy and y."""
    channels = dy.shape[-1]
    dz = memory.empty(dy.shape, dy.dtype)
    sums = np.zeros((SUM_PARTS, channels))
    args = (memory.flat(dy), memory.flat(y), dz.reshape(-1), ACTIVATIONS[activation], channels,
            SUM_PARTS, sums)  # fmt: skip
    threads.run(_slopes_and_sums, SUM_PARTS, args, 3 * dy.nbytes / threads.BYTES_PER_SECOND)
    return dz, sums.sum(axis=0).astype(dy.dtype)


def forward(x, which, slope=0.0):
    """Return activation(x), with an activation's number from above."""
    y = memory.empty(x.shape, x.dtype)
    args = (memory.flat(x), y.reshape(-1), which, x.dtype.type(slope))
    threads.run(_activate, -(-x.size // BLOCK), args, 2 * x.nbytes / threads.BYTES_PER_SECOND)
    return y


def backward(dy, v, which, slope=0.0):
    """Return dy * activation', where v is what `_slopes` wants for this activation."""
    dx = memory.empty(dy.shape, dy.dtype)
    args = (memory.flat(dy), memory.flat(v), dx.reshape(-1), which, dy.dtype.type(slope))
    threads.run(_slopes, -(-dy.size // BLOCK), args, 3 * dy.nbytes / threads.BYTES_PER_SECOND)
    return dx
