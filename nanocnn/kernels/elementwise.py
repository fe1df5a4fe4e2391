"""Single passes over memory: activations, their gradients, and sums over all but the channels."""

from __future__ import annotations

import math

import numpy as np

from . import memory, threads
from .exponential import ONE, exp, sigmoid, tanh
from .jit import U, exact, kernel
from .lanes import lanes_of
from .microkernel import multiply_add
from .prefetch import prefetch_ahead

NONE, RELU, SIGMOID, TANH, LEAKY_RELU, GELU = range(6)  # the first four are fused into `product`
ACTIVATIONS = {None: NONE, "relu": RELU, "sigmoid": SIGMOID, "tanh": TANH}
BLOCK = 1 << 14  # elements of a work item
FEW = 256  # channels: of rows that are longer the processor foresees enough
IMAGE_PARTS = 4  # of one image
SUM_PARTS = 32  # fixed, so that the order of the additions does not depend on the threads
GELU_SCALE = 2 * math.sqrt(2 / math.pi)  # of 2h = x (scale + cubic x^2), h being that of (A9)
GELU_CUBIC = 0.044715 * GELU_SCALE
GELU_MOST = 1600  # x^2 where sigmoid(2h) has become 0 or 1, in float64 as well


@exact
def gelu(v, scale, cubic):
    """Return (A9) as v sigmoid(2h): 1 + tanh(h) = 2 sigmoid(2h), which does not cancel."""
    return v * sigmoid(v * multiply_add(cubic, v * v, scale))


@exact
def gelu_slope(v, scale, cubic, three_cubic, most):
    """Return the slope in (A10) as s + v s (1 - s) (2h)', with s = sigmoid(2h).

    From v^2 = `most` on, s is 0 or 1, and must not meet an infinity.
    """
    v2 = v * v
    v2 = most if v2 > most else v2
    h2 = v * multiply_add(cubic, v2, scale)
    e = exp(-abs(h2))
    large = ONE / (ONE + e)
    small = e * large
    inner = multiply_add(three_cubic, v2, scale)
    return multiply_add(v * (small * large), inner, large if h2 >= 0 else small)


@kernel
def _activate(first, last, x, y, which, slope):
    """y = activation(x), blocks of elements; `slope` is leaky relu's."""
    scale, cubic = x.dtype.type(GELU_SCALE), x.dtype.type(GELU_CUBIC)
    for e in range(first * BLOCK, min(last * BLOCK, x.size)):
        v = x[U(e)]
        if which == RELU:
            y[U(e)] = 0 if v < 0 else v
        elif which == LEAKY_RELU:
            y[U(e)] = slope * v if v < 0 else v
        elif which == SIGMOID:
            y[U(e)] = sigmoid(v)
        elif which == TANH:
            y[U(e)] = tanh(v)
        else:
            y[U(e)] = gelu(v, scale, cubic)


@kernel
def squash(y, first, count, which):
    """Apply sigmoid or tanh to a few numbers, in place."""
    if which == SIGMOID:
        for e in range(first, first + count):
            y[U(e)] = sigmoid(y[U(e)])
    else:
        for e in range(first, first + count):
            y[U(e)] = tanh(y[U(e)])


@kernel
def _slopes(first, last, dy, v, dx, which, slope):
    """dx = dy * activation', from v: the output y, or for leaky relu and gelu the input x."""
    zero = dy.dtype.type(0)
    scale, cubic = dy.dtype.type(GELU_SCALE), dy.dtype.type(GELU_CUBIC)
    three_cubic, most = dy.dtype.type(3 * GELU_CUBIC), dy.dtype.type(GELU_MOST)
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
            dx[U(e)] = dy[U(e)] * gelu_slope(s, scale, cubic, three_cubic, most)


@kernel
def _slopes_and_sums(first, last, dy, y, dz, which, channels, parts, sums):
    """Do `_slopes` and add up dz over the pixels of each part in float64, in one pass."""
    pixels = dy.size // max(1, channels)
    zero = dy.dtype.type(0)
    for part in range(first, last):
        total = sums[part]
        for pixel in range(part * pixels // parts, (part + 1) * pixels // parts):
            if channels <= FEW:
                prefetch_ahead(dy, pixel * channels, channels)
                prefetch_ahead(y, pixel * channels, channels)
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
    """sums[part, lane] = the sum of a part's pixels, in float64, four rows of lanes at a time."""
    pixels, lanes = values.size // channels, sums.shape[1]
    for part in range(first, last):
        total = sums[part]
        total[:] = 0
        begin = part * pixels // parts * channels
        end = (part + 1) * pixels // parts * channels
        whole = begin + (end - begin) // (4 * lanes) * (4 * lanes)
        for start in range(begin, whole, 4 * lanes):
            if lanes <= FEW:
                prefetch_ahead(values, start, 4 * lanes)
            for lane in range(lanes):
                e = start + lane
                a, b = np.float64(values[U(e)]), np.float64(values[U(e + lanes)])
                c, d = np.float64(values[U(e + 2 * lanes)]), np.float64(values[U(e + 3 * lanes)])
                total[U(lane)] += (a + b) + (c + d)
        for start in range(whole, end, lanes):
            for lane in range(min(lanes, end - start)):
                total[U(lane)] += values[U(start + lane)]


def _sums_in_parts(values, parts, pixels):
    """Return sums of channels, (., C) in float64: some for each of so many parts of the pixels."""
    channels = values.shape[-1]
    if values.size == 0:
        return np.zeros((parts, channels))
    together = lanes_of(channels, pixels) // channels
    sums = memory.empty((parts, together * channels), np.float64)
    args = (memory.flat(values), channels, parts, sums)
    threads.run(_channel_sums, parts, args, values.nbytes / threads.BYTES_PER_SECOND)
    return sums.reshape(parts * together, channels)


def channel_sums(dy):
    """Sum over all axes but the last one, accumulated in float64, in dy's dtype."""
    pixels = math.prod(dy.shape[:-1])
    return _sums_in_parts(dy, SUM_PARTS, pixels).sum(axis=0).astype(dy.dtype)


def image_sums(x):
    """Sum over the pixels of each image (N, H, W, C); (N, C) in float64."""
    n, h, w, channels = x.shape
    sums = _sums_in_parts(x, n * IMAGE_PARTS, h * w)  # the same bits in any batch
    return sums.reshape(n, len(sums) // max(1, n), channels).sum(axis=1)


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
