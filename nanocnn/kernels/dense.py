"""Dense layers are 1x1 convolutions: the samples are the pixels of one image row.

But where few samples meet many inputs, as behind a network's last pooling, nearly all of the time
goes into reading w, and the sum over the inputs is cut into parts that each read w once, in order.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from . import elementwise, memory, threads
from .conv import conv2d_backward_input, conv2d_backward_weight
from .elementwise import ACTIVATIONS, RELU, channel_sums
from .jit import TILE_ROWS, U, as_written, inline, kernel, panel_width
from .microkernel import ACCUMULATE, ZERO, multiply_add, tile_product
from .outer import outer_product
from .panels import in_panels, turn_panel
from .plan import BLOCK_PIXELS, CHUNK_BYTES, Geometry, forward_plan
from .prefetch import prefetch_ahead, prefetch_run
from .product import gather_product

_ONE_BY_ONE = ((1, 1), ((0, 0), (0, 0)), (1, 1), 1)  # stride, padding, dilation, groups

LINE = 256  # inputs that are summed at a time
MOST_OUTPUTS, SAMPLES = 256, 64  # partial sums of these stay in the second-level cache
LEAST_INPUTS = 2048
GROUP = 8  # panels of dx: written a few lines at a time, not one
PARTS = 16  # of the sum over the inputs; fixed, so that the order of the additions is


@inline
def _add_rows(x, a, w, o, f, rows, sums, y):
    """Add x[a + r] * w[o + r * f :] to sums[y:], row after row."""
    if rows == 8:
        x0, x1, x2, x3 = x[a], x[a + 1], x[a + 2], x[a + 3]
        x4, x5, x6, x7 = x[a + 4], x[a + 5], x[a + 6], x[a + 7]
        for j in range(f):
            p = o + j
            s = multiply_add(x0, w[U(p)], sums[U(y + j)])
            s = multiply_add(x2, w[U(p + 2 * f)], multiply_add(x1, w[U(p + f)], s))
            s = multiply_add(x4, w[U(p + 4 * f)], multiply_add(x3, w[U(p + 3 * f)], s))
            s = multiply_add(x6, w[U(p + 6 * f)], multiply_add(x5, w[U(p + 5 * f)], s))
            sums[U(y + j)] = multiply_add(x7, w[U(p + 7 * f)], s)
    else:
        for r in range(rows):
            for j in range(f):
                sums[U(y + j)] = multiply_add(x[a + r], w[U(o + r * f + j)], sums[U(y + j)])


@kernel
def _few_samples(first, last, x, w, partial, n, d, f, parts):
    """partial[part] = sum of x[sample, k] w[k] over a part's inputs k: what `outer_product` does.

    Eight rows of w stay in the first-level cache for all samples, and the sums are read and written
    once for all eight: with so few samples the time is that of reading w. The additions follow the
    order of the register tile, so a sample alone has the bits that it has among others.
    """
    lines = d // LINE
    sums = np.empty(n * f, x.dtype)
    for part in range(first, last):
        total = partial[part * n * f : (part + 1) * n * f]
        total[:] = 0
        end = (part + 1) * lines // parts if part < parts - 1 else -(-d // LINE)
        for line in range(part * lines // parts, end):
            sums[:] = 0
            for k in range(line * LINE, min(d, (line + 1) * LINE), 8):
                prefetch_ahead(w, k * f, 8 * f)
                for i in range(n):
                    _add_rows(x, i * d + k, w, k * f, f, min(8, d - k), sums, i * f)
            for e in range(n * f):
                total[U(e)] += sums[U(e)]


def _samples(n):
    """Return the number of each row of the tiles: a last tile repeats the last sample."""
    return np.minimum(np.arange(n + TILE_ROWS), n - 1)


@lru_cache(maxsize=64)
def _sum_plan(n, d, f):
    """Return the tables of `outer_product` for y: the samples are rows, the inputs are pixels."""
    rectangles = [
        (0, n, lines, length, start, 0, length, 1, start * f, 0, length * f, f, 0)
        for start, lines, length in ((0, d // LINE, LINE), (d // LINE * LINE, 1, d % LINE))
        if length
    ]
    samples = _samples(n)
    return np.array(rectangles, np.int64), samples * d, samples * f


@as_written
def _total(first, last, partial, bias, y, f, relu):
    """y = bias + the sum of the parts in order, or relu of it; there is one item."""
    n = y.size
    for e in range(n):
        y[U(e)] = partial[U(e)]
    for part in range(n, partial.size, n):
        for e in range(n):
            y[U(e)] += partial[U(part + e)]
    for e in range(0, n, f):
        for j in range(f):
            total = y[U(e + j)] + bias[U(j)] if bias.size else y[U(e + j)]
            y[U(e + j)] = 0 if relu and total < 0 else total


def _forward_in_parts(x, w, b, activation, y):
    """(D1) into y, the sum over the inputs in PARTS parts; x has few samples."""
    (n, d), f = x.shape, w.shape[1]
    panel = panel_width(x.itemsize)
    partial = np.zeros((PARTS, n * f), x.dtype)
    arrays = memory.flat(x), memory.flat(w), partial.reshape(-1)
    seconds = max(w.nbytes / threads.BYTES_PER_SECOND, 2 * n * d * f / threads.FLOPS_PER_SECOND)
    if n < TILE_ROWS:
        threads.run(_few_samples, PARTS, (*arrays, n, d, f, PARTS), seconds)
    else:
        args = (*arrays, *_sum_plan(n, d, f), 1, 1, 0, f, -(-f // panel), panel, PARTS, 1, 1, n * f,
                LINE, ACCUMULATE, np.zeros(0))  # fmt: skip
        threads.run(outer_product, PARTS, args, seconds)
    which, bias = ACTIVATIONS[activation], np.zeros(0, x.dtype) if b is None else memory.flat(b)
    threads.run(_total, 1, (arrays[2], bias, y.reshape(-1), f, which == RELU), 0.0)
    if which > RELU:
        y[:] = elementwise.forward(y, which)


def dense_forward(x, w, b, activation=None):
    """(D1), with `activation` applied on the way out of the registers."""
    n, d = x.shape
    f = w.shape[1]
    if d >= LEAST_INPUTS and 0 < f <= MOST_OUTPUTS:  # whatever n is: the bits must not depend on it
        y = memory.empty((n, f), x.dtype)
        for k in range(0, n, SAMPLES):
            _forward_in_parts(x[k : k + SAMPLES], w, b, activation, y[k : k + SAMPLES])
        return y
    panel = panel_width(x.itemsize)
    if f % panel:  # the last panel would read past the row: pad it with zeros
        columns, panels, b_step = *in_panels(w, d, f, 1)[:2], panel
        b_panel = d * panel
    else:
        columns, panels, b_panel, b_step = memory.flat(w), f // panel, panel, f
    bias = np.zeros(panels * panel, x.dtype)
    if b is not None:
        bias[:f] = b
    g = Geometry(1, 1, n, d, 1, n, f, 1, 1, *_ONE_BY_ONE)
    plan = forward_plan(g, panel, b_step, x.itemsize)
    y = memory.empty((n, f), x.dtype)
    args = (memory.flat(x), columns, b_panel, b_step, bias, b is not None, y.reshape(-1),
            plan.rectangles, plan.chunks, plan.segments, plan.items, d, f, panels, panel,
            ACTIVATIONS[activation])  # fmt: skip
    threads.run(gather_product, len(plan.items), args, 2 * n * d * f / threads.FLOPS_PER_SECOND)
    return y


def _as_image_row(a):
    return a.reshape(1, 1, *a.shape)


@kernel
def _few_gradients(first, last, dy, w, dx, rows, out, n, d, f, panel):
    """dx = dy w^T, GROUP panels of inputs at a time: their part of w is turned, used and forgotten.

    The next one is asked for meanwhile, little by little.
    """
    size, group = f * panel, GROUP * panel
    packed = np.empty(GROUP * size, w.dtype)
    segments = np.zeros((1, 3), np.int64)
    segments[0, 2] = f
    for g in range(first * group, min(d, last * group), group):
        end = min(d, g + group)
        for p in range(g, end, panel):
            turn_panel(w, p * f, f, min(panel, d - p), f, packed, (p - g) * f, panel)
        ask, share = (g + group) * f, size // ((n + TILE_ROWS - 1) // TILE_ROWS)
        for i in range(0, n, TILE_ROWS):
            for p in range(g, end, panel):
                prefetch_run(w, ask, share)
                ask += share
                tile_product(dy, rows, i, 0, segments, 0, 1, 1, packed, (p - g) * f, panel, dx, out,
                             p, min(panel, d - p), ZERO, dy, 0, 0)  # fmt: skip


def dense_backward_input(dy, w):
    """(D2)."""
    (n, f), d = dy.shape, w.shape[0]
    panel = panel_width(dy.itemsize)
    if 0 < n <= BLOCK_PIXELS and 0 < f * panel * dy.itemsize <= CHUNK_BYTES:
        dx = memory.empty((n, d), dy.dtype)
        samples = _samples(n)
        args = (memory.flat(dy), memory.flat(w), dx.reshape(-1), samples * f, samples * d, n, d, f,
                panel)  # fmt: skip
        threads.run(
            _few_gradients, -(-d // (GROUP * panel)), args, 2 * n * d * f / threads.FLOPS_PER_SECOND
        )
        return dx
    dx = conv2d_backward_input(_as_image_row(dy), _as_image_row(w), (1, 1, n, d), *_ONE_BY_ONE)
    return dx.reshape(n, d)


def dense_backward_weight(dy, x):
    """(D3)."""
    w_shape = (1, 1, x.shape[1], dy.shape[1])
    dw = conv2d_backward_weight(_as_image_row(dy), _as_image_row(x), w_shape, *_ONE_BY_ONE)
    return dw.reshape(w_shape[2:])


def dense_backward_bias(dy):
    """(D4), accumulated in float64."""
    return channel_sums(dy)
