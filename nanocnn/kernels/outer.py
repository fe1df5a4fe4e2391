"""Sums over pixels: the gradients of filters and weights, by the micro-kernel of `microkernel`.

    dw[row, column]  =  sum over pixels of  x[row, pixel] * dy[pixel, column]

A row is one tap and one channel. A few hundred pixels at a time are copied side by side: dy as
panels, and x six rows high where several panels pass over it,

    dy  |p0 c0..c15|p1 c0..c15| ...        one panel, 16 KB        x  |p0 r0..r5|p1 r0..r5| ...

because in memory the pixels of an image with 256 channels lie 1 KB apart, and the first-level
cache keeps all addresses that are a multiple of 4 KB apart in the same 8 places: read where they
lie, they would push each other out. The copies doubled the speed of deep layers.
"""

from __future__ import annotations

import numpy as np

from .copies import make_copy
from .jit import TALL_ROWS, TILE_ROWS, TILE_VECTORS, U, kernel
from .microkernel import ACCUMULATE, tall_product, tile_product
from .panels import copy_panel
from .prefetch import prefetch, prefetch_ahead
from .product import is_tall

PANELS_THAT_PAY = 4  # with as many panels, a copy of x's rows costs less than it saves
FEW_PIXELS = 64  # are read anew for each tile of rows, and must be asked for
TILES = 4  # of rows that are copied in one go, so that whole cache lines are read
copy_rows = make_copy(TILE_ROWS)


@kernel
def _pack_panels(B, places, b0, count, length, step, columns, panel, packed):
    """Copy the pixels of the first `columns` columns: packed[panel, pixel, column]."""
    size = count * length * panel
    whole = columns // panel
    to = 0
    for s in range(count):
        b = b0 + places[s]
        for _ in range(length):
            prefetch_ahead(B, b, columns)
            for q in range(whole):
                copy_panel(B, b + q * panel, packed, to + q * size)
            for l in range(whole * panel, columns):  # what follows never reaches the result
                packed[U(to + whole * (size - panel) + l)] = B[U(b + l)]
            b += step
            to += panel


@kernel
def _neighbours(rows, row, row_last):
    """Return how many tiles from `row` on, at most TILES, have rows that lie side by side in x."""
    tiles = 0
    while tiles < TILES and row + tiles * TILE_ROWS < row_last:
        rest = row + (tiles + 1) * TILE_ROWS - 1
        if rows[rest] - rows[row] != rest - row:
            break
        tiles += 1
    return tiles


@kernel
def _pack_rows(A, rows, row, tiles, a0, segments, count, step, size, packed):
    """Copy the pixels of some tiles' rows: packed[tile, pixel, row].

    With 0 tiles, copy one whose rows are no neighbours.
    """
    to = 0
    for s in range(count):
        a = a0 + segments[s, 0]
        for _ in range(segments[s, 2]):
            for k in range(tiles):
                copy_rows(A, a + rows[row] + k * TILE_ROWS, packed, to + k * size * TILE_ROWS)
            if tiles == 0:
                for n in range(TILE_ROWS):
                    packed[U(to + n)] = A[U(a + rows[row + n])]
            a += step
            to += TILE_ROWS


@kernel
def add_columns(packed, size, panel, columns, total):
    """Add the copied pixels to total[column], in float64, eight neighbours at a time."""
    for q in range(0, columns, panel):
        there = min(panel, columns - q)
        for k in range(0, size - 7, 8):
            p = q * size + k * panel
            for l in range(p, p + there):
                low = (packed[U(l)] + packed[U(l + panel)]) + (
                    packed[U(l + 2 * panel)] + packed[U(l + 3 * panel)]
                )
                high = (packed[U(l + 4 * panel)] + packed[U(l + 5 * panel)]) + (
                    packed[U(l + 6 * panel)] + packed[U(l + 7 * panel)]
                )
                total[U(q + l - p)] += low + high
        for k in range(size - size % 8, size):
            for l in range(there):
                total[U(q + l)] += packed[U(q * size + k * panel + l)]


@kernel
def _ask_for_rows(A, a, segments, count, step):
    """Ask for what lies at `a` in all pixels: 64 bytes, two tiles of rows that are neighbours."""
    for s in range(count):
        for l in range(segments[s, 2]):
            prefetch(A, a + segments[s, 0] + l * step, 0)


@kernel
def _block_product(A, rows, row_first, row_last, a0, segments, count, a_step, B, places, b0, b_step,
                   q_first, q_last, columns, panel, C, out, c0, start, packed, packed_rows,
                   own_rows, own_out, total):  # fmt: skip
    """Add the pixels of one block to some rows and panels of one group, and to `total`."""
    length = segments[0, 2]
    size = count * length
    width = min(columns, q_last * panel) - q_first * panel
    _pack_panels(B, places, b0 + q_first * panel, count, length, b_step, width, panel, packed)
    if total.size > 0:
        add_columns(packed, size, panel, width, total[b0 + q_first * panel :])
    whole = segments[count:]  # one more segment: all pixels, as they lie in the copies
    whole[0, 0], whole[0, 1], whole[0, 2] = 0, 0, size
    copy = q_last - q_first >= PANELS_THAT_PAY and _neighbours(rows, row_first, row_last) == TILES
    row = row_first
    one_vector = q_last == 1 and columns <= panel // TILE_VECTORS
    while one_vector and is_tall(rows, row, row_last):
        tall_product(A, rows, row, a0, segments, 0, count, a_step, packed, 0, panel, C, out, c0,
                     columns, start, B, 0, 0)  # fmt: skip
        row += TALL_ROWS
    while row < row_last:
        tiles = _neighbours(rows, row, row_last) if copy else 0
        if copy:
            _pack_rows(A, rows, row, tiles, a0, segments, count, a_step, size, packed_rows)
        elif size <= FEW_PIXELS and (row - row_first) // TILE_ROWS % 2 == 0:
            ahead = rows[min(row + 2 * TILE_ROWS, row_last - 1)]
            _ask_for_rows(A, a0 + ahead, segments, count, a_step)
        for k in range(max(1, tiles)):
            own_out[:] = out[row : row + TILE_ROWS]
            for q in range(q_first, q_last):
                there, b = min(panel, columns - q * panel), (q - q_first) * size * panel
                if copy:
                    tile_product(packed_rows, own_rows, 0, k * size * TILE_ROWS, whole, 0, 1,
                                 TILE_ROWS, packed, b, panel, C, own_out, c0 + q * panel, there,
                                 start, B, 0, 0)  # fmt: skip
                else:
                    tile_product(A, rows, row, a0, segments, 0, count, a_step, packed, b, panel,
                                 C, out, c0 + q * panel, there, start, B, 0, 0)  # fmt: skip
            row += TILE_ROWS


@kernel
def outer_product(first, last, A, B, C, rectangles, rows, out, n, groups, depth, columns, panels,
                  panel, parts, panel_items, row_items, part_size, block, first_start,
                  sums):  # fmt: skip
    """C[row, column] = sum over pixels of A[row, pixel] * B[pixel, column].

    A rectangle gives (first row, behind the last row, lines per image, pixels per line; A: start,
    image, line, pixel step; B: likewise; item that owns these rows). Rows come from the tables
    `rows` (in A) and `out` (in C).

    A work item is a part of the sum, some of the panels and some of the rows. Each part has its
    own C, `part_size` apart; with one part, the sum is complete. `first_start` is ACCUMULATE where
    C holds zeros, ZERO where C holds anything and there is one rectangle only. `block` pixels, or
    one line where that is longer, are copied at a time. Where `sums` is not empty, the
    columns of B are added up there, for each part; rows of C must not be shared out then.
    """
    longest = block
    for r in range(rectangles.shape[0]):
        longest = max(longest, rectangles[r, 3])
    most, f = min(panels, -(-groups * panels // panel_items)), groups * columns
    packed = np.zeros(most * longest * panel, B.dtype)
    packed_rows = np.empty(TILES * longest * TILE_ROWS, A.dtype)
    places, segments = np.empty(block, np.int64), np.empty((block + 1, 3), np.int64)
    own_rows, own_out = np.arange(TILE_ROWS), np.empty(TILE_ROWS, np.int64)
    for t in range(first, last):
        part = t // (panel_items * row_items)
        u = t // row_items - part * panel_items
        q_first = u * groups * panels // panel_items
        q_last = (u + 1) * groups * panels // panel_items
        for r in range(rectangles.shape[0]):
            if rectangles[r, 12] != t % row_items:
                continue
            per_image, length = rectangles[r, 2], rectangles[r, 3]
            line, end = part * n * per_image // parts, (part + 1) * n * per_image // parts
            start = first_start
            while line < end:
                count = min(max(1, block // length), end - line)
                for s in range(count):
                    image = (line + s) // per_image
                    i = line + s - image * per_image
                    segments[s, 0] = (rectangles[r, 4] + image * rectangles[r, 5]
                                      + i * rectangles[r, 6])  # fmt: skip
                    places[s] = (rectangles[r, 8] + image * rectangles[r, 9]
                                 + i * rectangles[r, 10])  # fmt: skip
                    segments[s, 1], segments[s, 2] = s * length * panel, length
                q = q_first
                while q < q_last:  # the panels of one group
                    group = q // panels
                    g0 = group * panels
                    q_end = min(q_last, g0 + panels)
                    _block_product(A, rows, rectangles[r, 0], rectangles[r, 1], group * depth,
                                   segments, count, rectangles[r, 7], B, places, group * columns,
                                   rectangles[r, 11], q - g0, q_end - g0, columns, panel, C, out,
                                   part * part_size + group * columns, start, packed, packed_rows,
                                   own_rows, own_out, sums[part * f : (part + 1) * f])  # fmt: skip
                    q = q_end
                line += count
                start = ACCUMULATE
