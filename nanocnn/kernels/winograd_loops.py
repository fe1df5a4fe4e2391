"""The loops of Winograd's convolution over tiles, points, panels; `winograd` calls them.

Tiles are counted in row order over all images: tile g lies in image g // (TH * TW). V, M and Z hold
36 tables (points) of tiles by channels each; `c_full` and `f_full` are the channels filled up to
whole vectors. U has whole panels.
"""

from __future__ import annotations

import numpy as np

from .jit import TALL_ROWS, TILE_ROWS, I, as_written, kernel
from .microkernel import ACCUMULATE, ZERO, tall_product, tile_product
from .transform import LANES
from .winner_tiles import winner_tiles
from .winograd_tiles import (
    PATCH,
    POINTS,
    TILE,
    add_vector,
    copy_vector,
    filter_to_points,
    input_tiles,
    next_place,
    output_tiles,
    place_of,
    points_to_filter,
    pooled_tile,
    turned_square,
    upstream_tiles,
)

RUN = 8  # vectors of a point that are read in a row
# So many tiles, in dw, and channels, in all else, one pass sums over: a panel of them stays in the
# first-level cache. A sum is cut at the same places wherever it is computed, or bits would differ.
TILES_CHUNK, CHUNK = 320, 128


@kernel
def rows_of(count, step, rows):
    """rows[i] = i * step; a last register tile repeats the last row."""
    for i in range(count + TILE_ROWS):
        rows[i] = min(i, count - 1) * step


@kernel
def columns_of(channels, width, apart):
    """Return where each vector of a tile's channels lies in the table of a point.

    `width` channels of a tile lie side by side, the next ones `apart` further on.
    """
    columns = np.empty(channels // LANES, np.int64)
    for k in range(columns.size):
        columns[k] = k * LANES // width * apart + k * LANES % width
    return columns


@kernel
def table_step(size):
    """Return how far the tables of two points lie apart: an odd number of cache lines.

    A tile is written to 36 tables at once. The first-level cache keeps all places that are a
    multiple of 4096 bytes apart in the same 8 lines, and 24 tiles of 128 channels are three times
    4096 bytes: the 36 would push each other out. From an odd number of lines on no two meet.
    """
    return ((size + 15) // 16 | 1) * 16


@as_written
def filters(first, last, w, U, c, f_full, panel):
    """U = G w G^T in panels (point, panel, channel, column); items are the input channels.

    `w` is (3, 3, c, f_full), whose last axis is whole panels.
    """
    panels = f_full // panel
    step = table_step(panels * c * panel)
    for channel in range(first, last):
        for f in range(0, f_full, LANES):
            q = f // panel
            place = (q * c + channel) * panel + f - q * panel
            filter_to_points(w, channel * f_full + f, 3 * c * f_full, c * f_full, U, place,
                             PATCH * step, step, None)  # fmt: skip


@as_written
def turned_filters(first, last, w, U, c, f, f_full, panel):
    """The same from filters (3, 3, f, c), turned by 180 degrees, f and c exchanged.

    Items are squares of LANES input channels and LANES filters.
    """
    panels, vectors = f_full // panel, f_full // LANES
    step = table_step(panels * c * panel)
    nine = np.empty(9 * LANES * LANES, np.float32)
    for item in range(first, last):
        c0 = item // vectors * LANES
        f0 = item * LANES - c0 * vectors
        q = f0 // panel
        for tap in range(9):
            turned_square(w, f, c, tap, f0, c0, nine, tap * LANES * LANES, I(LANES))
        for k in range(min(LANES, c - c0)):
            place = (q * c + c0 + k) * panel + f0 - q * panel
            filter_to_points(nine, k * LANES, I(3 * LANES * LANES), I(LANES * LANES), U, place,
                             PATCH * step, step, None)  # fmt: skip


@kernel
def forward(first, last, x, x2, won, U, bias, y, y2, winner, h, w, c1, c, c_full, oh, ow, f1, f,
            f_full, top, left, th, tw, tiles, block, panel, relu):  # fmt: skip
    """(W2), and (P1) of 2x2 pixels where `winner` is not empty: items are blocks of tiles.

    x and x2, y and y2 are two images whose channels stand for those of one, c1 and f1 in the first.
    Where `won` is not empty, x is what (P2) gives to these winners of its windows.
    """
    places = np.array([0, f_full, TILE * f_full, (TILE + 1) * f_full])
    taps = np.arange(4)
    v_step, m_step = table_step(block * c_full), table_step(block * f_full)
    panels = (f_full + panel - 1) // panel
    u_step = table_step(panels * c * panel)
    V, M = np.empty(POINTS * v_step, np.float32), np.empty(POINTS * m_step, np.float32)
    patch = np.empty(TILE * TILE * (f_full if winner.size else 0), np.float32)
    rows, out = np.empty(block + TILE_ROWS, np.int64), np.empty(block + TILE_ROWS, np.int64)
    segments, columns = np.empty((1, 3), np.int64), columns_of(c_full, c_full, 0)
    for item in range(first, last):
        g0 = item * block
        count = min(block, tiles - g0)
        rows_of(count, c_full, rows)
        rows_of(count, f_full, out)
        if won.size:
            winner_tiles(g0, count, x, won, h // 2, w // 2, c, top, left, th, tw, V, I(0), c_full,
                         v_step, columns, True)  # fmt: skip
        else:
            input_tiles(g0, count, x, x2, h, w, c1, c, top, left, th, tw, V, I(0), c_full, v_step,
                        columns)  # fmt: skip
        for p in range(POINTS):
            for q in range(panels):
                u = p * u_step + q * c * panel
                there = min(panel, f_full - q * panel)
                for k in range(0, c, CHUNK):
                    segments[0, 0], segments[0, 1] = k, k * panel
                    segments[0, 2] = min(CHUNK, c - k)
                    start = ZERO if k == 0 else ACCUMULATE
                    tall = count // TALL_ROWS * TALL_ROWS if there <= LANES else 0
                    for r in range(0, tall, TALL_ROWS):
                        tall_product(V, rows, r, p * v_step, segments, 0, 1, 1, U, u, panel,
                                     M, out, p * m_step + q * panel, there, start, bias, 0,
                                     0)  # fmt: skip
                    for r in range(tall, count, TILE_ROWS):
                        tile_product(V, rows, r, p * v_step, segments, 0, 1, 1, U, u, panel,
                                     M, out, p * m_step + q * panel, there, start, bias, 0,
                                     0)  # fmt: skip
        if winner.size == 0:
            output_tiles(g0, count, M, f_full, m_step, f_full, y, y2, oh, ow, f1, f, I(0), th, tw,
                         bias, relu)  # fmt: skip
            continue
        n, i, j = place_of(g0, th, tw)
        for g in range(count):
            pooled_tile(M, g * f_full, m_step, f_full, y, winner, n, i * TILE // 2, j * TILE // 2,
                        oh // 2, ow // 2, patch, bias, relu, places, taps)  # fmt: skip
            n, i, j = next_place(n, i, j, th, tw)


@kernel
def transform_both(first, last, x, x2, dy, won, V, Z, h, w, c1, c, c_full, oh, ow, f, f_full, top,
                   left, th, tw, g0, size, v_width, z_width):  # fmt: skip
    """V and Z of the tiles g0 + first ... g0 + last - 1, into tables of `size` tiles.

    Where `won` is not empty, dy is what (P2) gives to these winners of its windows.

    Of each tile `v_width` channels lie side by side, and behind them those of the next tile.
    """
    v_step = table_step(size * c_full)
    z_step = table_step(size * ((f_full + z_width - 1) // z_width * z_width))
    v_columns = columns_of(c_full, v_width, size * v_width)
    z_columns = columns_of(f_full, z_width, size * z_width)
    count = last - first
    input_tiles(g0 + first, count, x, x2, h, w, c1, c, top, left, th, tw, V, first * v_width,
                v_width, v_step, v_columns)  # fmt: skip
    if won.size:
        winner_tiles(g0 + first, count, dy, won, oh // 2, ow // 2, f, I(0), I(0), th, tw, Z,
                     first * z_width, z_width, z_step, z_columns, False)  # fmt: skip
    else:
        upstream_tiles(g0 + first, count, dy, oh, ow, f, th, tw, Z, first * z_width, z_width,
                       z_step, z_columns)  # fmt: skip


@kernel
def sum_products(first, last, V, Z, dU, du0, c, c_full, f_full, count, size, panel, start):
    """dU[point] (+)= V[point]^T Z[point] over `count` tiles; items are (point, panel) pairs."""
    rows, out = np.empty(c + TILE_ROWS, np.int64), np.empty(c + TILE_ROWS, np.int64)
    v_step, z_step = table_step(size * c_full), table_step(size * f_full)
    segments = np.empty((1, 3), np.int64)
    rows_of(c, I(1), rows)
    rows_of(c, f_full, out)
    panels = (f_full + panel - 1) // panel
    for item in range(first, last):
        p = item // panels
        column = (item - p * panels) * panel
        there = min(panel, f_full - column)
        for k in range(0, count, TILES_CHUNK):
            segments[0, 0], segments[0, 1] = k * c_full, k * f_full
            segments[0, 2] = min(TILES_CHUNK, count - k)
            begin = start if k == 0 else ACCUMULATE
            tall = c // TALL_ROWS * TALL_ROWS if there <= LANES else 0
            for r in range(0, tall, TALL_ROWS):
                tall_product(V, rows, r, p * v_step, segments, 0, 1, c_full, Z,
                             p * z_step + column, f_full, dU, out,
                             du0 + p * c * f_full + column, there, begin, Z, 0, 0)  # fmt: skip
            for r in range(tall, c, TILE_ROWS):
                tile_product(V, rows, r, p * v_step, segments, 0, 1, c_full, Z,
                             p * z_step + column, f_full, dU, out,
                             du0 + p * c * f_full + column, there, begin, Z, 0, 0)  # fmt: skip


@kernel
def backward_weight_parts(first, last, x, x2, dy, won, dU, h, w, c1, c, c_full, oh, ow, f, f_full,
                          top, left, th, tw, tiles, parts, block, panel):  # fmt: skip
    """(W3) without the last step; items are parts of the tiles, each with a dU of its own."""
    V, Z = (
        np.empty(POINTS * table_step(block * c_full), np.float32),
        np.empty(POINTS * table_step(block * f_full), np.float32),
    )
    panels = (f_full + panel - 1) // panel
    for part in range(first, last):
        g0, end = part * tiles // parts, (part + 1) * tiles // parts
        start = ZERO
        while g0 < end:
            count = min(block, end - g0)
            transform_both(I(0), count, x, x2, dy, won, V, Z, h, w, c1, c, c_full, oh, ow, f,
                           f_full, top, left, th, tw, g0, block, c_full, f_full)  # fmt: skip
            sum_products(0, POINTS * panels, V, Z, dU, part * POINTS * c * f_full, c, c_full,
                         f_full, count, block, panel, start)  # fmt: skip
            start = ACCUMULATE
            g0 += count


@as_written
def back_to_filters(first, last, dU, parts, dw, c, f_full):
    """dw = G^T (sum of the parts' dU) G, (3, 3, c, f_full); items are input channels.

    A few vectors are taken at a time: the points of dU lie far apart, and from each place memory
    is read at full speed only if some lines in a row are wanted.
    """
    total = np.empty(POINTS * RUN * LANES, np.float32)
    size = POINTS * c * f_full
    for channel in range(first, last):
        for f0 in range(0, f_full, RUN * LANES):
            there = min(RUN * LANES, f_full - f0)
            for p in range(POINTS):
                a, b = (p * c + channel) * f_full + f0, p * RUN * LANES
                for f in range(0, there, LANES):
                    copy_vector(dU, a + f, total, b + f)
                    for part in range(1, parts):
                        add_vector(dU, part * size + a + f, total, b + f)
            for f in range(0, there, LANES):
                to = channel * f_full + f0 + f
                points_to_filter(total, f, PATCH * RUN * LANES, RUN * LANES, dw, to, 3 * c * f_full,
                                 c * f_full, None)  # fmt: skip
