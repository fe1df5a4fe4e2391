"""The input's gradient where the input has few channels: products of pixels first, then a sum.

As a convolution turned round, dx of an image with 3 channels fills 3 of 16 columns of a register
tile. Here the columns are all taps and channels instead, 27 of 32 for a 3x3 filter,

    P[j, (u, v, c)]  =  sum over f of  dy[i, j, f] w[u, v, c, f]            for one row i of dy

and each P is then added where its tap looked:

    dx[i s_h + u d_h - p_t,  j s_w + v d_w - p_l,  c]  +=  P[j, (u, v, c)]

The sum goes tap by tap over whole rows, 8 neighbours at a time although only C of them count. So a
row of dx is summed up in a row where each pixel has 8 places,

    sums  |r g b . . . . .|r g b . . . . .| ...          the dots hold other taps' numbers: rubbish

and copied from there pixel by pixel, each copy overwriting the rubbish of the one before. One
number at a time, the same sum took twice as long as the products.

A work item owns a band of rows of dx. It keeps the rows of P that still reach into the next row of
dx in a ring; rows of dy at a band's edge are computed by two items, so that no two items add to the
same place.
"""

from __future__ import annotations

import numpy as np

from . import memory, threads
from .copies import make_add, make_copy
from .jit import TILE_ROWS, U, kernel
from .microkernel import ACCUMULATE, ZERO, tile_product
from .panels import turned_in_panels

MOST_CHANNELS = 6
PLACES = 8  # of one pixel in a row of sums
MIN_ITEMS = 16
CHUNK = 320  # channels of dy that are summed at a time
_add, _copy = make_add(PLACES), make_copy(PLACES)


def thin_pays(w_shape, groups):
    """Tell whether the filters have many taps and see few input channels."""
    kh, kw, c, _ = w_shape
    return groups == 1 and kh * kw > 1 and c <= MOST_CHANNELS


@kernel
def _products(dy, place, ow, f, packed, panels, panel, rows, out, segments, P, p0):
    """P[p0 + ...] for the `ow` pixels of dy from `place` on."""
    for q in range(panels):
        for k in range(0, f, CHUNK):
            segments[0, 0], segments[0, 1], segments[0, 2] = k, k * panel, min(CHUNK, f - k)
            start = ZERO if k == 0 else ACCUMULATE
            for p in range(0, ow, TILE_ROWS):
                tile_product(dy, rows, p, place, segments, 0, 1, 1, packed, q * f * panel, panel, P,
                             out, p0 + q * panel, panel, start, dy, 0, 0)  # fmt: skip


@kernel
def _add_taps(P, p0, width, ow, sums, w, c, kw, sw, dw, left):
    """Add the taps of one row u, which start at p0, to the row of sums."""
    for v in range(kw):
        shift = v * dw - left  # pixel j of dy meets pixel j * sw + shift of dx
        first = max(0, (sw - 1 - shift) // sw)
        last = min(ow, (w - 1 - shift) // sw + 1)
        a, b = p0 + v * c + first * width, (first * sw + shift) * PLACES
        for _ in range(first, last):
            _add(P, a, sums, b)
            a += width
            b += sw * PLACES


@kernel
def _copy_sums(sums, w, c, dx, place):
    """Copy the first c places of each pixel to dx, from `place` on."""
    whole = max(0, (w * c - PLACES) // c + 1)  # pixels behind which there is room for the rubbish
    for j in range(whole):
        _copy(sums, j * PLACES, dx, place + j * c)
    for j in range(whole, w):
        for e in range(c):
            dx[U(place + j * c + e)] = sums[U(j * PLACES + e)]


@kernel
def _thin_gradient(first, last, dy, packed, panels, panel, dx, h, w, c, oh, ow, f, kh, kw, sh, sw,
                   dh, dw, top, left, band):  # fmt: skip
    """Items are bands of `band` rows of dx, of all images."""
    width = panels * panel
    ring = dh * (kh - 1) // sh + 1  # rows of dy that reach into one row of dx
    P = np.zeros(ring * ow * width + PLACES, dy.dtype)
    sums = np.empty(w * PLACES, dy.dtype)
    pixel = np.minimum(np.arange(ow + TILE_ROWS), ow - 1)  # a last tile repeats the last pixel
    rows, out, segments = pixel * f, pixel * width, np.zeros((1, 3), np.int64)
    bands = (h + band - 1) // band
    for t in range(first, last):
        n, r0 = t // bands, t % bands * band
        ready = 0  # rows of dy before this one are in the ring, or of no more use
        for r in range(r0, min(h, r0 + band)):
            sums[:] = 0
            low = max(0, (r + top - dh * (kh - 1) + sh - 1) // sh)  # no later row needs less
            for u in range(kh - 1, -1, -1):  # rows i of dy in rising order
                i = (r + top - u * dh) // sh
                if i * sh != r + top - u * dh or i < 0 or i >= oh:
                    continue
                for k in range(max(ready, low), i + 1):
                    _products(dy, (n * oh + k) * ow * f, ow, f, packed, panels, panel, rows, out,
                              segments, P, k % ring * ow * width)  # fmt: skip
                    ready = k + 1
                _add_taps(P, i % ring * ow * width + u * kw * c, width, ow, sums, w, c, kw, sw, dw,
                          left)  # fmt: skip
            _copy_sums(sums, w, c, dx, (n * h + r) * w * c)


def thin_backward_input(dy, w, x_shape, stride, padding, dilation):
    """(C2), by the two steps above."""
    (kh, kw, c, f), (n, h, width, _), (_, oh, ow, _) = w.shape, x_shape, dy.shape
    packed, panels, panel = turned_in_panels(w, 1, f, kh * kw * c, 1)  # one tap: nothing turns
    dx = memory.empty(tuple(x_shape), dy.dtype)
    band = max(1, h // -(-MIN_ITEMS // max(1, n)))
    args = (memory.flat(dy), packed, panels, panel, dx.reshape(-1), h, width, c, oh, ow, f, kh, kw,
            *stride, *dilation, padding[0][0], padding[1][0], band)  # fmt: skip
    seconds = 2 * dy.size * kh * kw * c / threads.FLOPS_PER_SECOND
    threads.run(_thin_gradient, n * -(-h // band), args, seconds)
    return dx
