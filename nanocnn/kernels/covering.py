"""Pooling's gradients where windows overlap: each input pixel asks which windows cover it.

    columns      0 1 2 3 4 5 6 7 8          column 4 is covered by window 1 (tap 2) and 2 (tap 0),
    window 0     0 1 2                      column 6 by window 2 (tap 2) and 3 (tap 0), and so on:
    window 1         0 1 2                  columns a stride apart see the same taps, and share one
    window 2             0 1 2              table of places; column 5 and 7 share another one
    window 3                 0 1 2

Every dx is written once, in a fixed order of sums, and two threads never write to the same place.
"""

from __future__ import annotations

import numpy as np

from .jit import VECTOR_BYTES, kernel
from .window_sums import sum_of_winners, weighted_sum


@kernel
def _most_windows(kh, kw, sh, sw):
    """Return how many windows may cover one pixel."""
    return ((kh + sh - 1) // sh) * ((kw + sw - 1) // sw)


@kernel
def _windows_in_sight(i_first, i_last, j_first, j_last, row, col, kw, sh, sw, ow, c, places, taps):
    """List how far the windows lie behind the first one, and which tap each has here."""
    count = 0
    for i in range(i_first, i_last):
        for j in range(j_first, j_last):
            places[count] = ((i - i_first) * ow + j - j_first) * c
            taps[count] = (row - i * sh) * kw + col - j * sw
            count += 1
    return count


@kernel
def _alike(col, end, sw, inside, left_over):
    """Return how many columns, a stride apart and from `col` on, see windows in the same places.

    With all of its windows inside the image a column is followed by `left_over` that have, too.
    """
    return min((end - col + sw - 1) // sw, left_over + 1) if inside else 1


@kernel
def max_backward(first, last, dy, winner, dx, h, w, c, oh, ow, kh, kw, sh, sw, top, left):
    """Items are input rows of all images."""
    most = _most_windows(kh, kw, sh, sw)
    places, taps = np.empty(most, np.int64), np.empty(most, np.int64)
    step = VECTOR_BYTES // dy.itemsize
    whole = c - c % step
    for t in range(first, last):
        n = t // h
        row = t - n * h + top
        i_first, i_last = max(0, (row - kh + sh) // sh), min(oh, row // sh + 1)
        for phase in range(left, min(sw, w) + left):
            low, high, col = (phase - kw + sw) // sw, phase // sw + 1, phase
            while col < w + left:
                j_first, j_last = max(0, low), min(ow, high)
                pixels = _alike(col, w + left, sw, low >= 0 and high <= ow, ow - high)
                count = _windows_in_sight(i_first, i_last, j_first, j_last, row, col, kw, sh, sw,
                                          ow, c, places, taps)  # fmt: skip
                o, a = ((n * oh + i_first) * ow + j_first) * c, (t * w + col - left) * c
                for f in range(0, whole, step):
                    sum_of_winners(dy, winner, o + f, c, places, taps, count, dx, a + f, sw * c,
                                   pixels, None)  # fmt: skip
                if whole < c:
                    sum_of_winners(dy, winner, o + whole, c, places, taps, count, dx, a + whole,
                                   sw * c, pixels, c - whole)  # fmt: skip
                low, high, col = low + pixels, high + pixels, col + pixels * sw


@kernel
def _weigh(i_first, i_last, j_first, j_last, h, w, kh, kw, sh, sw, top, left, shares, weights):
    """List the windows' weights: one over the number of their pixels that are in the image."""
    count = 0
    for i in range(i_first, i_last):
        rows = min(kh, h + top - i * sh) - max(0, top - i * sh)
        for j in range(j_first, j_last):
            cols = min(kw, w + left - j * sw) - max(0, left - j * sw)
            weights[count] = shares[rows * cols]
            count += 1


@kernel
def average_backward(first, last, dy, shares, dx, h, w, c, oh, ow, kh, kw, sh, sw, top, left):
    """Items are input rows of all images; sums in float64. shares[k] is 1 / k."""
    most = _most_windows(kh, kw, sh, sw)
    places, taps = np.empty(most, np.int64), np.empty(most, np.int64)
    weights = np.empty(most)
    step = VECTOR_BYTES // dy.itemsize
    whole = c - c % step
    for t in range(first, last):
        n = t // h
        row = t - n * h + top
        i_first, i_last = max(0, (row - kh + sh) // sh), min(oh, row // sh + 1)
        for phase in range(left, min(sw, w) + left):
            low, high, col = (phase - kw + sw) // sw, phase // sw + 1, phase
            while col < w + left:
                j_first, j_last = max(0, low), min(ow, high)
                # A window that is clipped weighs more: its table serves no other column.
                free = (w + left - kw) // sw + 1 - high  # windows behind the last one
                pixels = _alike(col, w + left, sw, low * sw >= left and free >= 0, free)
                count = _windows_in_sight(i_first, i_last, j_first, j_last, row, col, kw, sh, sw,
                                          ow, c, places, taps)  # fmt: skip
                _weigh(i_first, i_last, j_first, j_last, h, w, kh, kw, sh, sw, top, left, shares,
                       weights)  # fmt: skip
                o, a = ((n * oh + i_first) * ow + j_first) * c, (t * w + col - left) * c
                for f in range(0, whole, step):
                    weighted_sum(dy, o + f, c, places, weights, count, dx, a + f, sw * c, pixels,
                                 None)  # fmt: skip
                if whole < c:
                    weighted_sum(dy, o + whole, c, places, weights, count, dx, a + whole, sw * c,
                                 pixels, c - whole)  # fmt: skip
                low, high, col = low + pixels, high + pixels, col + pixels * sw
