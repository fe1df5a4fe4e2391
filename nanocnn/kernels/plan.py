"""From the geometry of a convolution to the tables that the micro-kernel walks.

The product of a run of rows and a run of columns (see `runs`) is a rectangle of pixels that all see
the same taps, and over such a rectangle a convolution is a plain sum of products: no padded copy of
the image, no test inside the loop, and for strides no inserted zeros.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from typing import NamedTuple

import numpy as np

from .runs import Run, backward_runs, forward_runs

CHUNK_BYTES = 20 << 10  # of the filter panel that one pass keeps in the first-level cache
BLOCK_PIXELS = 192  # of one work item: the panel is read from the second level once for these
MIN_ITEMS = 16  # where pixels give fewer items than this, the panels are split as well


class Geometry(NamedTuple):
    """What the tables depend on: nothing else about a convolution matters to them."""

    n: int
    h: int
    w: int
    c: int
    oh: int
    ow: int
    f: int
    kh: int
    kw: int
    stride: tuple[int, int]
    padding: tuple[tuple[int, int], tuple[int, int]]
    dilation: tuple[int, int]
    groups: int


class Layout(NamedTuple):
    """Steps, in elements, of an image batch in memory."""

    image: int
    row: int
    pixel: int


class Plan(NamedTuple):
    """The tables of `product.gather_product`, all int64."""

    rectangles: np.ndarray  # (., 12): rows, columns; source start, image, row, column step;
    #                                 target likewise; first chunk, behind the last chunk
    chunks: np.ndarray  # (., 2): first segment, behind the last segment
    segments: np.ndarray  # (., 3): offset in the source, in the panel, length
    items: np.ndarray  # (., 5): rectangle; first pixel, behind the last; panels likewise


def _segments(rows: Run, cols: Run, source: Layout, kernel_w: int, depth: int, merge: bool):
    """List [offset in the source, first row k of the panel, length], neighbours joined."""
    found: list[list[int]] = []
    for u, h in rows.taps:
        for v, w in cols.taps:
            offset = (h - rows.taps[0][1]) * source.row + (w - cols.taps[0][1]) * source.pixel
            k = (u * kernel_w + v) * depth
            if merge and found and (offset, k) == (found[-1][0] + found[-1][2], sum(found[-1][1:])):
                found[-1][2] += depth
            else:
                found.append([offset, k, depth])
    return found


def _chunks(segments: list[list[int]], most: int) -> list[list[tuple[int, int, int]]]:
    """Cut the segments into chunks of equal length, `most` at the most; at least one chunk."""
    total = sum(length for *_, length in segments)
    size = -(-total // max(1, -(-total // most)))
    chunks: list[list[tuple[int, int, int]]] = [[]]
    room = size
    for offset, k, length in segments:
        while length:
            if room == 0:
                chunks.append([])
                room = size
            take = min(length, room)
            chunks[-1].append((offset, k, take))
            offset, k, length, room = offset + take, k + take, length - take, room - take
    return chunks


def make_plan(
    g: Geometry,
    row_runs: tuple[Run, ...],
    col_runs: tuple[Run, ...],
    source: Layout,
    target: Layout,
    depth: int,
    panels: int,
    panel_bytes: int,
    b_step: int,
) -> Plan:
    """Lay out a gather product.

    Parameters
    ----------
    source, target : Layout, of the array that is read and the one that is written
    depth : int, channels per tap that are summed over
    panels : int, over all groups
    panel_bytes : int, of one row of a panel
    b_step : int, elements from one row of a panel to the next
    """
    n, kernel_w = g.n, g.kw
    merge = g.groups == 1  # then neighbouring taps are neighbours in memory, and join
    rectangles, all_chunks, all_segments, items = [], [], [], []
    grid = list(product(row_runs, col_runs))
    blocks = sum(-(-n * rows.count * cols.count // BLOCK_PIXELS) for rows, cols in grid)
    per_item = panels if blocks >= MIN_ITEMS else max(1, panels * blocks // MIN_ITEMS)
    for rows, cols in grid:
        first_chunk = len(all_chunks)
        segments = _segments(rows, cols, source, kernel_w, depth, merge)
        for chunk in _chunks(segments, max(1, CHUNK_BYTES // panel_bytes)):
            all_chunks.append((len(all_segments), len(all_segments) + len(chunk)))
            all_segments += [(offset, k * b_step, length) for offset, k, length in chunk]
        pixels = n * rows.count * cols.count
        items += [
            (len(rectangles), p, min(p + BLOCK_PIXELS, pixels), q, min(q + per_item, panels))
            for p in range(0, pixels, BLOCK_PIXELS)
            for q in range(0, panels, per_item)
        ]
        h0 = rows.taps[0][1] if rows.taps else 0
        w0 = cols.taps[0][1] if cols.taps else 0
        rectangles.append(
            (
                *(rows.count, cols.count, h0 * source.row + w0 * source.pixel, source.image),
                *(rows.source_step * source.row, cols.source_step * source.pixel),
                *(rows.first * target.row + cols.first * target.pixel, target.image),
                *(rows.step * target.row, cols.step * target.pixel),
                *(first_chunk, len(all_chunks)),
            )
        )
    tables = ((rectangles, 12), (all_chunks, 2), (all_segments, 3), (items, 5))
    return Plan(*(np.array(rows, np.int64).reshape(len(rows), width) for rows, width in tables))


def axis_runs(g: Geometry, backward: bool) -> tuple[tuple[Run, ...], tuple[Run, ...]]:
    """Return the runs of rows and of columns."""
    runs = backward_runs if backward else forward_runs
    return (
        runs(g.h, g.oh, g.kh, g.stride[0], g.padding[0][0], g.dilation[0]),
        runs(g.w, g.ow, g.kw, g.stride[1], g.padding[1][0], g.dilation[1]),
    )


@lru_cache(maxsize=256)
def forward_plan(g: Geometry, panel: int, b_step: int, itemsize: int) -> Plan:
    """Return the tables of the forward pass: x is read, y is written."""
    rows, cols = axis_runs(g, backward=False)
    x = Layout(g.h * g.w * g.c, g.w * g.c, g.c)
    y = Layout(g.oh * g.ow * g.f, g.ow * g.f, g.f)
    panels = g.groups * -(-(g.f // g.groups) // panel)
    return make_plan(g, rows, cols, x, y, g.c // g.groups, panels, panel * itemsize, b_step)


@lru_cache(maxsize=256)
def backward_input_plan(g: Geometry, panel: int, itemsize: int) -> Plan:
    """Return the tables of the input's gradient: dy is read, dx is written.

    The panels hold the taps in reverse order, so that taps and places rise together.
    """
    rows, cols = axis_runs(g, backward=True)
    rows = tuple(r._replace(taps=tuple((g.kh - 1 - u, i) for u, i in r.taps)) for r in rows)
    cols = tuple(r._replace(taps=tuple((g.kw - 1 - v, j) for v, j in r.taps)) for r in cols)
    dy = Layout(g.oh * g.ow * g.f, g.ow * g.f, g.f)
    dx = Layout(g.h * g.w * g.c, g.w * g.c, g.c)
    panels = g.groups * -(-(g.c // g.groups) // panel)
    return make_plan(g, rows, cols, dy, dx, g.f // g.groups, panels, panel * itemsize, panel)


class SumPlan(NamedTuple):
    """The tables of `outer.outer_product`, all int64."""

    rectangles: np.ndarray  # (., 13), see there
    rows: np.ndarray  # per row of the result: where it starts in x ...
    out: np.ndarray  # ... and where it goes in dw
    lines: int  # of the first rectangle, over all images
    complete: bool  # one rectangle holds all taps, so the first store to dw needs no zeros before
    covering: bool  # every output pixel lies in a rectangle: none sees padding alone


@lru_cache(maxsize=256)
def backward_weight_plan(g: Geometry, tile_rows: int, row_items: int) -> SumPlan:
    """Return the tables of the filters' gradient: x and dy are read, dw is written.

    A row of the result is one tap and one channel. Within a rectangle of output pixels all taps in
    sight see all pixels, so the rectangles' contributions are plain sums; a line runs along the
    longer side, so that a border of one column is a line too and not many single pixels.

    The rows of dw are shared out to `row_items` work items, and a rectangle is listed once for
    each of them: no row is ever added to by two items.
    """
    rectangles, sources, targets, n_rows, pairs = [], [], [], 0, 0
    depth = g.c // g.groups
    tiles = -(-g.kh * g.kw * depth // tile_rows)
    bounds = [v * tiles // row_items * tile_rows for v in range(row_items + 1)]
    covering = True
    for rows, cols in product(*axis_runs(g, backward=False)):
        if not (rows.taps and cols.taps):
            covering = False
            continue
        pairs += 1
        places = [(h * g.w + w) * g.c for _, h in rows.taps for _, w in cols.taps]
        taps = [u * g.kw + v for u, _ in rows.taps for v, _ in cols.taps]
        source = np.add.outer(places, np.arange(depth)).reshape(-1)
        target = np.add.outer(np.multiply(taps, depth), np.arange(depth)).reshape(-1)
        x_steps = rows.source_step * g.w * g.c, cols.source_step * g.c
        y_steps = rows.step * g.ow * g.f, cols.step * g.f
        along_row = cols.count >= rows.count
        lines, length = (rows.count, cols.count) if along_row else (cols.count, rows.count)
        outer, inner = (0, 1) if along_row else (1, 0)
        y0 = (rows.first * g.ow + cols.first) * g.f
        for v in range(row_items):
            mine = slice(*np.searchsorted(target, bounds[v : v + 2]))
            count = mine.stop - mine.start
            if not count:
                continue
            filler = (0, -count % tile_rows)  # a last tile repeats the last row
            sources.append(np.pad(source[mine], filler, mode="edge"))
            targets.append(np.pad(target[mine] * g.f, filler, mode="edge"))
            rectangles.append(
                (
                    *(n_rows, n_rows + count, lines, length),
                    *(0, g.h * g.w * g.c, x_steps[outer], x_steps[inner]),
                    *(y0, g.oh * g.ow * g.f, y_steps[outer], y_steps[inner], v),
                )
            )
            n_rows += len(sources[-1])
    return SumPlan(
        np.array(rectangles, np.int64).reshape(len(rectangles), 13),
        np.concatenate(sources or [[]]).astype(np.int64),
        np.concatenate(targets or [[]]).astype(np.int64),
        g.n * rectangles[0][2] if rectangles else 0,
        pairs == 1 and len(taps) == g.kh * g.kw,
        covering,
    )
