"""One tile of Winograd's convolution: its way into V or Z, and from M to the image.

A tile lies in image n, its first pixel at row r0 and column q0. Where it reaches over the border,
or a vector over the last channel, it is first copied between zeros, a vector of channels at a time.
"""

from __future__ import annotations

import numpy as np

from .copies import make_add, make_copy
from .jit import I, kernel
from .transform import LANES, make_linear
from .windows import make_window_max

POINTS, TILE, PATCH = 36, 4, 6
A = [[1, 0, 0, 0], [1, 1, 1, 1], [1, -1, 1, -1], [1, 2, 4, 8], [1, -2, 4, -8], [0, 0, 0, 1]]
G = [[1 / 4, 0, 0], [-1 / 6] * 3, [-1 / 6, 1 / 6, -1 / 6], [1 / 24, 1 / 12, 1 / 6],
     [1 / 24, -1 / 12, 1 / 6], [0, 0, 1]]  # fmt: skip
B = [[4, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0], [0, -2, -1, 2, 1, 0],
     [0, 2, -1, -2, 1, 0], [0, 4, 0, -5, 0, 1]]  # fmt: skip
times_b = make_linear(B)
times_a = make_linear(A)
times_g = make_linear(G)
times_at = make_linear(np.transpose(A))
times_at_finish = make_linear(np.transpose(A), finish=True)
times_gt = make_linear(np.transpose(G))
window_max = make_window_max(1)
copy_vector, add_vector = make_copy(LANES), make_add(LANES)


@kernel
def _copy_patch(x, n, r0, q0, h, w, c, f, size, patch):
    """Copy channels f, f + 1 ... of `size` x `size` pixels from (r0, q0) on: one vector of each.

    Zeros stand where there is no pixel or channel.
    """
    patch[: size * size * LANES] = 0
    there = min(I(LANES), c - f)
    for k in range(max(0, -r0), min(size, h - r0)):
        for l in range(max(0, -q0), min(size, w - q0)):
            a = ((n * h + r0 + k) * w + q0 + l) * c + f
            b = (k * size + l) * LANES
            if there == LANES:
                copy_vector(x, a, patch, b)
            else:
                for lane in range(there):
                    patch[b + lane] = x[a + lane]


@kernel
def input_tile(x, n, r0, q0, h, w, c, c_full, patch, t, V, place, step, width, apart):
    """V[point * step + place + column of channel] = B^T (pixels from (r0, q0) on) B.

    `width` channels lie side by side, the next ones `apart` behind: in row order both are as much.
    """
    inside = r0 >= 0 and q0 >= 0 and r0 + PATCH <= h and q0 + PATCH <= w
    for f in range(0, c_full, LANES):
        source, o, row, pixel = x, ((n * h + r0) * w + q0) * c + f, w * c, c
        if not inside or f + LANES > c:
            _copy_patch(x, n, r0, q0, h, w, c, f, I(PATCH), patch)
            source, o, row, pixel = patch, 0, I(PATCH * LANES), I(LANES)
        for j in range(PATCH):
            times_b(source, o + j * pixel, row, t, j * LANES, PATCH * LANES)
        for i in range(PATCH):
            to = i * PATCH * step + place + f // width * apart + f % width
            times_b(t, i * PATCH * LANES, LANES, V, to, step)


@kernel
def upstream_tile(dy, n, r0, q0, h, w, c, c_full, patch, t, Z, place, step, width, apart):
    """Z[point * step + place + column of channel] = A (gradients of 4x4 outputs from (r0, q0)) A^T.

    See `input_tile`.
    """
    inside = r0 + TILE <= h and q0 + TILE <= w
    for f in range(0, c_full, LANES):
        source, o, row, pixel = dy, ((n * h + r0) * w + q0) * c + f, w * c, c
        if not inside or f + LANES > c:
            _copy_patch(dy, n, r0, q0, h, w, c, f, I(TILE), patch)
            source, o, row, pixel = patch, 0, I(TILE * LANES), I(LANES)
        for j in range(TILE):
            times_a(source, o + j * pixel, row, t, j * LANES, TILE * LANES)
        for i in range(PATCH):
            to = i * PATCH * step + place + f // width * apart + f % width
            times_a(t, i * TILE * LANES, LANES, Z, to, step)


@kernel
def output_tile(M, place, step, columns, t, y, n, r0, q0, h, w, c, f0, patch, bias, relu):
    """Write the 4x4 outputs from (r0, q0) on: A^T (M of this tile) A + bias.

    M holds `columns` of the c channels, from channel f0 on.
    """
    inside = r0 + TILE <= h and q0 + TILE <= w
    for column in range(0, columns, LANES):
        f = f0 + column
        whole = inside and f + LANES <= c
        target, o, row, pixel = y, ((n * h + r0) * w + q0) * c + f, w * c, c
        if not whole:
            target, o, row, pixel = patch, 0, I(TILE * LANES), I(LANES)
        for j in range(PATCH):
            times_at(M, place + column + j * step, PATCH * step, t, j * LANES, PATCH * LANES)
        for i in range(TILE):
            times_at_finish(t, i * PATCH * LANES, LANES, target, o + i * row, pixel, bias, f,
                            relu)  # fmt: skip
        if not whole:
            _copy_back(patch, y, n, r0, q0, h, w, c, f)


@kernel
def _copy_back(patch, y, n, r0, q0, h, w, c, f):
    """Copy what lies within y of 4x4 pixels from (r0, q0) on, one vector of channels each."""
    there = min(I(LANES), c - f)
    for k in range(min(TILE, h - r0)):
        for l in range(min(TILE, w - q0)):
            a, b = ((n * h + r0 + k) * w + q0 + l) * c + f, (k * TILE + l) * LANES
            if there == LANES:
                copy_vector(patch, b, y, a)
            else:
                for lane in range(there):
                    y[a + lane] = patch[b + lane]


@kernel
def pooled_tile(M, place, step, c, t, y, winner, n, p0, q0, ph, pw, patch, bias, relu, places,
                 taps):  # fmt: skip
    """Write the largest of each 2x2 outputs, four in a tile, from the pooled pixel (p0, q0) on.

    Channels fill whole vectors.
    """
    output_tile(M, place, step, c, t, patch, 0, 0, 0, I(TILE), I(TILE), c, I(0), patch, bias,
                relu)  # fmt: skip
    for k in range(min(TILE // 2, ph - p0)):
        for l in range(min(TILE // 2, pw - q0)):
            a, o = 2 * (k * TILE + l) * c, ((n * ph + p0 + k) * pw + q0 + l) * c
            for f in range(0, c, LANES):
                window_max(patch, a + f, places, taps, 4, y, winner, o + f)
