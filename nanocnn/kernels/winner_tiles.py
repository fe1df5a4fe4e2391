"""Tiles of a gradient that max pooling left to its winners, on their way into Winograd's V or Z.

A window of 2x2 pixels has one gradient a channel, for the pixel that won; the other three get 0.
The image of gradients, four times as large as what it is made of, is not stored: each tile of it is
made where it is used.

    dy and winners, 2x2 windows       their pixels
      +----+----+----+                  . . b . . .        a tile of 4x4 pixels is 2x2 windows;
      | a 2| b 0| c 3|      -->         a . . . . c        of 6x6 it is 3x3, or where it begins
      +----+----+----+                                     within a window parts of 4x4

A tile at the border is spread out first; all others go straight to the transform.
"""

from __future__ import annotations

import numpy as np

from .jit import I, U, exact, kernel
from .transform import LANES, make_winner_transform
from .windows import make_window_spread
from .winograd_tiles import (
    PATCH,
    TILE,
    A,
    B,
    gradients_to_points,
    next_place,
    place_of,
    to_points,
)

SIDE = 8  # pixels that four windows take
# Of a tile that begins with a window, and one that begins within it.
winners_to_points, winners_within_to_points = (make_winner_transform(B, k) for k in (0, 1))
winner_gradients_to_points = make_winner_transform(A)
window_spread = make_window_spread()


@exact
def _spread(dy, won, n, m0, l0, windows, ph, pw, c, f, patch, places, taps):
    """patch[row * SIDE + column, lane] = the gradients of windows from (m0, l0) on."""
    patch[:] = 0
    for m in range(max(0, -m0), min(windows, ph - m0)):
        for l in range(max(0, -l0), min(windows, pw - l0)):
            o, a = ((n * ph + m0 + m) * pw + l0 + l) * c + f, 2 * (m * SIDE + l) * LANES
            window_spread(dy, won, o, places, taps, 4, patch, a, None)


@kernel
def winner_tiles(g0, count, dy, won, ph, pw, c, top, left, th, tw, V, place, apart, step, columns,
                 is_input):  # fmt: skip
    """Do `input_tiles`, or if not `is_input` `upstream_tiles`, of PH x PW windows.

    `won` are the winners' places in them. Channels fill whole vectors, and tiles begin at even
    rows and columns, or at odd ones.
    """
    patch, taps = np.empty(SIDE * SIDE * LANES, np.float32), np.arange(4)
    places, size = np.array([0, 1, SIDE, SIDE + 1]) * LANES, PATCH if is_input else TILE
    row, column, d_row, within = I(SIDE * LANES), I(LANES), PATCH * step, top & 1
    windows, start = (size + within + 1) // 2, within * (SIDE + 1) * LANES
    n, i, j = place_of(g0, th, tw)
    for g in range(count):
        m0, l0 = (i * TILE - top) >> 1, (j * TILE - left) >> 1
        inside = m0 >= 0 and l0 >= 0 and m0 + windows <= ph and l0 + windows <= pw
        for f in range(0, c, LANES):
            o = ((n * ph + m0) * pw + l0) * c + f
            to = place + g * apart + columns[U(f // LANES)]
            if not inside:
                _spread(dy, won, n, m0, l0, windows, ph, pw, c, f, patch, places, taps)
                if is_input:
                    to_points(patch, start, row, column, V, to, d_row, step, None)
                else:
                    gradients_to_points(patch, start, row, column, V, to, d_row, step, None)
            elif not is_input:
                winner_gradients_to_points(dy, won, o, pw * c, c, V, to, d_row, step)
            elif within:
                winners_within_to_points(dy, won, o, pw * c, c, V, to, d_row, step)
            else:
                winners_to_points(dy, won, o, pw * c, c, V, to, d_row, step)
        n, i, j = next_place(n, i, j, th, tw)
