"""Depthwise convolution: each channel has a filter of its own, so channels fill the vectors.

    y[n, i, j, c]  =  b[c]  +  sum over u, v of  w[u, v, 0, c] x[n, i s + u d - p, j s + v d - p, c]

As a product of matrices this has one column; here it is a sum over taps of vectors of channels,
and reading x and writing y takes about as long as the arithmetic. dx is the same sum over dy, with
the taps that look at an input pixel, phase by phase of the stride: each dx is written once. dw sums
over pixels, at most `LONGEST` of a row in registers, then these sums over rows, then over parts: a
float32 sum never grows long.

Which taps a pixel sees comes from `runs`: pixels of a row fall into a few runs that see the same
columns of the filter, and for each row and run the taps in sight are listed once.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from . import elementwise, memory, threads
from .channelwise import make_pixel_sum, make_tap_sum
from .elementwise import ACTIVATIONS, NONE, RELU
from .jit import VECTOR_BYTES, kernel
from .runs import backward_runs, forward_runs

PIXELS, VECTORS = 4, 2  # of tap_sum's sums in registers
TAPS, WIDE = 3, 4  # of pixel_sum's; both the fastest of six that were measured
LONGEST = 128  # pixels that are summed in a register
PARTS = 16  # of the sum over pixels; fixed, so that the order of the additions is
tap_sum, tap_sum_many = make_tap_sum(1, 1), make_tap_sum(PIXELS, VECTORS)
pixel_sum, pixel_sum_many = make_pixel_sum(TAPS, 1), make_pixel_sum(TAPS, WIDE)


def depthwise_pays(w_shape, groups):
    """Tell whether each channel has one filter; where it has several, the general path does it."""
    return groups == w_shape[3] and w_shape[2] == 1


@lru_cache(maxsize=256)
def _axis(make_runs, size, out, kernel, stride, before, dilation):
    """Return the tables of one axis.

    lines : first tap, behind the last tap, shift of their places; for each pixel
    runs : first pixel, step, count, step in the source, first tap, behind the last tap
    taps : index of the tap, place that it reads for the first pixel of the run
    """
    found = make_runs(size, out, kernel, stride, before, dilation)
    lines, runs, taps = {}, [], []
    for run in found:
        t0, t1 = len(taps), len(taps) + len(run.taps)
        taps += run.taps
        runs.append((run.first, run.step, run.count, run.source_step, t0, t1))
        for k in range(run.count):
            lines[run.first + k * run.step] = t0, t1, k * run.source_step
    table = [lines[pixel] for pixel in sorted(lines)]
    return tuple(
        np.array(rows, np.int64).reshape(-1, n) for rows, n in ((table, 3), (runs, 6), (taps, 2))
    )


@kernel
def _in_sight(lines, line_taps, i, runs, run_taps, r, kw, width, c, places, taps):
    """List where row i and run r of columns look, and their taps in w; return how many."""
    count = 0
    for k in range(lines[i, 0], lines[i, 1]):
        row = line_taps[k, 1] + lines[i, 2]
        for l in range(runs[r, 4], runs[r, 5]):
            places[count] = (row * width + run_taps[l, 1]) * c
            taps[count] = (line_taps[k, 0] * kw + run_taps[l, 0]) * c
            count += 1
    return count


@kernel
def _tap_sums(first, last, x, w, bias, y, lines, line_taps, runs, run_taps, h, width, oh, ow, c,
              kw, most, relu):  # fmt: skip
    """Items are rows of y of all images; `most` is the number of taps."""
    places, taps = np.empty(most, np.int64), np.empty(most, np.int64)
    step = VECTOR_BYTES // x.itemsize
    whole, many = c - c % step, c - c % (VECTORS * step)
    for t in range(first, last):
        n, i = t // oh, t % oh
        for r in range(runs.shape[0]):
            count = _in_sight(lines, line_taps, i, runs, run_taps, r, kw, width, c, places, taps)
            a_step, o_step, pixels = runs[r, 3] * c, runs[r, 1] * c, runs[r, 2]
            a, o = n * h * width * c, (t * ow + runs[r, 0]) * c
            p = 0
            while p < pixels:
                together = PIXELS if pixels - p >= PIXELS else 1
                if together == PIXELS:
                    for f in range(0, many, VECTORS * step):
                        tap_sum_many(x, a + f, a_step, places, w, taps, count, bias, f, relu, y,
                                     o + f, o_step, None)  # fmt: skip
                for _ in range(together):
                    for f in range(many if together == PIXELS else 0, whole, step):
                        tap_sum(x, a + f, a_step, places, w, taps, count, bias, f, relu, y,
                                o + f, o_step, None)  # fmt: skip
                    if whole < c:
                        tap_sum(x, a + whole, a_step, places, w, taps, count, bias, whole, relu, y,
                                o + whole, o_step, c - whole)  # fmt: skip
                    a, o = a + a_step, o + o_step
                p += together


@kernel
def _pixel_sums(first, last, x, dy, dw, lines, line_taps, runs, run_taps, n, h, width, oh, ow, c,
                kw, parts, size):  # fmt: skip
    """Items are parts of the sum: rows of dy of all images. Each adds to a dw of its own."""
    most = size // c
    places, taps = np.empty(most + TAPS, np.int64), np.empty(most + TAPS, np.int64)
    step = VECTOR_BYTES // x.itemsize
    whole, many = c - c % step, c - c % (WIDE * step)
    for part in range(first, last):
        d = part * size
        dw[d : d + size] = 0
        for t in range(part * n * oh // parts, (part + 1) * n * oh // parts):
            image, i = t // oh, t % oh
            for r in range(runs.shape[0]):
                count = _in_sight(
                    lines, line_taps, i, runs, run_taps, r, kw, width, c, places, taps
                )
                if count == 0:
                    continue
                for k in range(count, count + TAPS):
                    places[k], taps[k] = places[count - 1], taps[count - 1]
                a_step, o_step = runs[r, 3] * c, c
                for p in range(0, runs[r, 2], LONGEST):
                    pixels = min(LONGEST, runs[r, 2] - p)
                    a = image * h * width * c + p * a_step
                    o = (t * ow + runs[r, 0] + p) * c
                    for f in range(0, many, WIDE * step):
                        for k in range(0, count, TAPS):
                            pixel_sum_many(x, a + f, a_step, places, taps, k, dy, o + f, o_step,
                                           pixels, dw, d + f, None)  # fmt: skip
                    for f in range(many, whole, step):
                        for k in range(0, count, TAPS):
                            pixel_sum(x, a + f, a_step, places, taps, k, dy, o + f, o_step,
                                      pixels, dw, d + f, None)  # fmt: skip
                    for k in range(0, count if whole < c else 0, TAPS):
                        pixel_sum(x, a + whole, a_step, places, taps, k, dy, o + whole, o_step,
                                  pixels, dw, d + whole, c - whole)  # fmt: skip


def _axes(make_runs, targets, sources, w_shape, stride, padding, dilation):
    """Return the tables of both axes: lines and their taps, runs and theirs."""
    rows, columns = (
        _axis(make_runs, *sizes, kernel, s, p[0], d)
        for *sizes, kernel, s, p, d in zip(
            targets, sources, w_shape[:2], stride, padding, dilation, strict=True
        )
    )
    return rows[0], rows[2], columns[1], columns[2]


def _run_tap_sums(x, w, bias, y_shape, tables, which):
    (n, h, width, c), (_, oh, ow, _), (kh, kw, _, _) = x.shape, y_shape, w.shape
    y = memory.empty(tuple(y_shape), x.dtype)
    args = (memory.flat(x), memory.flat(w), bias, y.reshape(-1), *tables, h, width, oh, ow, c, kw,
            kh * kw, int(which == RELU))  # fmt: skip
    seconds = 2 * y.size * kh * kw / threads.FLOPS_PER_SECOND
    threads.run(_tap_sums, n * oh, args, seconds)
    return y if which <= RELU else elementwise.forward(y, which)


def depthwise_forward(x, w, b, out, stride, padding, dilation, activation=None):
    """(C1), with `activation` applied on the way out; `out` is the height and width of y."""
    c = x.shape[3]
    tables = _axes(forward_runs, x.shape[1:3], out, w.shape, stride, padding, dilation)
    bias = np.zeros(c, x.dtype) if b is None else memory.flat(b)
    shape = (x.shape[0], *out, c)
    return _run_tap_sums(x, w, bias, shape, tables, ACTIVATIONS[activation])


def depthwise_backward_input(dy, w, x_shape, stride, padding, dilation):
    """(C2): the same sum over the pixels of dy that looked at a pixel of x."""
    tables = _axes(backward_runs, x_shape[1:3], dy.shape[1:3], w.shape, stride, padding, dilation)
    return _run_tap_sums(dy, w, np.zeros(w.shape[3], dy.dtype), x_shape, tables, NONE)


def depthwise_backward_weight(dy, x, w_shape, stride, padding, dilation):
    """(C3), in parts that are added in order."""
    (n, h, width, c), (_, oh, ow, _), (kh, kw, _, _) = x.shape, dy.shape, w_shape
    tables = _axes(forward_runs, (h, width), (oh, ow), w_shape, stride, padding, dilation)
    size = kh * kw * c
    dw = memory.empty((PARTS, size), x.dtype)
    args = (memory.flat(x), memory.flat(dy), dw.reshape(-1), *tables, n, h, width, oh, ow, c, kw,
            PARTS, size)  # fmt: skip
    threads.run(_pixel_sums, PARTS, args, 2 * dy.size * kh * kw / threads.FLOPS_PER_SECOND)
    return dw.sum(axis=0).reshape(w_shape)
