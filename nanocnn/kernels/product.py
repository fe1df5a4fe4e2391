"""The loop around the micro-kernel that makes rows of pixels.

`gather_product` is convolution forward, its input gradient and dense layers; the gradients of
filters and weights are in `outer`.
"""

from __future__ import annotations

import numpy as np

from .elementwise import RELU, squash
from .jit import TALL_ROWS, TILE_ROWS, TILE_VECTORS, I, U, inline, kernel
from .microkernel import ACCUMULATE, BIAS, TOGETHER, ZERO, tall_product, tile_product
from .prefetch import prefetch_ahead

MOST_ASKED = 256  # channels; of more, asking takes longer than it saves


@kernel
def _unseen(rectangles, r, chunks, segments, unseen):
    """List where in a window the rows begin that the line above has not read; return how many.

    With stride 1 the last one, with stride 2 two. Segments in one row are listed once.
    """
    width, line, pixel = rectangles[r, 1], rectangles[r, 4], rectangles[r, 5]
    end = chunks[rectangles[r, 11] - 1, 1]
    count = 0
    for s in range(end - 1, chunks[rectangles[r, 10], 0] - 1, -1):
        place = segments[s, 0]
        if count > 0 and place + line <= unseen[0]:
            break
        if count == 0 or unseen[count - 1] - place >= width * pixel:
            unseen[count] = place
            count += 1
    return count


@kernel
def _places(rectangles, r, p0, count, column, places):
    """Where pixels p0 ... p0 + count - 1 lie, in the array that `column` of the table tells of."""
    ni, nj = rectangles[r, 0], rectangles[r, 1]
    line = p0 // nj
    j = p0 - line * nj
    n = line // ni
    i = line - n * ni
    start, image = rectangles[r, column], rectangles[r, column + 1]
    row, pixel = rectangles[r, column + 2], rectangles[r, column + 3]
    p = 0
    while p < count:
        there = min(nj - j, count - p)
        place = start + n * image + i * row + j * pixel
        for k in range(there):
            places[U(p + k)] = place + k * pixel
        p += there
        j = 0
        i += 1
        if i == ni:
            i = 0
            n += 1


@inline
def is_tall(rows, p, end):
    """Tell whether the rows from p on can be a tall tile's: enough before `end`, well placed."""
    if p + TALL_ROWS > end:
        return False
    step = rows[p + 1] - rows[p]
    for k in range(p, p + TALL_ROWS, TOGETHER):
        for m in range(1, TOGETHER):
            if rows[k + m] - rows[k] != m * step:
                return False
    return True


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
    unseen = np.zeros(len(segments) + 1, np.int64)
    relu = 1 if activation == RELU else 0
    for t in range(first, last):
        r, p0, p1, q0, q1 = items[t, 0], items[t, 1], items[t, 2], items[t, 3], items[t, 4]
        count = p1 - p0
        _places(rectangles, r, p0, count, I(2), rows)
        _places(rectangles, r, p0, count, I(6), out)
        for p in range(count, count + TILE_ROWS):  # a last tile repeats the last pixel
            rows[p] = rows[count - 1]
            out[p] = out[count - 1]
        pixel, news = rectangles[r, 5], _unseen(rectangles, r, chunks, segments, unseen)
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
                p = 0
                while p < count:
                    tall = there <= panel // TILE_VECTORS and is_tall(rows, p, count)
                    height = TALL_ROWS if tall else TILE_ROWS
                    if ask and rows[p + height - 1] - rows[p] == (height - 1) * pixel:
                        for k in range(news):
                            prefetch_ahead(A, rows[p] + unseen[k], height * pixel)
                    elif ask:
                        for k in range(height):
                            prefetch_ahead(A, rows[p + k] + unseen[0], pixel)
                    if tall:
                        tall_product(A, rows, p, group * depth, segments, chunks[chunk, 0],
                                     chunks[chunk, 1], 1, B, q * b_panel, b_step, C, out, c0, there,
                                     start, bias, q * panel, relu * is_last)  # fmt: skip
                    else:
                        tile_product(A, rows, p, group * depth, segments, chunks[chunk, 0],
                                     chunks[chunk, 1], 1, B, q * b_panel, b_step, C, out, c0, there,
                                     start, bias, q * panel, relu * is_last)  # fmt: skip
                    p += height
            if activation > RELU:
                for p in range(count):
                    squash(C, out[p] + c0, there, activation)
