"""Pooling as single passes over memory; channels are innermost, so they fill the vectors.

Where windows do not overlap, each one writes its own pixels in backward, and dy is read only once;
where they do, see `covering`.
"""

from __future__ import annotations

import numpy as np

from . import memory, threads
from .covering import average_backward, max_backward
from .elementwise import image_sums
from .jit import VECTOR_BYTES, U, inline, kernel
from .join import add_forward
from .prefetch import prefetch_run
from .runs import out_size
from .window_sums import weighted_sum
from .windows import make_window_max, make_window_spread

MANY = 4  # vectors of channels side by side: their comparisons wait for each other less
window_max, window_max_many = make_window_max(1), make_window_max(MANY)
window_spread, window_add = make_window_spread(), make_window_spread(onto=True)


@kernel
def _taps_in_sight(u_first, u_last, v_first, v_last, kw, w, c, places, taps):
    """List the places and the numbers of the taps in these rows and columns; return how many."""
    count = 0
    for u in range(u_first, u_last):
        for v in range(v_first, v_last):
            places[count], taps[count] = (u * w + v) * c, u * kw + v
            count += 1
    return count


@inline
def _ask_for_next_row(x, a, kh, sh, w, sw, c):
    """Ask for what the windows a row further on read first, below the window at a."""
    for u in range(kh - min(kh, sh), kh):
        prefetch_run(x, a + (u + sh) * w * c, sw * c)


@kernel
def max_rows(first, last, x, y, winner, h, w, c, oh, ow, kh, kw, sh, sw, top, left, is_far):
    """(P1); items are output rows of all images. Is x `is_far`, and no cache holds it?

    The first pixel of a window is beaten only by more.
    """
    places, taps = np.empty(kh * kw, np.int64), np.empty(kh * kw, np.int64)
    step = VECTOR_BYTES // x.itemsize
    whole, many = c - c % step, c - c % (MANY * step)
    for t in range(first, last):
        n, i = t // oh, t % oh
        u_first, u_last = max(0, top - i * sh), min(kh, h + top - i * sh)
        count, seen = 0, (-1, -1)
        for j in range(ow):
            v_first, v_last = max(0, left - j * sw), min(kw, w + left - j * sw)
            if seen != (v_first, v_last):
                seen = (v_first, v_last)
                count = _taps_in_sight(u_first, u_last, v_first, v_last, kw, w, c, places, taps)
            a, o = ((n * h + i * sh - top) * w + j * sw - left) * c, (t * ow + j) * c
            if is_far:
                _ask_for_next_row(x, a, kh, sh, w, sw, c)
            if count == 0:  # no pixel, padding alone
                y[o : o + c] = -np.inf
                winner[o : o + c] = 0
                continue
            for f in range(0, many, MANY * step):
                window_max_many(x, a + f, places, taps, count, y, winner, o + f, None)
            for f in range(many, whole, step):
                window_max(x, a + f, places, taps, count, y, winner, o + f, None)
            if whole < c:
                window_max(x, a + whole, places, taps, count, y, winner, o + whole, c - whole)


@kernel
def _clear_gaps(t, dx, h, w, c, oh, ow, kh, kw, sh, sw, top, left):
    """Set the pixels to 0 that no window covers, from those of output row t down to the next."""
    n, i = t // oh, t % oh
    window = i * sh - top
    for row in range(window if i > 0 else 0, window + sh if i < oh - 1 else h):
        a = (n * h + row) * w * c
        if row >= window + kh:
            dx[a : a + w * c] = 0
            continue
        for j in range(ow - 1 if sw == kw else 0, ow):
            first = j * sw - left + kw
            last = first - kw + sw if j < ow - 1 else w
            if first < last:
                dx[a + first * c : a + last * c] = 0


@kernel
def _max_backward_apart(
    first, last, dy, winner, dx, onto, h, w, c, oh, ow, kh, kw, sh, sw, top, left
):
    """Items are output rows of all images: windows that do not overlap.

    With `onto` gradients are added to what is in dx.
    """
    places, taps = np.empty(kh * kw, np.int64), np.empty(kh * kw, np.int64)
    step = VECTOR_BYTES // dy.itemsize
    whole = c - c % step
    for t in range(first, last):
        n, i = t // oh, t % oh
        if not onto:
            _clear_gaps(t, dx, h, w, c, oh, ow, kh, kw, sh, sw, top, left)
        u_first, u_last = max(0, top - i * sh), min(kh, h + top - i * sh)
        count, seen = 0, (-1, -1)
        for j in range(ow):
            v_first, v_last = max(0, left - j * sw), min(kw, w + left - j * sw)
            if seen != (v_first, v_last):
                seen = (v_first, v_last)
                count = _taps_in_sight(u_first, u_last, v_first, v_last, kw, w, c, places, taps)
            a, o = ((n * h + i * sh - top) * w + j * sw - left) * c, (t * ow + j) * c
            if onto:
                _ask_for_next_row(dx, a, kh, sh, w, sw, c)
            for f in range(0, whole, step):
                if onto:
                    window_add(dy, winner, o + f, places, taps, count, dx, a + f, None)
                else:
                    window_spread(dy, winner, o + f, places, taps, count, dx, a + f, None)
            if whole < c:
                o, a = o + whole, a + whole
                if onto:
                    window_add(dy, winner, o, places, taps, count, dx, a, c - whole)
                else:
                    window_spread(dy, winner, o, places, taps, count, dx, a, c - whole)


@kernel
def _average_forward(first, last, x, y, h, w, c, oh, ow, kh, kw, sh, sw, top, left):
    """Items are output rows of all images; sums in float64, divided by the real pixels."""
    places, taps = np.empty(kh * kw, np.int64), np.empty(kh * kw, np.int64)
    weights = np.empty(kh * kw)
    step = VECTOR_BYTES // x.itemsize
    whole = c - c % step
    for t in range(first, last):
        n, i = t // oh, t % oh
        u_first, u_last = max(0, top - i * sh), min(kh, h + top - i * sh)
        count, seen = 0, (-1, -1)
        for j in range(ow):
            v_first, v_last = max(0, left - j * sw), min(kw, w + left - j * sw)
            if seen != (v_first, v_last):
                seen = (v_first, v_last)
                count = _taps_in_sight(u_first, u_last, v_first, v_last, kw, w, c, places, taps)
                weights[:count] = 1 / max(1, count)
            a, o = ((n * h + i * sh - top) * w + j * sw - left) * c, (t * ow + j) * c
            _ask_for_next_row(x, a, kh, sh, w, sw, c)
            for f in range(0, whole, step):
                weighted_sum(x, a + f, 0, places, weights, count, y, o + f, 0, 1, None)
            if whole < c:
                weighted_sum(x, a + whole, 0, places, weights, count, y, o + whole, 0, 1, c - whole)


@kernel
def _average_backward_apart(
    first, last, dy, shares, dx, h, w, c, oh, ow, kh, kw, sh, sw, top, left
):
    """Items are output rows of all images: windows that do not overlap."""
    for t in range(first, last):
        n, i = t // oh, t % oh
        _clear_gaps(t, dx, h, w, c, oh, ow, kh, kw, sh, sw, top, left)
        u_first, u_last = max(0, top - i * sh), min(kh, h + top - i * sh)
        for u in range(u_first, u_last):
            for j in range(ow):
                v_first, v_last = max(0, left - j * sw), min(kw, w + left - j * sw)
                scale = shares[max(1, (u_last - u_first) * (v_last - v_first))]
                o = (t * ow + j) * c
                for v in range(v_first, v_last):
                    a = ((n * h + i * sh - top + u) * w + j * sw - left + v) * c
                    for f in range(c):
                        dx[U(a + f)] = dy[U(o + f)] * scale


def _sizes(x_shape, window, stride, padding):
    """Return (H, W, C, OH, OW) and the rest of the kernels' size arguments."""
    h, w, c = x_shape[1:]
    oh = out_size(h, window[0], stride[0], padding[0])
    ow = out_size(w, window[1], stride[1], padding[1])
    return (h, w, c, oh, ow, *window, *stride, padding[0][0], padding[1][0])


def _run(kernel, items, args, sizes, elements):
    threads.run(kernel, items, (*args, *sizes), 4 * elements / threads.BYTES_PER_SECOND)


def _apart(window, stride, sizes):
    """Tell whether there are windows and none overlap: then work items are rows of them."""
    return window[0] <= stride[0] and window[1] <= stride[1] and sizes[3] > 0 and sizes[4] > 0


def max_pool2d_forward(x, window, stride, padding):
    """(P1). Also returns each window's winner, its place in the window in row order."""
    sizes = _sizes(x.shape, window, stride, padding)
    shape = (x.shape[0], sizes[3], sizes[4], x.shape[3])
    y = memory.empty(shape, x.dtype)
    winner = memory.empty(shape, np.min_scalar_type(window[0] * window[1] - 1))
    args = (memory.flat(x), y.reshape(-1), winner.reshape(-1))
    _run(max_rows, shape[0] * shape[1], args, (*sizes, True), x.size)
    return y, winner


def max_pool2d_backward(dy, winner, x_shape, window, stride, padding, onto=None):
    """(P2), or (J1) of it and `onto`, in place: of an array with no gaps and nobody else's."""
    sizes = _sizes(x_shape, window, stride, padding)
    args = (memory.flat(dy), memory.flat(winner))
    if not _apart(window, stride, sizes):
        dx = memory.empty(tuple(x_shape), dy.dtype)
        rows = x_shape[0] * x_shape[1]
        _run(max_backward, rows, (*args, dx.reshape(-1)), sizes, dx.size)
        return dx if onto is None else add_forward(onto, dx)
    dx = memory.empty(tuple(x_shape), dy.dtype) if onto is None else onto
    args = (*args, dx.reshape(-1), onto is not None)
    _run(_max_backward_apart, x_shape[0] * sizes[3], args, sizes, dx.size)
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
    shares = 1 / np.maximum(1, np.arange(window[0] * window[1] + 1))
    args, sizes = (
        (memory.flat(dy), shares, dx.reshape(-1)),
        _sizes(x_shape, window, stride, padding),
    )
    if _apart(window, stride, sizes):
        _run(_average_backward_apart, x_shape[0] * sizes[3], args, sizes, dx.size)
    else:
        _run(average_backward, x_shape[0] * x_shape[1], args, sizes, dx.size)
    return dx


def global_average_pool2d_forward(x):
    """(P5)."""
    return (image_sums(x) / (x.shape[1] * x.shape[2])).astype(x.dtype)


def global_average_pool2d_backward(dy, x_shape):
    """(P6)."""
    dy, whole = dy.reshape(dy.shape[0], 1, 1, dy.shape[1]), tuple(x_shape[1:3])
    return average_pool2d_backward(dy, x_shape, whole, whole, ((0, 0), (0, 0)))
