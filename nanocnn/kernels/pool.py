"""Pooling as single passes over memory; channels are innermost, so they fill the vectors.

Backward asks for each input pixel which windows cover it, instead of scattering from each window:
every dx is written once, in a fixed order, and two threads never write to the same place.
"""

from __future__ import annotations

import numpy as np

from . import memory, threads
from .conv import _out
from .jit import U, kernel


@kernel
def _max_forward(first, last, x, y, winner, h, w, c, oh, ow, kh, kw, sh, sw, top, left):
    """Items are output rows of all images; the first pixel of a window is beaten only by more.

    The winner's number is kept in 32 bits, as wide as the values, until the window is done: a loop
    over numbers of one width fills the vectors, one over bytes and floats was measured six times
    slower.
    """
    best = np.empty(c, x.dtype)
    won_by = np.empty(c, np.int32)
    for t in range(first, last):
        n = t // oh
        i = t - n * oh
        u_first, u_last = max(0, top - i * sh), min(kh, h + top - i * sh)
        for j in range(ow):
            v_first, v_last = max(0, left - j * sw), min(kw, w + left - j * sw)
            if u_first >= u_last or v_first >= v_last:  # no pixel, padding alone
                best[:] = -np.inf
                won_by[:] = 0
            for u in range(u_first, u_last):
                for v in range(v_first, v_last):
                    a = ((n * h + i * sh + u - top) * w + j * sw + v - left) * c
                    tap = np.int32(u * kw + v)
                    if u == u_first and v == v_first:
                        for f in range(c):
                            best[f] = x[U(a + f)]
                            won_by[f] = tap
                    else:
                        for f in range(c):
                            value, before = x[U(a + f)], best[f]
                            # A NaN wins over any number, and stays.
                            wins = (not (value <= before)) & (before == before)
                            best[f] = value if wins else before
                            won_by[f] = tap if wins else won_by[f]
            o = (t * ow + j) * c
            for f in range(c):
                y[U(o + f)] = best[f]
                winner[U(o + f)] = won_by[f]


@kernel
def _max_backward(first, last, dy, winner, dx, h, w, c, oh, ow, kh, kw, sh, sw, top, left):
    """Items are input rows of all images."""
    zero = dy.dtype.type(0)
    for t in range(first, last):
        n = t // h
        row = t - n * h + top
        i_first, i_last = max(0, (row - kh + sh) // sh), min(oh, row // sh + 1)
        for col in range(left, w + left):
            j_first, j_last = max(0, (col - kw + sw) // sw), min(ow, col // sw + 1)
            a = (t * w + col - left) * c
            for f in range(c):
                dx[U(a + f)] = zero
            for i in range(i_first, i_last):
                for j in range(j_first, j_last):
                    o = ((n * oh + i) * ow + j) * c
                    tap = np.int32((row - i * sh) * kw + col - j * sw)
                    for f in range(c):
                        won = np.int32(winner[U(o + f)]) == tap
                        dx[U(a + f)] += dy[U(o + f)] if won else zero


@kernel
def _average_forward(first, last, x, y, h, w, c, oh, ow, kh, kw, sh, sw, top, left):
    """Items are output rows of all images; sums in float64, divided by the real pixels."""
    sums = np.empty(c)
    for t in range(first, last):
        n = t // oh
        i = t - n * oh
        u_first = max(0, top - i * sh)
        u_last = min(kh, h + top - i * sh)
        for j in range(ow):
            v_first = max(0, left - j * sw)
            v_last = min(kw, w + left - j * sw)
            sums[:] = 0
            for u in range(u_first, u_last):
                for v in range(v_first, v_last):
                    a = ((n * h + i * sh + u - top) * w + j * sw + v - left) * c
                    for f in range(c):
                        sums[f] += x[U(a + f)]
            scale = 1 / max(1, (u_last - u_first) * (v_last - v_first))
            for f in range(c):
                y[U((t * ow + j) * c + f)] = sums[f] * scale


@kernel
def _average_backward(first, last, dy, dx, h, w, c, oh, ow, kh, kw, sh, sw, top, left):
    """Items are input rows of all images."""
    sums = np.empty(c)
    for t in range(first, last):
        n = t // h
        row = t - n * h + top
        i_first = max(0, (row - kh + sh) // sh)
        i_last = min(oh, row // sh + 1)
        for col in range(left, w + left):
            sums[:] = 0
            for i in range(i_first, i_last):
                rows = min(kh, h + top - i * sh) - max(0, top - i * sh)
                for j in range(max(0, (col - kw + sw) // sw), min(ow, col // sw + 1)):
                    cols = min(kw, w + left - j * sw) - max(0, left - j * sw)
                    scale = 1 / (rows * cols)
                    o = ((n * oh + i) * ow + j) * c
                    for f in range(c):
                        sums[f] += dy[U(o + f)] * scale
            a = (t * w + col - left) * c
            for f in range(c):
                dx[U(a + f)] = sums[f]


def _sizes(x_shape, window, stride, padding):
    """Return (H, W, C, OH, OW) and the rest of the kernels' size arguments."""
    h, w, c = x_shape[1:]
    oh = _out(h, window[0], stride[0], padding[0], 1)
    ow = _out(w, window[1], stride[1], padding[1], 1)
    return (h, w, c, oh, ow, *window, *stride, padding[0][0], padding[1][0])


def _run(kernel, items, args, sizes, elements):
    threads.run(kernel, items, (*args, *sizes), 4 * elements / threads.BYTES_PER_SECOND)


def max_pool2d_forward(x, window, stride, padding):
    """(P1). Also returns each window's winner, its place in the window in row order."""
    sizes = _sizes(x.shape, window, stride, padding)
    shape = (x.shape[0], sizes[3], sizes[4], x.shape[3])
    y = memory.empty(shape, x.dtype)
    winner = memory.empty(shape, np.min_scalar_type(window[0] * window[1] - 1))
    args = (memory.flat(x), y.reshape(-1), winner.reshape(-1))
    _run(_max_forward, shape[0] * shape[1], args, sizes, x.size)
    return y, winner


def max_pool2d_backward(dy, winner, x_shape, window, stride, padding):
    """(P2)."""
    dx = memory.empty(tuple(x_shape), dy.dtype)
    args = (memory.flat(dy), memory.flat(winner), dx.reshape(-1))
    sizes = _sizes(x_shape, window, stride, padding)
    _run(_max_backward, x_shape[0] * x_shape[1], args, sizes, dx.size)
    return dx


def average_pool2d_forward(x, window, stride, padding):
    """(P3)."""
    sizes = _sizes(x.shape, window, stride, padding)
    y = memory.empty((x.shape[0], sizes[3], sizes[4], x.shape[3]), x.dtype)
    args = (memory.flat(x), y.reshape(-1))
    _run(_average_forward, y.shape[0] * y.shape[1], args, sizes, x.size)
    return y


def average_pool2d_backward(dy, x_shape, window, stride, padding):
    """(P4)."""
    dx = memory.empty(tuple(x_shape), dy.dtype)
    args = (memory.flat(dy), dx.reshape(-1))
    sizes = _sizes(x_shape, window, stride, padding)
    _run(_average_backward, x_shape[0] * x_shape[1], args, sizes, dx.size)
    return dx


def global_average_pool2d_forward(x):
    """(P5): one window as large as the image."""
    whole = x.shape[1:3]
    y = average_pool2d_forward(x, whole, (1, 1), ((0, 0), (0, 0)))
    return y.reshape(x.shape[0], x.shape[3])


def global_average_pool2d_backward(dy, x_shape):
    """(P6)."""
    dy = dy.reshape(dy.shape[0], 1, 1, dy.shape[1])
    return average_pool2d_backward(dy, x_shape, tuple(x_shape[1:3]), (1, 1), ((0, 0), (0, 0)))
