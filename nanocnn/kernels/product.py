"""The loops around the micro-kernel: two of them serve every dense contraction.

`gather_product` makes rows of pixels (convolution forward, its input gradient, dense layers);
`outer_product` sums over pixels (the gradients of filters and weights). `pack` lays filters out in
panels: all rows k of one panel of columns lie behind each other, zeros where columns are missing.
"""

from __future__ import annotations

import math

import numpy as np

from .elementwise import RELU, SIGMOID, sigmoid
from .jit import TILE_ROWS, U, kernel
from .microkernel import ACCUMULATE, BIAS, ZERO, tile_product


@kernel
def pack(first, last, w, origin, taps, tap_step, depth, k_step, columns, column_step, group_step,
         panels, panel, packed):  # fmt: skip
    """packed[q, t, k, l] = w[origin + group + t*tap_step + k*k_step + column*column_step].

    Items are the panels q; `panels` of them belong to one group; columns are counted in a group.
    """
    size = taps * depth * panel
    for q in range(first, last):
        group = q // panels
        column = (q - group * panels) * panel
        there = min(panel, columns - column)
        source = origin + group * group_step + column * column_step
        for t in range(taps):
            for k in range(depth):
                a = source + t * tap_step + k * k_step
                b = q * size + (t * depth + k) * panel
                for l in range(there):
                    packed[U(b + l)] = w[U(a + l * column_step)]
                for l in range(there, panel):
                    packed[U(b + l)] = 0


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
                for p in range(0, count, TILE_ROWS):
                    tile_product(A, rows, p, group * depth, segments, chunks[chunk, 0],
                                 chunks[chunk, 1], 1, B, q * b_panel, b_step, C, out, c0, there,
                                 start, bias, q * panel, relu * is_last)  # fmt: skip
            if activation > RELU:
                for p in range(count):
                    for f in range(out[p] + c0, out[p] + c0 + there):
                        if activation == SIGMOID:
                            C[f] = sigmoid(C[f])
                        else:
                            C[f] = math.tanh(C[f])


@kernel
def outer_product(first, last, A, B, C, rectangles, rows, out, n, groups, depth, columns, panels,
                  panel, parts, panel_items, row_items, part_size, block,
                  first_start):  # fmt: skip
    """C[row, column] = sum over pixels of A[row, pixel] * B[pixel, column].

    A rectangle gives (first row, behind the last row, lines per image, pixels per line; A: start,
    image, line, pixel step; B: likewise; item that owns these rows). Rows come from the tables
    `rows` (in A) and `out` (in C).

    A work item is a part of the sum, some of the panels and some of the rows. Each part has its
    own C, `part_size` apart; with one part, the sum is complete. `first_start` is ACCUMULATE where
    C holds zeros, ZERO where C holds anything and there is one rectangle only. `block` pixels of a
    panel of B stay in the first-level cache while all rows pass over them.
    """
    all_panels = groups * panels
    segments = np.empty((max(block, 1), 3), np.int64)
    for t in range(first, last):
        part = t // (panel_items * row_items)
        u = t // row_items - part * panel_items
        v = t % row_items
        q_first = u * all_panels // panel_items
        q_last = (u + 1) * all_panels // panel_items
        for r in range(rectangles.shape[0]):
            if rectangles[r, 12] != v:
                continue
            row_first, row_last = rectangles[r, 0], rectangles[r, 1]
            per_image, length = rectangles[r, 2], rectangles[r, 3]
            start = first_start
            lines = n * per_image
            line = part * lines // parts
            end = (part + 1) * lines // parts
            at_once = max(1, block // length)
            while line < end:
                count = min(at_once, end - line)
                for s in range(count):
                    image = (line + s) // per_image
                    i = line + s - image * per_image
                    segments[s, 0] = (rectangles[r, 4] + image * rectangles[r, 5]
                                      + i * rectangles[r, 6])  # fmt: skip
                    segments[s, 1] = (rectangles[r, 8] + image * rectangles[r, 9]
                                      + i * rectangles[r, 10])  # fmt: skip
                    segments[s, 2] = length
                for q in range(q_first, q_last):
                    group = q // panels
                    column = (q - group * panels) * panel
                    there = min(panel, columns - column)
                    c0 = part * part_size + group * columns + column
                    for row in range(row_first, row_last, TILE_ROWS):
                        tile_product(A, rows, row, group * depth, segments, 0, count,
                                     rectangles[r, 7], B, group * columns + column,
                                     rectangles[r, 11], C, out, c0, there, start, B, 0,
                                     0)  # fmt: skip
                line += count
                start = ACCUMULATE
