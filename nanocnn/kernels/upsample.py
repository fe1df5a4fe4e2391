"""Upsampling and its gradient: one kernel, since (U3) is (U1) with the tables transposed.

The tables say for each row, and for each column, of the result which ones of the source it is made
of, with which weights. A row of the result is summed from whole rows of the source first, into a
buffer that stays in the first-level cache, and then from the columns in there. Each number is
written once, in a fixed order of sums.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from . import memory, threads
from .copies import make_scale
from .jit import VECTOR_BYTES, U, inline, kernel

_scale4, _add4 = (make_scale(VECTOR_BYTES // 4, adds) for adds in (False, True))
_scale8, _add8 = (make_scale(VECTOR_BYTES // 8, adds) for adds in (False, True))


@inline
def _scale(x, a, weight, y, o, count, adds):
    """Write y[o + k] = weight * x[a + k], or add that, whole vectors first."""
    lanes = VECTOR_BYTES // x.itemsize
    whole = count - count % lanes
    for k in range(0, whole, lanes):
        if x.itemsize == 4:
            if adds:
                _add4(x, a + k, weight, y, o + k)
            else:
                _scale4(x, a + k, weight, y, o + k)
        elif adds:
            _add8(x, a + k, weight, y, o + k)
        else:
            _scale8(x, a + k, weight, y, o + k)
    for k in range(whole, count):
        product = weight * x[U(a + k)]
        y[U(o + k)] = y[U(o + k)] + product if adds else product


@inline
def _weighted_sum(x, start, step, places, weights, first, last, y, o, count):
    """Write y[o + k], the sum of x[start + places[.] * step + k] by weight."""
    _scale(x, start + places[first] * step, weights[first], y, o, count, False)
    for t in range(first + 1, last):
        _scale(x, start + places[t] * step, weights[t], y, o, count, True)


@kernel
def _resample(first, last, x, y, h, w, c, oh, ow, rows, row_weights, row_starts,
              columns, column_weights, column_starts):  # fmt: skip
    """Items are rows of the result, of all images."""
    line = np.empty(w * c, x.dtype)
    for t in range(first, last):
        n, i = t // oh, t % oh
        a, b = row_starts[i], row_starts[i + 1]
        _weighted_sum(x, n * h * w * c, w * c, rows, row_weights, a, b, line, 0, w * c)
        for j in range(ow):
            a, b = column_starts[j], column_starts[j + 1]
            _weighted_sum(line, 0, c, columns, column_weights, a, b, y, (t * ow + j) * c, c)


@lru_cache(maxsize=256)
def _table(size, factor, interpolation, backward, dtype):
    """Return places, weights, and where the entries of each row start: (U2), or transposed."""
    new = np.arange(factor * size)
    if interpolation == "nearest":
        pairs = [(i, i // factor, 1.0) for i in new]
    else:
        t = np.clip((new + 0.5) / factor - 0.5, 0, size - 1)
        before = np.floor(t).astype(np.int64)
        pairs = [(i, r, 1 - (s - r)) for i, r, s in zip(new, before, t, strict=True)]
        pairs += [(i, r + 1, s - r) for i, r, s in zip(new, before, t, strict=True) if s > r]
    if backward:
        pairs = [(r, i, weight) for i, r, weight in pairs]
    pairs.sort()
    targets = np.array([target for target, _, _ in pairs])
    starts = np.searchsorted(targets, np.arange(size * (1 if backward else factor) + 1))
    places = np.array([place for _, place, _ in pairs], np.int64)
    return places, np.array([weight for *_, weight in pairs], dtype), starts.astype(np.int64)


def _run(x, y, factor, interpolation, backward):
    if y.size:
        small = y if backward else x
        tables = [
            table
            for size, a in zip(small.shape[1:3], factor, strict=True)
            for table in _table(size, a, interpolation, backward, x.dtype)
        ]
        args = (memory.flat(x), y.reshape(-1), *x.shape[1:], *y.shape[1:3], *tables)
        seconds = x.itemsize * (x.size + y.size) / threads.BYTES_PER_SECOND
        threads.run(_resample, y.shape[0] * y.shape[1], args, seconds)
    return y


def upsample2d_forward(x, factor, interpolation):
    """(U1)."""
    n, h, w, c = x.shape
    y = memory.empty((n, factor[0] * h, factor[1] * w, c), x.dtype)
    return _run(x, y, factor, interpolation, backward=False)


def upsample2d_backward(dy, factor, interpolation):
    """(U3)."""
    n, oh, ow, c = dy.shape
    dx = memory.empty((n, oh // factor[0], ow // factor[1], c), dy.dtype)
    return _run(dy, dx, factor, interpolation, backward=True)
