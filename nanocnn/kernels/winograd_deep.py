"""Winograd's convolution of deep layers: many channels, few tiles. `winograd` calls these loops.

U of 512 channels and filters takes 38 MB, as much as the last-level cache, and is needed once for a
few tiles: to write it and to read it back takes longer than the products. So V of all tiles is made
first, and then a panel of filters at a time goes all the way from w to y, or from V and Z to dw:

    w --G-->  U (36, 128 channels, panel)  --V-->  M (36, tiles, panel)  --A-->  y
    V, Z  -->  dU (36, 64 channels, panel)  --G-->  dw

What lies between is small enough for the second-level cache.
"""

from __future__ import annotations

import numpy as np

from .jit import TILE_ROWS, I, kernel, panel_width
from .microkernel import ACCUMULATE, ZERO, tile_product
from .transform import LANES
from .winograd_loops import CHUNK, TILES_CHUNK, rows_of, table_step
from .winograd_tiles import (
    PATCH,
    POINTS,
    TILE,
    add_vector,
    input_tile,
    output_tile,
    times_g,
    times_gt,
)

DEPTH = 2048 // panel_width(4)  # channels whose dU, of one panel, is made at a time


@kernel
def transform_input(first, last, x, V, h, w, c, c_full, top, left, th, tw, tiles):
    """V of all tiles; items are the tiles."""
    t = np.empty(PATCH * PATCH * LANES, np.float32)
    patch = np.empty(PATCH * PATCH * LANES, np.float32)
    for g in range(first, last):
        n = g // (th * tw)
        i = g // tw - n * th
        j = g % tw
        input_tile(x, n, i * TILE - top, j * TILE - left, h, w, c, c_full, patch, t, V,
                   g * c_full, table_step(tiles * c_full), c_full, c_full)  # fmt: skip


@kernel
def _panel_filters(w, c, f_full, c0, depth, f0, columns, t, U, step, panel):
    """U[point * step + k * panel + column] = G w G^T of channel c0 + k and filter f0 + column."""
    for k in range(depth):
        for f in range(0, columns, LANES):
            for v in range(3):
                times_g(w, (v * c + c0 + k) * f_full + f0 + f, 3 * c * f_full, t, v * LANES,
                        3 * LANES)  # fmt: skip
            for m in range(PATCH):
                times_g(t, m * 3 * LANES, LANES, U, m * PATCH * step + k * panel + f, step)


@kernel
def forward_panels(first, last, V, w, bias, y, c, c_full, oh, ow, f, f_full, th, tw, tiles, panel,
                   relu):  # fmt: skip
    """(W2) from V on; items are panels of filters, w (3, 3, c, f_full) has whole ones."""
    v_step, u_step, m_step = (
        table_step(tiles * c_full), table_step(CHUNK * panel), table_step(tiles * panel),
    )  # fmt: skip
    U, M = np.empty(POINTS * u_step, np.float32), np.empty(POINTS * m_step, np.float32)
    t = np.empty(PATCH * PATCH * LANES, np.float32)
    patch = np.empty(TILE * TILE * LANES, np.float32)
    rows, out = np.empty(tiles + TILE_ROWS, np.int64), np.empty(tiles + TILE_ROWS, np.int64)
    segments = np.zeros((1, 3), np.int64)
    rows_of(tiles, c_full, rows)
    rows_of(tiles, panel, out)
    for q in range(first, last):
        f0 = q * panel
        columns = min(panel, (f - f0 + LANES - 1) // LANES * LANES)
        for c0 in range(0, c, CHUNK):
            depth = min(I(CHUNK), c - c0)
            _panel_filters(w, c, f_full, c0, depth, f0, columns, t, U, u_step, panel)
            segments[0, 2] = depth
            start = ZERO if c0 == 0 else ACCUMULATE
            for p in range(POINTS):
                for r in range(0, tiles, TILE_ROWS):
                    tile_product(V, rows, r, p * v_step + c0, segments, 0, 1, 1, U, p * u_step,
                                 panel, M, out, p * m_step, columns, start, bias, 0,
                                 0)  # fmt: skip
        for g in range(tiles):
            n = g // (th * tw)
            i = g // tw - n * th
            j = g % tw
            output_tile(M, g * panel, m_step, columns, t, y, n, i * TILE, j * TILE, oh, ow, f, f0,
                        patch, bias, relu)  # fmt: skip


@kernel
def _panel_gradient(dU, channels, c0, columns, f0, t, three, dw, c, f_full, panel, again):
    """dw = G^T dU G for some channels and a panel of filters, or dw += that."""
    for k in range(channels):
        for f in range(0, columns, LANES):
            for l in range(PATCH):
                times_gt(dU, (l * DEPTH + k) * panel + f, PATCH * DEPTH * panel, t, l * LANES,
                         PATCH * LANES)  # fmt: skip
            for u in range(3):
                to = (u * 3 * c + c0 + k) * f_full + f0 + f
                if not again:
                    times_gt(t, u * PATCH * LANES, LANES, dw, to, c * f_full)
                    continue
                times_gt(t, u * PATCH * LANES, LANES, three, 0, LANES)
                for v in range(3):
                    add_vector(three, v * LANES, dw, to + v * c * f_full)


@kernel
def weight_panels(first, last, V, Z, dw, c, c_full, f_full, count, size, panel, again):
    """(W3) from V and Z on, of `count` tiles; items are a panel of filters and DEPTH channels.

    Of each tile one vector of channels, in Z one panel, lies behind that of the tile before it: so
    what a register tile sums over is read in a row.
    """
    v_step = table_step(size * c_full)
    z_step = table_step(size * ((f_full + panel - 1) // panel * panel))
    dU = np.empty(POINTS * DEPTH * panel, np.float32)
    t, three = np.empty(3 * PATCH * LANES, np.float32), np.empty(3 * LANES, np.float32)
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
        _panel_gradient(dU, channels, c0, columns, f0, t, three, dw, c, f_full, panel, again)
