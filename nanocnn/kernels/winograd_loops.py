"""The loops of Winograd's convolution over tiles, points, panels; `winograd` calls them.

Tiles are counted in row order over all images: tile g lies in image g // (TH * TW). V, M and Z hold
36 tables (points) of tiles by channels each; `c_full` and `f_full` are the channels filled up to
whole vectors and panels.
"""

from __future__ import annotations

import numpy as np

from .jit import TILE_ROWS, I, kernel
from .microkernel import ACCUMULATE, ZERO, tile_product
from .transform import LANES, make_linear
from .windows import make_window_max

POINTS, TILE, PATCH = 36, 4, 6
CHUNK = 320  # channels or tiles that one pass sums over: a panel of them stays in the first level
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


@kernel
def _copy_patch(x, n, r0, q0, h, w, c, size, patch, c_full):
    """Copy `size` x `size` pixels from (r0, q0) on, zeros where there is no pixel or channel."""
    patch[: size * size * c_full] = 0
    for k in range(max(0, -r0), min(size, h - r0)):
        for l in range(max(0, -q0), min(size, w - q0)):
            a = ((n * h + r0 + k) * w + q0 + l) * c
            b = (k * size + l) * c_full
            for f in range(c):
                patch[b + f] = x[a + f]


@kernel
def _input_tile(x, n, r0, q0, h, w, c, c_full, patch, t, V, place, step):
    """V[point * step + place + channel] = B^T (pixels from (r0, q0) on) B."""
    inside = r0 >= 0 and q0 >= 0 and r0 + PATCH <= h and q0 + PATCH <= w
    source, o, row, pixel = x, ((n * h + r0) * w + q0) * c, w * c, c
    if not inside or c < c_full:
        _copy_patch(x, n, r0, q0, h, w, c, I(PATCH), patch, c_full)
        source, o, row, pixel = patch, 0, PATCH * c_full, c_full
    for f in range(0, c_full, LANES):
        for j in range(PATCH):
            times_b(source, o + j * pixel + f, row, t, j * LANES, PATCH * LANES)
        for i in range(PATCH):
            times_b(t, i * PATCH * LANES, LANES, V, i * PATCH * step + place + f, step)


@kernel
def _upstream_tile(dy, n, r0, q0, h, w, c, c_full, patch, t, Z, place, step):
    """Z[point * step + place + channel] = A (gradients of the 4x4 outputs from (r0, q0) on) A^T."""
    inside = r0 + TILE <= h and q0 + TILE <= w
    source, o, row, pixel = dy, ((n * h + r0) * w + q0) * c, w * c, c
    if not inside or c < c_full:
        _copy_patch(dy, n, r0, q0, h, w, c, I(TILE), patch, c_full)
        source, o, row, pixel = patch, 0, TILE * c_full, c_full
    for f in range(0, c_full, LANES):
        for j in range(TILE):
            times_a(source, o + j * pixel + f, row, t, j * LANES, TILE * LANES)
        for i in range(PATCH):
            times_a(t, i * TILE * LANES, LANES, Z, i * PATCH * step + place + f, step)


@kernel
def _output_tile(M, place, step, f_full, t, y, n, r0, q0, h, w, c, patch, bias, relu):
    """Write the 4x4 outputs from (r0, q0) on: A^T (M of this tile) A + bias."""
    inside = r0 + TILE <= h and q0 + TILE <= w and c == f_full
    target, o, row, pixel = y, ((n * h + r0) * w + q0) * c, w * c, c
    if not inside:
        target, o, row, pixel = patch, 0, TILE * f_full, f_full
    for f in range(0, f_full, LANES):
        for j in range(PATCH):
            times_at(M, place + f + j * step, PATCH * step, t, j * LANES, PATCH * LANES)
        for i in range(TILE):
            times_at_finish(t, i * PATCH * LANES, LANES, target, o + i * row + f, pixel,
                            bias, f, relu)  # fmt: skip
    if not inside:
        for k in range(min(TILE, h - r0)):
            for l in range(min(TILE, w - q0)):
                a = ((n * h + r0 + k) * w + q0 + l) * c
                b = (k * TILE + l) * f_full
                for f in range(c):
                    y[a + f] = patch[b + f]


@kernel
def _pooled_tile(M, place, step, c, t, y, winner, n, p0, q0, ph, pw, patch, bias, relu, places,
                 taps):  # fmt: skip
    """Write the largest of each 2x2 outputs, four in a tile, from the pooled pixel (p0, q0) on.

    Channels fill whole panels.
    """
    _output_tile(M, place, step, c, t, patch, 0, 0, 0, I(TILE), I(TILE), c, patch, bias,
                 relu)  # fmt: skip
    for k in range(min(TILE // 2, ph - p0)):
        for l in range(min(TILE // 2, pw - q0)):
            a, o = 2 * (k * TILE + l) * c, ((n * ph + p0 + k) * pw + q0 + l) * c
            for f in range(0, c, LANES):
                window_max(patch, a + f, places, taps, 4, y, winner, o + f)


@kernel
def _rows_of(count, step, rows):
    """rows[i] = i * step; a last register tile repeats the last row."""
    for i in range(count + TILE_ROWS):
        rows[i] = min(i, count - 1) * step


@kernel
def table_step(size):
    """Return how far the tables of two points lie apart: an odd number of cache lines.

    A tile is written to 36 tables at once. The first-level cache keeps all places that are a
    multiple of 4096 bytes apart in the same 8 lines, and 24 tiles of 128 channels are three times
    4096 bytes: the 36 would push each other out. From an odd number of lines on no two meet.
    """
    return ((size + 15) // 16 | 1) * 16


@kernel
def turn(first, last, w, turned, c, f, c_full):
    """turned[u, v, f, c] = w[2 - u, 2 - v, c, f], zeros behind the last c.

    Items are (u, v, sixteen f).

    It goes sixteen by sixteen, so that lines of both arrays stay in the cache until used up.
    """
    strips = (f + 15) // 16
    for item in range(first, last):
        tap = item // strips
        f0 = (item - tap * strips) * 16
        f1 = min(f, f0 + 16)
        for c0 in range(0, c_full, 16):
            for k in range(f0, f1):
                for l in range(c0, min(c_full, c0 + 16)):
                    value = w[((8 - tap) * c + l) * f + k] if l < c else np.float32(0)
                    turned[(tap * f + k) * c_full + l] = value


@kernel
def filters(first, last, w, U, c, f_full, panel):
    """U = G w G^T in panels (point, panel, channel, column); items are the input channels.

    `w` is (3, 3, c, f_full).
    """
    t = np.empty(PATCH * 3 * LANES, np.float32)
    panels = f_full // panel
    for channel in range(first, last):
        for f in range(0, f_full, LANES):
            for v in range(3):
                times_g(w, (v * c + channel) * f_full + f, 3 * c * f_full, t, v * LANES, 3 * LANES)
            q = f // panel
            place = (q * c + channel) * panel + f - q * panel
            step = table_step(panels * c * panel)
            for m in range(PATCH):
                times_g(t, m * 3 * LANES, LANES, U, m * PATCH * step + place, step)


@kernel
def forward(first, last, x, U, bias, y, winner, h, w, c, c_full, oh, ow, f, f_full, top, left, th,
            tw, tiles, block, panel, relu):  # fmt: skip
    """(W2), and (P1) of 2x2 pixels where `winner` is not empty: items are blocks of tiles."""
    places = np.array([0, f_full, TILE * f_full, (TILE + 1) * f_full])
    taps = np.arange(4)
    v_step, m_step = table_step(block * c_full), table_step(block * f_full)
    u_step = table_step(c * f_full)
    V, M = np.empty(POINTS * v_step, np.float32), np.empty(POINTS * m_step, np.float32)
    t = np.empty(PATCH * PATCH * LANES, np.float32)
    patch = np.empty(PATCH * PATCH * max(c_full, f_full), np.float32)
    rows, out = np.empty(block + TILE_ROWS, np.int64), np.empty(block + TILE_ROWS, np.int64)
    segments = np.empty((1, 3), np.int64)
    for item in range(first, last):
        g0 = item * block
        count = min(block, tiles - g0)
        _rows_of(count, c_full, rows)
        _rows_of(count, f_full, out)
        for g in range(count):
            n = (g0 + g) // (th * tw)
            i = (g0 + g) // tw - n * th
            j = (g0 + g) % tw
            _input_tile(x, n, i * TILE - top, j * TILE - left, h, w, c, c_full, patch, t, V,
                        g * c_full, v_step)  # fmt: skip
        for p in range(POINTS):
            for q in range(f_full // panel):
                u = p * u_step + q * c * panel
                for k in range(0, c, CHUNK):
                    segments[0, 0], segments[0, 1] = k, k * panel
                    segments[0, 2] = min(CHUNK, c - k)
                    start = ZERO if k == 0 else ACCUMULATE
                    for r in range(0, count, TILE_ROWS):
                        tile_product(V, rows, r, p * v_step, segments, 0, 1, 1, U, u, panel,
                                     M, out, p * m_step + q * panel, panel, start, bias, 0,
                                     0)  # fmt: skip
        for g in range(count):
            n = (g0 + g) // (th * tw)
            i = (g0 + g) // tw - n * th
            j = (g0 + g) % tw
            if winner.size:
                _pooled_tile(M, g * f_full, m_step, f_full, t, y, winner, n, i * TILE // 2,
                             j * TILE // 2, oh // 2, ow // 2, patch, bias, relu, places,
                             taps)  # fmt: skip
            else:
                _output_tile(M, g * f_full, m_step, f_full, t, y, n, i * TILE, j * TILE, oh, ow,
                             f, patch, bias, relu)  # fmt: skip


@kernel
def transform_both(first, last, x, dy, V, Z, h, w, c, c_full, oh, ow, f, f_full, top, left, th, tw,
                   g0, size):  # fmt: skip
    """V and Z of the tiles g0 + first ... g0 + last - 1, into tables of `size` tiles."""
    t = np.empty(PATCH * PATCH * LANES, np.float32)
    patch = np.empty(PATCH * PATCH * max(c_full, f_full), np.float32)
    v_step, z_step = table_step(size * c_full), table_step(size * f_full)
    for g in range(first, last):
        n = (g0 + g) // (th * tw)
        i = (g0 + g) // tw - n * th
        j = (g0 + g) % tw
        _input_tile(x, n, i * TILE - top, j * TILE - left, h, w, c, c_full, patch, t, V,
                    g * c_full, v_step)  # fmt: skip
        _upstream_tile(dy, n, i * TILE, j * TILE, oh, ow, f, f_full, patch, t, Z,
                       g * f_full, z_step)  # fmt: skip


@kernel
def sum_products(first, last, V, Z, dU, du0, c, c_full, f_full, count, size, panel, start):
    """dU[point] (+)= V[point]^T Z[point] over `count` tiles; items are (point, panel) pairs."""
    rows, out = np.empty(c + TILE_ROWS, np.int64), np.empty(c + TILE_ROWS, np.int64)
    v_step, z_step = table_step(size * c_full), table_step(size * f_full)
    segments = np.empty((1, 3), np.int64)
    _rows_of(c, I(1), rows)
    _rows_of(c, f_full, out)
    panels = f_full // panel
    for item in range(first, last):
        p = item // panels
        column = (item - p * panels) * panel
        for k in range(0, count, CHUNK):
            segments[0, 0], segments[0, 1] = k * c_full, k * f_full
            segments[0, 2] = min(CHUNK, count - k)
            begin = start if k == 0 else ACCUMULATE
            for r in range(0, c, TILE_ROWS):
                tile_product(V, rows, r, p * v_step, segments, 0, 1, c_full, Z,
                             p * z_step + column, f_full, dU, out,
                             du0 + p * c * f_full + column, panel, begin, Z, 0, 0)  # fmt: skip


@kernel
def backward_weight_parts(first, last, x, dy, dU, h, w, c, c_full, oh, ow, f, f_full, top, left, th,
                          tw, tiles, parts, block, panel):  # fmt: skip
    """(W3) without the last step; items are parts of the tiles, each with a dU of its own."""
    V, Z = (
        np.empty(POINTS * table_step(block * c_full), np.float32),
        np.empty(POINTS * table_step(block * f_full), np.float32),
    )
    for part in range(first, last):
        g0, end = part * tiles // parts, (part + 1) * tiles // parts
        start = ZERO
        while g0 < end:
            count = min(block, end - g0)
            transform_both(0, count, x, dy, V, Z, h, w, c, c_full, oh, ow, f, f_full, top, left, th,
                           tw, g0, block)  # fmt: skip
            sum_products(0, POINTS * (f_full // panel), V, Z, dU, part * POINTS * c * f_full, c,
                         c_full, f_full, count, block, panel, start)  # fmt: skip
            start = ACCUMULATE
            g0 += count


@kernel
def back_to_filters(first, last, dU, parts, dw, c, f_full):
    """dw = G^T (sum of the parts' dU) G, (3, 3, c, f_full); items are input channels."""
    t = np.empty(3 * PATCH * LANES, np.float32)
    total = np.empty(POINTS * LANES, np.float32)
    size = POINTS * c * f_full
    for channel in range(first, last):
        for f in range(0, f_full, LANES):
            total[:] = 0
            for part in range(parts):
                for p in range(POINTS):
                    a = part * size + (p * c + channel) * f_full + f
                    for lane in range(LANES):
                        total[p * LANES + lane] += dU[a + lane]
            for l in range(PATCH):
                times_gt(total, l * LANES, PATCH * LANES, t, l * LANES, PATCH * LANES)
            for u in range(3):
                times_gt(t, u * PATCH * LANES, LANES, dw, (u * 3 * c + channel) * f_full + f,
                         c * f_full)  # fmt: skip
