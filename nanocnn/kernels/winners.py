"""The gradients of a convolution that was pooled by windows of 2x2, from the winners alone.

    forward      x  --filters-->  z  --relu-->  a  --max of 2x2-->  y
    backward     dw  <---  dz  <--slope [y > 0]--  da  <--winner--  dy

dz is four times as large as dy and 0 but for the winners: 65 MB in the article's network for 32
images, made in one pass, read in the next. It is not made. dw sums over windows and not over
pixels, with a quarter of the multiply-adds: see `quads`. Winograd's tiles are made from the
winners: see `winner_tiles`. Only where dx is needed and is not Winograd's, dz is made for that.

The quads of one line of the padded image, from its column s and the next one, of the line below as
well; a pooled line with filters of 3 lines needs three such lines, one of which stays:

    x        a b c d          quads of line 0     abef bcfg cdgh d.h.
             e f g h                     line 1   efij fgjk ghkl h.l.
             i j k l                     line 2   ...

A part of all pooled lines is one work item, and adds up a dw of its own.
"""

from __future__ import annotations

import numpy as np

from . import memory, threads
from .choice import winograd_pays
from .conv import conv2d_backward_input, conv2d_backward_weight
from .elementwise import RELU, backward, channel_sums, fused_backward
from .jit import HAS_BYTE_SHUFFLE, U, inline, kernel
from .outer import add_columns
from .pool import max_pool2d_backward
from .prefetch import prefetch_ahead, prefetch_run
from .quads import BYTES, COLUMNS, LANES, PER_PLACE, ROWS, RUNS, TOGETHER, make_quads, quad_product
from .winograd import (
    winograd_backward_input_pooled,
    winograd_backward_weight,
    winograd_unpools,
)

PARTS = 16  # fixed, so that the order of the additions does not depend on the threads
QUADS = ((2, 2), (2, 2), ((0, 0), (0, 0)))  # pooling by windows of 2x2 pixels, side by side
AT_ONCE = 512  # numbers of a line, where pixels fill whole vectors
WINDOWS = 16  # that are summed over at a time
PART_BYTES = 256 << 10  # of dw: it stays in the second-level cache


@inline
def _slot(quads):
    """Return how many numbers a line of so many quads takes: whole vectors of them."""
    return 4 * ((quads + LANES - 1) // LANES * LANES)


@kernel
def _padded_line(x, image, row, h, w, c, left, columns, line, to):
    """line[to:] = `columns` pixels of an image row, zeros where there is none."""
    for e in range(to, to + columns * c):
        line[U(e)] = 0
    if 0 <= row < h:
        a, end = (image * h + row) * w * c, min(w, columns - left) * c
        to += left * c
        prefetch_ahead(x, a, end)
        for e in range(end):
            line[U(to + e)] = x[U(a + e)]


@inline
def _gated(dy, y, winner, start, pixels, f, width, relu, upstream, chosen):
    """Copy a line of windows, `width` numbers a pixel: dy [y > 0], and the winners' bytes."""
    zero = dy.dtype.type(0)
    step = AT_ONCE if f == width else f
    for j in range(0, pixels * f, step):
        a, to = start + j, j // f * width if f < width else j
        there = min(step, pixels * f - j)
        if relu:
            for l in range(there):
                upstream[U(to + l)] = zero if y[U(a + l)] <= 0 else dy[U(a + l)]
        else:
            for l in range(there):
                upstream[U(to + l)] = dy[U(a + l)]
        for l in range(there):
            chosen[U(to + l)] = np.int32(winner[U(a + l)]) * PER_PLACE + BYTES


@kernel
def _runs_of_lines(first, kh, runs, slot, places):
    """List where the rows of all tiles begin, TOGETHER in a run: in lines first, first + 1 ..."""
    for u in range(kh):
        for k in range(runs):
            places[u * runs + k] = (first + u) % kh * slot + k * TOGETHER * 4
    places[kh * runs :] = 0  # a last tile's rows that nobody asks for


@kernel
def _quads_of_lines(x, first, end, image, known, h, w, c, top, left, columns, lines, kh, quads):
    """Make the quads of the padded image's lines first ... end - 1, of which `known` is there."""
    size, slot = lines.size // 2, _slot(columns * c)
    for row in range(first, end):
        upper, lower = row % 2 * size, (row + 1) % 2 * size
        if row != known:
            _padded_line(x, image, row - top, h, w, c, left, columns + 1, lines, upper)
        _padded_line(x, image, row + 1 - top, h, w, c, left, columns + 1, lines, lower)
        known = row + 1
        for e in range(0, columns * c, LANES):
            make_quads(lines, upper + e, lower + e, c, quads, row % kh * slot + 4 * e)


@inline
def _products(quads, places, step, upstream, chosen, pw, panels, out, dy, y, winner, next_line,
              f):  # fmt: skip
    """Add a line of windows to the sums, WINDOWS at a time, and ask for the next line's numbers.

    Asked for all at once, in the order of reading, more of them are under way than the processor
    can keep track of, and it does nothing else until they are there.
    """
    tiles, size, width = places.size // RUNS, ROWS * COLUMNS, panels * COLUMNS
    calls = tiles * panels * ((pw + WINDOWS - 1) // WINDOWS)
    share = (pw * f + calls - 1) // calls
    for j in range(0, pw, WINDOWS):
        for k in range(tiles):
            for q in range(panels):
                prefetch_run(dy, next_line, share)
                prefetch_run(y, next_line, share)
                prefetch_run(winner, next_line, share)
                next_line += share
                quad_product(quads, places, k * RUNS, step, min(WINDOWS, pw - j), upstream,
                             chosen, j * width + q * COLUMNS, width, out,
                             (q * tiles + k) * size)  # fmt: skip
        for k in range(places.size):
            places[k] += WINDOWS * step


@kernel
def sum_over_windows(first, last, x, dy, y, winner, sums, totals, n, h, w, c, ph, pw, f, kh, kw,
                     top, left, relu):  # fmt: skip
    """sums[part, panel of filters, tap and channel, filter] = x of the winners * dy [y > 0].

    `totals` gets the sums of dy [y > 0] alone, for each part. Items are parts.
    """
    columns = 2 * (pw - 1) + kw  # quads in a line, of c channels each
    runs, panels = (kw * c + TOGETHER - 1) // TOGETHER, (f + COLUMNS - 1) // COLUMNS
    tiles, slot = (kh * runs + RUNS - 1) // RUNS, _slot(columns * c)
    lines = np.zeros(2 * _slot((columns + 1) * c), np.float32)
    quads, places = np.zeros(kh * slot + 4 * ROWS, np.float32), np.zeros(tiles * RUNS, np.int64)
    width, size = panels * COLUMNS, ROWS * COLUMNS
    upstream, chosen = np.zeros(pw * width, np.float32), np.full(pw * width, BYTES)
    for part in range(first, last):
        out = sums[part * panels * tiles * size : (part + 1) * panels * tiles * size]
        out[:] = 0
        before = -1
        for t in range(part * n * ph // PARTS, (part + 1) * n * ph // PARTS):
            image, end = t // ph, 2 * (t % ph) + kh
            is_next = image == before
            start = end - min(2, kh) if is_next else end - kh
            _quads_of_lines(x, start, end, image, start if is_next and kh > 1 else -1, h, w, c, top,
                            left, columns, lines, kh, quads)  # fmt: skip
            before = image
            _runs_of_lines(end - kh, kh, runs, slot, places)
            _gated(dy, y, winner, t * pw * f, pw, f, width, relu, upstream, chosen)
            add_columns(upstream, pw, width, f, totals[part])
            _products(quads, places, 8 * c, upstream, chosen, pw, panels, out, dy, y, winner,
                      (t + 1) * pw * f, f)  # fmt: skip


def winners_pay(x, w_shape, conv, pool):
    """Tell whether dw is summed over windows: where it is direct, and windows have 2x2 pixels."""
    kh, kw, depth, f = w_shape
    stride, _, dilation, groups = conv
    return (
        HAS_BYTE_SHUFFLE
        and x.dtype == np.float32
        and pool == QUADS
        and stride == dilation == (1, 1)
        and groups == 1
        and 4 * kh * kw * depth * f <= PART_BYTES
        and not winograd_pays("weight", x.dtype, x.shape, w_shape, *conv)
    )


def _in_tiles(x, w_shape, conv, pool):
    """Tell whether both gradients are Winograd's, and take windows of 2x2 tile by tile."""
    pays = (winograd_pays(which, x.dtype, x.shape, w_shape, *conv) for which in ("input", "weight"))
    is_apart = pool[2] == QUADS[2]
    return all(pays) and is_apart and winograd_unpools(x.shape, w_shape[3], conv[1], *pool[:2])


def _weight_and_bias(dy, y, winner, x, w_shape, padding):
    (kh, kw, c, f), (n, h, w, _), (ph, pw) = w_shape, x.shape, dy.shape[1:3]
    runs, panels = -(-kw * c // TOGETHER), -(-f // COLUMNS)
    tiles = -(-kh * runs // RUNS)
    sums = memory.empty((PARTS, panels, tiles * RUNS, TOGETHER, COLUMNS), np.float32)
    totals = np.zeros((PARTS, f))
    gate = dy if y is None else y
    args = (memory.flat(x), memory.flat(dy), memory.flat(gate), winner.reshape(-1),
            sums.reshape(-1), totals, n, h, w, c, ph, pw, f, kh, kw, padding[0][0], padding[1][0],
            y is not None)  # fmt: skip
    seconds = 2 * dy.size * kh * kw * c / threads.FLOPS_PER_SECOND
    threads.run(sum_over_windows, PARTS, args, seconds)
    used = sums[:, :, : kh * runs].reshape(PARTS, panels, kh, runs * TOGETHER, COLUMNS)
    dw = np.moveaxis(used[..., : kw * c, :].sum(axis=0), 0, 2)
    dw = dw.reshape(kh, kw, c, panels * COLUMNS)[..., :f]
    return np.ascontiguousarray(dw), totals.sum(axis=0).astype(dy.dtype)


def conv2d_max_pool2d_backward(dy, y, winner, x, w, z_shape, conv, pool, need_dx, need_dw):
    """(C2) to (C4) of (P2) of dy, and of (A2) before where y is given: dx, dw, db or None.

    `conv` and `pool` are the two geometries.
    """
    dx = dw = db = None
    over_windows = need_dw and winners_pay(x, w.shape, conv, pool)
    if over_windows:
        dw, db = _weight_and_bias(dy, y, winner, x, w.shape, conv[1])
        if not need_dx:
            return None, dw, db
    if y is None:
        db = channel_sums(dy) if need_dw and not over_windows else db
    elif over_windows or not need_dw:
        dy = backward(dy, y, RELU)
    else:
        dy, db = fused_backward(dy, y, "relu")
    if _in_tiles(x, w.shape, conv, pool):
        if need_dw and not over_windows:
            dw = winograd_backward_weight(dy, x, conv[1], winner)
        if need_dx:
            dx = winograd_backward_input_pooled(dy, winner, w, x.shape, conv[1])
        return dx, dw, db
    dz = max_pool2d_backward(dy, winner, z_shape, *pool)
    if need_dw and not over_windows:
        dw = conv2d_backward_weight(dz, x, w.shape, *conv)
    if need_dx:
        dx = conv2d_backward_input(dz, w, x.shape, *conv)
    return dx, dw, db
