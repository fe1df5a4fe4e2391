"""The loop around the micro-kernel that makes rows of pixels.

`gather_product` is convolution forward, its input gradient and dense layers; the gradients of
filters and weights are in `outer`.
"""

from __future__ import annotations

import numpy as np

from .elementwise import RELU, squash
from .jit import TILE_ROWS, inline, kernel
from .microkernel import ACCUMULATE, BIAS, ZERO, tile_product
from .prefetch import prefetch_ahead

MOST_ASKED = 256  # channels; of more, asking takes longer than it saves


@inline
def _newest(rectangles, chunks, segments, r):
    """Return how far behind a row its last segment starts: what no pixel before it has read."""
    end = chunks[rectangles[r, 11] - 1, 1]
    return segments[end - 1, 0] if end > 0 else 0


@kernel
def gather_product(first, last, A, B, b_panel, b_step, bias, has_bias, C, rectangles, chunks,
                   segments, items, depth, columns, panels, panel, activation):  # fmt: skip
    """C = activation(bias + sum over taps and depth of A * B) by the tables of a `Plan`.

    A is read at rows of pixels, `depth` channels of a group each; B holds panels, `b_panel`
    elements apart; C gets `columns` channels of a group, `panels` panels each.
    """
    block = 1
    for t in range(first, last):
        block = max(block, items[t, 2] - items[t, 1])
    rows = np.empty(block + TILE_ROWS, np.int64)
    out = np.empty(block + TILE_ROWS, np.int64)
    relu = 1 if activation == RELU else 0
    for t in range(first, last):
        r, p0, p1, q0, q1 = items[t, 0], items[t, 1], items[t, 2], items[t, 3], items[t, 4]
        nj = rectangles[r, 1]
        per_image = rectangles[r, 0] * nj
        count = p1 - p0
        n = p0 // per_image
        i = (p0 - n * per_image) // nj
        j = p0 - n * per_image - i * nj
        for p in range(count):
            rows[p] = (rectangles[r, 2] + n * rectangles[r, 3] + i * rectangles[r, 4]
                       + j * rectangles[r, 5])  # fmt: skip
            out[p] = (rectangles[r, 6] + n * rectangles[r, 7] + i * rectangles[r, 8]
                      + j * rectangles[r, 9])  # fmt: skip
            j += 1
            if j == nj:
                j = 0
                i += 1
                if i == rectangles[r, 0]:
                    i = 0
                    n += 1
        for p in range(count, count + TILE_ROWS):  # a last tile repeats the last pixel
            rows[p] = rows[count - 1]
            out[p] = out[count - 1]
        newest = _newest(rectangles, chunks, segments, r)
        for q in range(q0, q1):
            group = q // panels
            column = (q - group * panels) * panel
            there = min(panel, columns - column)
            c0 = group * columns + column
            for chunk in range(rectangles[r, 10], rectangles[r, 11]):
                start = ACCUMULATE
                if chunk == rectangles[r, 10]:
                    start = BIAS if has_bias else ZERO
                is_last = 1 if chunk == rectangles[r, 11] - 1 else 0
                ask = q == q0 and chunk == rectangles[r, 10] and depth <= MOST_ASKED
                for p in range(0, count, TILE_ROWS):
                    if ask:
                        for k in range(TILE_ROWS):
                            prefetch_ahead(A, rows[p + k] + newest + group * depth, depth)
                    tile_product(A, rows, p, group * depth, segments, chunks[chunk, 0],
                                 chunks[chunk, 1], 1, B, q * b_panel, b_step, C, out, c0, there,
                                 start, bias, q * panel, relu * is_last)  # fmt: skip
            if activation > RELU:
                for p in range(count):
                    squash(C, out[p] + c0, there, activation)
