"""One tile of Winograd's convolution: its way into V or Z, and from M to the image.

A tile lies in image n, its first pixel at row r0 and column q0. It takes one vector of channels at
a time; where a tile reaches over the border, or a vector over the last channel, the transform is
told which pixels and channels there are.

The transforms are compiled as they are written. Elsewhere the compiler may add in another order,
and takes one that depends on what stands around it: a tile that is pooled and one that is not would
round differently.
"""

from __future__ import annotations

import numpy as np

from .copies import make_add, make_copy
from .jit import I, U, exact, inline, kernel
from .prefetch import prefetch
from .transform import LANES, make_transform
from .transpose import transpose
from .windows import make_window_max

POINTS, TILE, PATCH = 36, 4, 6
A = [[1, 0, 0, 0], [1, 1, 1, 1], [1, -1, 1, -1], [1, 2, 4, 8], [1, -2, 4, -8], [0, 0, 0, 1]]
G = [[1 / 4, 0, 0], [-1 / 6] * 3, [-1 / 6, 1 / 6, -1 / 6], [1 / 24, 1 / 12, 1 / 6],
     [1 / 24, -1 / 12, 1 / 6], [0, 0, 1]]  # fmt: skip
B = [[4, 0, -5, 0, 1, 0], [0, -4, -4, 1, 1, 0], [0, 4, -4, -1, 1, 0], [0, -2, -1, 2, 1, 0],
     [0, 2, -1, -2, 1, 0], [0, 4, 0, -5, 0, 1]]  # fmt: skip
to_points = make_transform(B)  # of 6x6 pixels
gradients_to_points = make_transform(A)  # of 4x4 outputs
filter_to_points = make_transform(G)  # of 3x3
points_to_outputs = make_transform(np.transpose(A), side="D", finish=True)
points_to_filter = make_transform(np.transpose(G))
window_max = make_window_max(1)
copy_vector, add_vector = make_copy(LANES), make_add(LANES)


@inline
def place_of(g, th, tw):
    """Return image, row and column of tile g."""
    n = g // (th * tw)
    return n, g // tw - n * th, g % tw


@inline
def next_place(n, i, j, th, tw):
    """Return those of the tile that follows; a division takes as long as a part of the tile."""
    if j + 1 < tw:
        return n, i, j + 1
    return (n, i + 1, I(0)) if i + 1 < th else (n + 1, I(0), I(0))


@inline
def _border(size, r0, q0, h, w, there):
    """Return which of `size` x `size` pixels from (r0, q0) on lie in the image: see `transform`."""
    return max(0, -r0), min(size, h - r0), max(0, -q0), min(size, w - q0), min(I(LANES), there)


@inline
def _ask_for_next(x, place, size, row, pixel):
    """Ask for what the next tile reads behind this one of `size` x `size` pixels at `place`.

    The processor does not guess it: too many rows are read, a few pixels of each at a time. The
    first rows have been read by the tiles above.
    """
    for k in range(size - TILE, size):
        for l in range(TILE):
            prefetch(x, place + k * row + (size + l) * pixel, 0)


@exact
def _input_tile(x, n, r0, q0, h, w, c, V, place, step, columns):
    """V[point * step + place + columns[vector of channels]] = B^T (pixels from (r0, q0) on) B."""
    inside = r0 >= 0 and q0 >= 0 and r0 + PATCH <= h and q0 + PATCH <= w
    whole = c // LANES * LANES if inside else 0
    o = ((n * h + r0) * w + q0) * c
    for f in range(0, whole, LANES):
        to = place + columns[U(f // LANES)]
        _ask_for_next(x, o + f, I(PATCH), w * c, c)
        to_points(x, o + f, w * c, c, V, to, PATCH * step, step, None)
    for f in range(whole, columns.size * LANES, LANES):
        to, border = place + columns[U(f // LANES)], _border(I(PATCH), r0, q0, h, w, c - f)
        _ask_for_next(x, o + f, I(PATCH), w * c, c)
        to_points(x, o + f, w * c, c, V, to, PATCH * step, step, border)


@inline
def turned_square(w, f, c, tap, f0, c0, turned, to, step):
    """turned[to + k * step + l] = w[8 - tap, f0 + l, c0 + k], of filters (9, f, c).

    LANES channels k and LANES filters l, zeros behind the last ones. Lines of both arrays stay in
    the cache until they are used up.
    """
    a = ((8 - tap) * f + f0) * c + c0
    if f0 + LANES <= f and c0 + LANES <= c:
        transpose(w, a, c, turned, to, step)
    else:
        for k in range(LANES):
            for l in range(LANES):
                there = f0 + l < f and c0 + k < c
                turned[to + k * step + l] = w[a + l * c + k] if there else np.float32(0)


@exact
def _upstream_tile(dy, n, r0, q0, h, w, c, Z, place, step, columns):
    """Z[point * step + place + columns[vector of channels]] = A (4x4 from (r0, q0) on) A^T."""
    whole = c // LANES * LANES if r0 + TILE <= h and q0 + TILE <= w else 0
    o = ((n * h + r0) * w + q0) * c
    for f in range(0, whole, LANES):
        to = place + columns[U(f // LANES)]
        _ask_for_next(dy, o + f, I(TILE), w * c, c)
        gradients_to_points(dy, o + f, w * c, c, Z, to, PATCH * step, step, None)
    for f in range(whole, columns.size * LANES, LANES):
        to, border = place + columns[U(f // LANES)], _border(I(TILE), r0, q0, h, w, c - f)
        _ask_for_next(dy, o + f, I(TILE), w * c, c)
        gradients_to_points(dy, o + f, w * c, c, Z, to, PATCH * step, step, border)


@exact
def _output_tile(M, place, step, columns, y, n, r0, q0, h, w, c, f0, bias, b0, relu):
    """Write the 4x4 outputs from (r0, q0) on: A^T (M of this tile) A + bias from b0 on.

    M holds `columns` of the c channels, from channel f0 on.
    """
    inside = r0 + TILE <= h and q0 + TILE <= w
    whole = min(columns, c - f0) // LANES * LANES if inside else 0
    o = ((n * h + r0) * w + q0) * c + f0
    for k in range(0, whole, LANES):
        points_to_outputs(M, place + k, PATCH * step, step, y, o + k, w * c, c, None, bias, b0 + k,
                          relu)  # fmt: skip
    for k in range(whole, columns, LANES):
        border = _border(I(TILE), r0, q0, h, w, c - f0 - k)
        points_to_outputs(M, place + k, PATCH * step, step, y, o + k, w * c, c, border, bias,
                          b0 + k, relu)  # fmt: skip


@kernel
def _input_tiles(g0, count, x, h, w, c, top, left, th, tw, V, place, apart, step, columns):
    n, i, j = place_of(g0, th, tw)
    for g in range(count):
        _input_tile(x, n, i * TILE - top, j * TILE - left, h, w, c, V, place + g * apart, step,
                    columns)  # fmt: skip
        n, i, j = next_place(n, i, j, th, tw)


@kernel
def input_tiles(g0, count, x, x2, h, w, c1, c, top, left, th, tw, V, place, apart, step, columns):
    """V of tiles g0 ... g0 + count - 1, of which each lies `apart` behind the one before it.

    The first c1 of the c channels are x's, the others x2's. They meet where a vector ends.
    """
    k = (c1 + LANES - 1) // LANES
    _input_tiles(g0, count, x, h, w, c1, top, left, th, tw, V, place, apart, step, columns[:k])
    if c1 < c:
        _input_tiles(g0, count, x2, h, w, c - c1, top, left, th, tw, V, place, apart, step,
                     columns[k:])  # fmt: skip


@kernel
def upstream_tiles(g0, count, dy, h, w, c, th, tw, Z, place, apart, step, columns):
    """Z of tiles g0 ... g0 + count - 1."""
    n, i, j = place_of(g0, th, tw)
    for g in range(count):
        _upstream_tile(dy, n, i * TILE, j * TILE, h, w, c, Z, place + g * apart, step, columns)
        n, i, j = next_place(n, i, j, th, tw)


@kernel
def _output_tiles(g0, count, M, place, apart, step, columns, y, h, w, c, f0, th, tw, bias, b0,
                  relu):  # fmt: skip
    n, i, j = place_of(g0, th, tw)
    for g in range(count):
        _output_tile(M, place + g * apart, step, columns, y, n, i * TILE, j * TILE, h, w, c, f0,
                     bias, b0, relu)  # fmt: skip
        n, i, j = next_place(n, i, j, th, tw)


@kernel
def output_tiles(g0, count, M, apart, step, columns, y, y2, h, w, c1, c, f0, th, tw, bias,
                 relu):  # fmt: skip
    """Write tiles g0 ... g0 + count - 1 of channels f0 ... f0 + columns - 1.

    The first c1 of the c channels are y's, the others y2's. They meet where a vector ends.
    """
    here = columns if c1 == c else min(columns, max(I(0), c1 - f0))
    if here > 0:
        _output_tiles(g0, count, M, I(0), apart, step, here, y, h, w, c1, f0, th, tw, bias, f0,
                      relu)  # fmt: skip
    if here < columns:
        _output_tiles(g0, count, M, here, apart, step, columns - here, y2, h, w, c - c1,
                      f0 + here - c1, th, tw, bias, f0 + here, relu)  # fmt: skip


@inline
def pooled_tile(M, place, step, c, y, winner, n, p0, q0, ph, pw, patch, bias, relu, places,
                 taps):  # fmt: skip
    """Write the largest of each 2x2 outputs, four in a tile, from the pooled pixel (p0, q0) on.

    Channels fill whole vectors.
    """
    _output_tile(M, place, step, c, patch, 0, 0, 0, I(TILE), I(TILE), c, I(0), bias, I(0),
                 relu)  # fmt: skip
    _pool(patch, c, y, winner, n, p0, q0, ph, pw, places, taps)


@kernel
def _pool(patch, c, y, winner, n, p0, q0, ph, pw, places, taps):
    """Write the largest of each 2x2 of the 4x4 outputs in `patch`."""
    for k in range(min(TILE // 2, ph - p0)):
        for l in range(min(TILE // 2, pw - q0)):
            a, o = 2 * (k * TILE + l) * c, ((n * ph + p0 + k) * pw + q0 + l) * c
            for f in range(0, c, LANES):
                window_max(patch, a + f, places, taps, 4, y, winner, o + f, None)
