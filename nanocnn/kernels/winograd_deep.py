"""Winograd's convolution of deep layers: many channels, few tiles. `winograd` calls these loops.

U of 512 channels and filters takes 38 MB, as much as the last-level cache, and is needed once for a
few tiles: to write it and to read it back takes longer than the products. With fewer filters it
still takes longer than to make a panel of it where the panel is used. So V of all tiles is made
first, and then a panel of filters at a time goes all the way from w to y, or from V and Z to dw:

    w --G-->  U (36, 128 channels, panel)  --V-->  M (36, tiles, panel)  --A-->  y
    V, Z  -->  dU (36, 64 channels, panel)  --G-->  dw

What lies between is small enough for the second-level cache.
"""

from __future__ import annotations

import numpy as np

from .jit import TILE_ROWS, I, as_written, kernel, panel_width
from .microkernel import ACCUMULATE, ZERO, tile_product
from .transform import LANES
from .winograd_loops import CHUNK, TILES_CHUNK, columns_of, rows_of, table_step
from .winograd_tiles import (
    PATCH,
    POINTS,
    add_vector,
    filter_to_points,
    input_tiles,
    output_tiles,
    points_to_filter,
    turned_square,
)

DEPTH = 2048 // panel_width(4)  # channels whose dU, of one panel, is made at a time


@kernel
def transform_input(first, last, x, x2, V, h, w, c1, c, c_full, top, left, th, tw,
                    tiles):  # fmt: skip
    """V of all tiles; items are the tiles."""
    v_step, columns = table_step(tiles * c_full), columns_of(c_full, c_full, 0)
    input_tiles(first, last - first, x, x2, h, w, c1, c, top, left, th, tw, V, first * c_full,
                c_full, v_step, columns)  # fmt: skip


@as_written
def _panel_filters(w, c, f_full, c0, depth, f0, columns, U, step, panel):
    """U[point * step + k * panel + column] = G w G^T of channel c0 + k and filter f0 + column."""
    for k in range(depth):
        for f in range(0, columns, LANES):
            filter_to_points(w, (c0 + k) * f_full + f0 + f, 3 * c * f_full, c * f_full, U,
                             k * panel + f, PATCH * step, step, None)  # fmt: skip


@kernel
def _turned_panel(w, c, f, c0, depth, f0, columns, panel, turned):
    """turned[tap, k, column] = w[8 - tap, f0 + column, c0 + k]."""
    for tap in range(9):
        for k in range(0, depth, LANES):
            for l in range(0, columns, LANES):
                turned_square(w, f, c, tap, f0 + l, c0 + k, turned, (tap * CHUNK + k) * panel + l,
                              panel)  # fmt: skip


@kernel
def forward_panels(first, last, V, w, bias, y, y2, c, c_full, oh, ow, f1, f, f_full, th, tw, tiles,
                   panel, relu, turn):  # fmt: skip
    """(W2) from V on; items are panels of filters, w (3, 3, c, f_full) has whole ones.

    With `turn` w is (3, 3, f, c), and turned panel by panel.
    """
    v_step, u_step, m_step = (
        table_step(tiles * c_full), table_step(CHUNK * panel), table_step(tiles * panel),
    )  # fmt: skip
    U, M = np.empty(POINTS * u_step, np.float32), np.empty(POINTS * m_step, np.float32)
    rows, out = np.empty(tiles + TILE_ROWS, np.int64), np.empty(tiles + TILE_ROWS, np.int64)
    segments = np.zeros((1, 3), np.int64)
    turned = np.empty(9 * CHUNK * panel if turn else 0, np.float32)
    rows_of(tiles, c_full, rows)
    rows_of(tiles, panel, out)
    for q in range(first, last):
        f0 = q * panel
        columns = min(panel, (f - f0 + LANES - 1) // LANES * LANES)
        for c0 in range(0, c, CHUNK):
            depth = min(I(CHUNK), c - c0)
            if turn:
                _turned_panel(w, c, f, c0, depth, f0, columns, panel, turned)
                _panel_filters(turned, I(CHUNK), panel, I(0), depth, I(0), columns, U, u_step,
                               panel)  # fmt: skip
            else:
                _panel_filters(w, c, f_full, c0, depth, f0, columns, U, u_step, panel)
            segments[0, 2] = depth
            start = ZERO if c0 == 0 else ACCUMULATE
            for p in range(POINTS):
                for r in range(0, tiles, TILE_ROWS):
                    tile_product(V, rows, r, p * v_step + c0, segments, 0, 1, 1, U, p * u_step,
                                 panel, M, out, p * m_step, columns, start, bias, 0,
                                 0)  # fmt: skip
        output_tiles(I(0), tiles, M, panel, m_step, columns, y, y2, oh, ow, f1, f, f0, th, tw, bias,
                     relu)  # fmt: skip


@as_written
def _panel_gradient(dU, channels, c0, columns, f0, nine, dw, c, f_full, panel, again):
    """dw = G^T dU G for some channels and a panel of filters, or dw += that."""
    for k in range(channels):
        for f in range(0, columns, LANES):
            points, to = k * panel + f, (c0 + k) * f_full + f0 + f
            row, column = PATCH * DEPTH * panel, DEPTH * panel
            if not again:
                points_to_filter(dU, points, row, column, dw, to, 3 * c * f_full, c * f_full, None)
                continue
            points_to_filter(dU, points, row, column, nine, 0, I(3 * LANES), I(LANES), None)
            for v in range(9):
                add_vector(nine, v * LANES, dw, to + v * c * f_full)


@kernel
def weight_panels(first, last, V, Z, dw, c, c_full, f_full, count, size, panel, again):
    """(W3) from V and Z on, of `count` tiles; items are a panel of filters and DEPTH channels.

    Of each tile one vector of channels, in Z one panel, lies behind that of the tile before it: so
    what a register tile sums over is read in a row.
    """
    v_step = table_step(size * c_full)
    z_step = table_step(size * ((f_full + panel - 1) // panel * panel))
    dU = np.empty(POINTS * DEPTH * panel, np.float32)
    nine = np.empty(9 * LANES, np.float32)
    rows, out = np.empty(DEPTH + TILE_ROWS, np.int64), np.empty(DEPTH + TILE_ROWS, np.int64)
    segments = np.empty((1, 3), np.int64)
    blocks = (c + DEPTH - 1) // DEPTH
    for item in range(first, last):
        q = item // blocks
        c0, f0 = (item - q * blocks) * DEPTH, q * panel
        channels, columns = min(I(DEPTH), c - c0), min(panel, f_full - f0)
        for k in range(channels + TILE_ROWS):
            channel = c0 + min(k, channels - 1)
            rows[k] = channel // LANES * size * LANES + channel % LANES
        rows_of(channels, panel, out)
        for p in range(POINTS):
            for k in range(0, count, TILES_CHUNK):
                segments[0, 0], segments[0, 1] = k * LANES, k * panel
                segments[0, 2] = min(TILES_CHUNK, count - k)
                start = ZERO if k == 0 else ACCUMULATE
                for r in range(0, channels, TILE_ROWS):
                    tile_product(V, rows, r, p * v_step, segments, 0, 1, I(LANES), Z,
                                 p * z_step + q * size * panel, panel, dU, out, p * DEPTH * panel,
                                 columns, start, Z, 0, 0)  # fmt: skip
        _panel_gradient(dU, channels, c0, columns, f0, nine, dw, c, f_full, panel, again)
