"""Warping images and masks, an output row at a time: first the places, then the lookup.

The places of a row are arithmetic on float64 numbers that lie side by side, and fill vectors. They
become what the lookup needs: the pixel before the place, the steps from there to the next row and
the next column (0 at the border), and the fractions in the image's dtype. The lookup itself reads
four pixels anywhere. Both loops work in the first-level cache, so it is one pass over memory.

Places are computed as written, like NumPy's: with product and sum in one, which rounds once less, a
place halfway between two pixels of a mask could fall to the other one.
"""

from __future__ import annotations

import numpy as np

from . import memory, threads
from .blend import LANES, blend
from .jit import U, as_written, exact
from .microkernel import multiply_add
from .prefetch import prefetch_run

PIXEL_SECONDS = 5e-9  # it decides only whether threads are used
NO_MASKS, NO_GRIDS = np.empty(0, np.uint8), np.empty((0, 0, 0, 0))
NO_TABLE = np.empty(0, np.int64), np.empty((0, 0))


@as_written
def _displace(grid, i, row_cells, row_splines, column_cells, column_splines, rows, columns):
    """Add (G2) to the coordinates of the pixels of row i."""
    along = np.zeros((grid.shape[1], 2))
    for q in range(grid.shape[1]):
        for u in range(4):
            for axis in range(2):
                along[q, axis] += row_splines[i, u] * grid[row_cells[i] + u, q, axis]
    for j in range(rows.size):
        d_row, d_column = 0.0, 0.0
        for v in range(4):
            d_row += column_splines[j, v] * along[column_cells[j] + v, 0]
            d_column += column_splines[j, v] * along[column_cells[j] + v, 1]
        rows[j] += d_row
        columns[j] += d_column


@as_written
def _find_places(m, rows, columns, h, c, place, down, right, f, e, nearest):
    """Turn a row's coordinates into places by (G1), each with what the lookup needs."""
    # Whole numbers as floats: AVX2 has no product of 64-bit integers, which they would become.
    width, channels = float(rows.size), float(c)
    last_row, last_column = h - 1.0, width - 1.0
    row_step, column_step = np.int32(rows.size * c), np.int32(c)
    for j in range(rows.size):
        s = m[0, 0] * rows[U(j)] + m[0, 2] + m[0, 1] * columns[U(j)]
        r = m[1, 0] * rows[U(j)] + m[1, 2] + m[1, 1] * columns[U(j)]
        s = 0.0 if s < 0.0 else (last_row if s > last_row else s)
        r = 0.0 if r < 0.0 else (last_column if r > last_column else r)
        k, l = np.floor(s), np.floor(r)
        down[U(j)] = row_step if k < last_row else np.int32(0)
        right[U(j)] = column_step if l < last_column else np.int32(0)
        place[U(j)] = np.int32((k * width + l) * channels)
        s -= k
        r -= l
        f[U(j)], e[U(j)] = s, r
        # At the border the fraction is 0: where it is a half, there is a next pixel.
        k += 1.0 if s >= 0.5 else 0.0
        l += 1.0 if r >= 0.5 else 0.0
        nearest[U(j)] = np.int32(k * width + l)


@exact
def between(x, p, down, right, f, e):
    """Return (G3) for one number: along both rows, then from one to the other."""
    upper = multiply_add(e, x[U(p + right)] - x[U(p)], x[U(p)])
    lower = multiply_add(e, x[U(p + down + right)] - x[U(p + down)], x[U(p + down)])
    return multiply_add(f, lower - upper, upper)


@as_written
def _look_up(x, start, y, o, c, place, down, right, f, e):
    """Write a row of y from o on, one number at a time."""
    for j in range(place.size):
        p, t = start + place[U(j)], o + c * j
        for a in range(c):
            y[U(t + a)] = between(x, p + a, down[U(j)], right[U(j)], f[U(j)], e[U(j)])


@as_written
def _look_up_blended(x, start, y, o, c, place, down, right, f, e, row):
    """Write a row of y from o on, `LANES` channels at a time; what is too many is written over."""
    for j in range(place.size):
        p, t = start + place[U(j)], c * j
        for a in range(0, c, LANES):
            blend(x, p + a, down[U(j)], right[U(j)], f[U(j)], e[U(j)], row, t + a)
    for a in range(c * place.size):
        y[U(o + a)] = row[U(a)]


@as_written
def _last_read(place, down, right):
    """Return the farthest pixel that a row looks at."""
    last = np.int32(0)
    for j in range(place.size):
        last = max(last, np.int32(place[U(j)] + down[U(j)] + right[U(j)]))
    return last


@as_written
def _warp(first, last, x, masks, matrices, grids, row_cells, row_splines, column_cells,
          column_splines, y, warped, h, w, c):  # fmt: skip
    """Items are output rows of all images."""
    rows, columns = np.empty(w), np.empty(w)
    place, nearest = np.empty(w, np.int32), np.empty(w, np.int32)
    down, right = np.empty(w, np.int32), np.empty(w, np.int32)
    f, e = np.empty(w, x.dtype), np.empty(w, x.dtype)
    row = np.empty(w * c + LANES, x.dtype)
    for t in range(first, last):
        n, i = t // h, t % h
        for j in range(w):
            rows[U(j)], columns[U(j)] = i, j
        if grids.size:
            _displace(grids[n], i, row_cells, row_splines, column_cells, column_splines, rows,
                      columns)  # fmt: skip
        _find_places(matrices[n], rows, columns, h, c, place, down, right, f, e, nearest)
        start, o = n * h * w * c, t * w * c
        # A row of the next image: the processor foresees rows, but not where a slope leads.
        prefetch_run(x, o + h * w * c, w * c)
        # Behind the last pixel of the last image there is nothing that could be read.
        if c == 1 or start + _last_read(place, down, right) + c + LANES > x.size:
            _look_up(x, start, y, o, c, place, down, right, f, e)
        else:
            _look_up_blended(x, start, y, o, c, place, down, right, f, e, row)
        if masks.size:
            for j in range(w):
                warped[U(t * w + j)] = masks[U(n * h * w + nearest[U(j)])]


def warp_images(x, masks, matrices, grids):
    """(G1) to (G4); the masks are uint8."""
    n, h, w, c = x.shape
    y = memory.empty(x.shape, x.dtype)
    warped = None if masks is None else memory.empty(masks.shape, masks.dtype)
    tables = (*NO_TABLE, *NO_TABLE)
    if grids is None:
        grids = NO_GRIDS
    else:
        tables = (*_spline_table(h, grids.shape[1] - 3), *_spline_table(w, grids.shape[2] - 3))
    args = (
        memory.flat(x), NO_MASKS if masks is None else memory.flat(masks),
        _writeable(matrices), _writeable(grids), *tables, y.reshape(-1),
        NO_MASKS if warped is None else warped.reshape(-1), h, w, c,
    )  # fmt: skip
    threads.run(_warp, n * h, args, x.size * PIXEL_SECONDS)
    return y, warped


def _writeable(array):
    """Return a contiguous array of the one type that the kernel is compiled for."""
    return memory.flat(array).reshape(array.shape)


def _spline_table(size, cells):
    """Return each pixel's cell, and the four B-splines there."""
    a = cells * (np.arange(size) + 0.5) / size
    k = np.floor(a).astype(np.int64)
    f = a - k
    splines = (
        (1 - f) * (1 - f) * (1 - f) / 6,
        (3 * f * f * f - 6 * f * f + 4) / 6,
        (-3 * f * f * f + 3 * f * f + 3 * f + 1) / 6,
        f * f * f / 6,
    )
    return k, np.stack(splines, axis=1)
