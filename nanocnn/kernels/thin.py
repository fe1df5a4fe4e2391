"""The input's gradient where the input has few channels: products of pixels first, then a sum.

As a convolution turned round, dx of an image with 3 channels fills 3 of 16 columns of a register
tile. Here the columns are all taps and channels instead, 27 of 32 for a 3x3 filter,

    P[j, (u, v, c)]  =  sum over f of  dy[i, j, f] w[u, v, c, f]            for one row i of dy

and each P is then added where its tap looked:

    dx[i s_h + u d_h - p_t,  j s_w + v d_w - p_l,  c]  +=  P[j, (u, v, c)]

A work item owns a band of rows of dx, and computes the rows of dy that reach into it; those at its
edges are computed by two items, so that no two items add to the same place. The band lies in the
second-level cache, with room at the sides for what falls into the padding.
"""

from __future__ import annotations

import numpy as np

from . import memory, threads
from .jit import TILE_ROWS, U, kernel
from .microkernel import ACCUMULATE, ZERO, tile_product
from .panels import turned_in_panels

MOST_CHANNELS = 6
BAND = 16  # rows of dx
CHUNK = 320  # channels of dy that are summed at a time


def thin_pays(w_shape, groups):
    """Tell whether the filters have many taps and see few input channels."""
    kh, kw, c, _ = w_shape
    return groups == 1 and kh * kw > 1 and c <= MOST_CHANNELS


@kernel
def _add_taps(P, width, ow, step, band, at, kw, c, tap_step):
    """Add one row u of all windows' taps to one row of the band, from `at` on."""
    for j in range(ow):
        a, b = j * width, at + j * step
        for _ in range(kw):
            for e in range(c):
                band[U(b + e)] += P[U(a + e)]
            a += c
            b += tap_step


@kernel
def _products(dy, place, ow, f, packed, panels, panel, rows, out, segments, P):
    """P[j, column] for the `ow` pixels of dy from `place` on."""
    for q in range(panels):
        for k in range(0, f, CHUNK):
            segments[0, 0], segments[0, 1], segments[0, 2] = k, k * panel, min(CHUNK, f - k)
            start = ZERO if k == 0 else ACCUMULATE
            for p in range(0, ow, TILE_ROWS):
                tile_product(dy, rows, p, place, segments, 0, 1, 1, packed, q * f * panel, panel, P,
                             out, q * panel, panel, start, dy, 0, 0)  # fmt: skip


@kernel
def _thin_gradient(first, last, dy, packed, panels, panel, dx, h, w, c, oh, ow, f, kh, kw, sh, sw,
                   dh, dw, top, left, wide):  # fmt: skip
    """Items are bands of rows of all images; `wide` is the width of a band, padding included."""
    width = panels * panel
    P = np.empty(ow * width, dy.dtype)
    band = np.empty(BAND * wide * c, dy.dtype)
    pixel = np.minimum(np.arange(ow + TILE_ROWS), ow - 1)  # a last tile repeats the last pixel
    rows, out, segments = pixel * f, pixel * width, np.zeros((1, 3), np.int64)
    bands = (h + BAND - 1) // BAND
    for t in range(first, last):
        n, r0 = t // bands, t % bands * BAND
        r1 = min(h, r0 + BAND)
        band[:] = 0
        i_first = max(0, (r0 + top - dh * (kh - 1) + sh - 1) // sh)
        for i in range(i_first, min(oh, (r1 - 1 + top) // sh + 1)):
            _products(
                dy, (n * oh + i) * ow * f, ow, f, packed, panels, panel, rows, out, segments, P
            )
            for u in range(kh):
                r = i * sh + u * dh - top - r0
                if 0 <= r < r1 - r0:
                    _add_taps(P[u * kw * c :], width, ow, sw * c, band, r * wide * c, kw, c, dw * c)
        for r in range(r1 - r0):
            a, b = (n * h + r0 + r) * w * c, (r * wide + left) * c
            dx[a : a + w * c] = band[b : b + w * c]


def thin_backward_input(dy, w, x_shape, stride, padding, dilation):
    """(C2), by the two steps above."""
    (kh, kw, c, f), (n, h, width, _), (_, oh, ow, _) = w.shape, x_shape, dy.shape
    packed, panels, panel = turned_in_panels(w, 1, f, kh * kw * c, 1)  # one tap: nothing turns
    dx = memory.empty(tuple(x_shape), dy.dtype)
    (top, _), (left, _) = padding
    wide = max(left + width, (ow - 1) * stride[1] + dilation[1] * (kw - 1) + 1)
    args = (memory.flat(dy), packed, panels, panel, dx.reshape(-1), h, width, c, oh, ow, f, kh, kw,
            *stride, *dilation, top, left, wide)  # fmt: skip
    seconds = 2 * dy.size * kh * kw * c / threads.FLOPS_PER_SECOND
    threads.run(_thin_gradient, n * -(-h // BAND), args, seconds)
    return dx
