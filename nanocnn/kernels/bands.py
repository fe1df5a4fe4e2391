"""Convolution and max pooling together: what pooling reads has not left the cache yet.

Pooling reads four numbers for each that it writes, and the first layer's four are the largest array
of a network: 65 MB for 32 images of the article, written to memory and read again. So the two go
band by band:

    image rows  --convolution-->  rows of one band, in the second-level cache
                                       --max pooling-->  pooled rows, and who won

A band is a convolution of its own, of an image with fewer rows; only the first ones see padding
above, only the last ones padding below. A 3x3 filter with padding 1 on 8 rows, pooled by 2, one
pooled row a band:

    band    pooled row    of rows    which see image rows      kind
     0          0           0 1      (padding) 0 1 2            A
     1          1           2 3      1 2 3 4                    B
     2          2           4 5      3 4 5 6                    B
     3          3           6 7      5 6 7 (padding)            C

Bands of one kind differ in where they begin, so one plan serves them all: three plans here, and
three for an image of 800 rows. Rows and columns behind the last window are not computed. Each sum
is the one of the whole convolution, term by term, so the bits are those of the two passes.

Three cases are left to the two passes, or to a sibling: windows that share rows, since bands would
compute those twice; pooling with padding; and what another kernel convolves faster. Of those
Winograd's has its own way to pool, tile by tile: see `winograd.winograd_pools`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from . import memory, threads
from .choice import winograd_pays
from .conv import _padded_bias, conv2d_forward, geometry
from .depthwise import depthwise_pays
from .elementwise import ACTIVATIONS
from .jit import kernel
from .panels import in_panels
from .plan import Geometry, Plan, forward_plan
from .pool import max_pool2d_forward, max_rows
from .product import gather_product
from .runs import out_size
from .winograd import winograd_max_pool2d_forward, winograd_pools

BAND_BYTES = 128 << 10  # of a band: with its input and filters, in the second-level cache
NO_PADDING = ((0, 0), (0, 0))


class BandPlan(NamedTuple):
    """The tables of all kinds of bands, one behind the other, as in `plan.Plan`; and the bands."""

    rectangles: np.ndarray
    chunks: np.ndarray
    segments: np.ndarray
    items: np.ndarray
    bands: np.ndarray  # (., 6): start in x, in y; first item, behind the last; rows, pooled rows


@kernel
def _conv_max_pool(first, last, x, packed, b_panel, b_step, bias, has_bias, y, winner, rectangles,
                   chunks, segments, items, depth, columns, panels, panel, activation, bands,
                   x_image, y_image, w, c, pw, kh, kw, sh, sw):  # fmt: skip
    """Items are the bands of all images."""
    rows = 0
    for k in range(bands.shape[0]):
        rows = max(rows, bands[k, 4])
    band = np.empty(rows * w * c, x.dtype)
    for t in range(first, last):
        n, k = t // bands.shape[0], t % bands.shape[0]
        gather_product(bands[k, 2], bands[k, 3], x[n * x_image + bands[k, 0] :], packed, b_panel,
                       b_step, bias, has_bias, band, rectangles, chunks, segments, items, depth,
                       columns, panels, panel, activation)  # fmt: skip
        o = n * y_image + bands[k, 1]
        max_rows(0, bands[k, 5], band, y[o:], winner[o:], bands[k, 4], w, c, bands[k, 5], pw, kh,
                 kw, sh, sw, 0, 0, False)  # fmt: skip


def conv2d_max_pool2d_forward(
    x, w, b, stride, padding, dilation, groups, activation, window, steps, around
):
    """(C1), `activation`, and (P1) with `window`, `steps`, padding `around`; and the winners."""
    conv = (stride, padding, dilation, groups)
    if around == NO_PADDING:
        if winograd_pays("forward", x.dtype, x.shape, w.shape, *conv):
            if winograd_pools(w.shape[3], activation, window, steps):
                return winograd_max_pool2d_forward(x, w, b, padding, activation)
        elif window[0] <= steps[0] and not depthwise_pays(w.shape, groups):
            return _in_bands(x, w, b, *conv, activation, window, steps)
    y = conv2d_forward(x, w, b, *conv, activation)
    return max_pool2d_forward(y, window, steps, around)


def _in_bands(x, w, b, stride, padding, dilation, groups, activation, window, steps):
    kh, kw, depth, f = w.shape
    oh = out_size(x.shape[1], kh, stride[0], padding[0], dilation[0])
    ow = out_size(x.shape[2], kw, stride[1], padding[1], dilation[1])
    g = geometry(x.shape, w.shape, oh, ow, stride, padding, dilation, groups)
    ph, pw = out_size(oh, window[0], steps[0], (0, 0)), out_size(ow, window[1], steps[1], (0, 0))
    columns = f // groups
    packed, panels, panel = in_panels(w, kh * kw * depth, columns, groups)
    bias, has_bias = _padded_bias(b, groups, columns, panels, panel, x.dtype)
    y = memory.empty((g.n, ph, pw, f), x.dtype)
    winner = memory.empty(y.shape, np.min_scalar_type(window[0] * window[1] - 1))
    width = (pw - 1) * steps[1] + window[1]  # columns behind the last window are not needed
    plan = band_plan(g._replace(n=1, ow=width), window[0], steps[0], ph, pw, panel, x.itemsize)
    args = (memory.flat(x), packed, kh * kw * depth * panel, panel, bias, has_bias, y.reshape(-1),
            winner.reshape(-1), *plan[:4], depth, columns, panels, panel, ACTIVATIONS[activation],
            plan.bands, g.h * g.w * g.c, ph * pw * f, width, f, pw, *window, *steps)  # fmt: skip
    seconds = 2 * g.n * oh * width * f * kh * kw * depth / threads.FLOPS_PER_SECOND
    threads.run(_conv_max_pool, g.n * len(plan.bands), args, seconds)
    return y, winner


@lru_cache(maxsize=256)
def band_plan(g: Geometry, window: int, step: int, ph: int, pw: int, panel: int, itemsize: int):
    """Lay out the bands of one image; `window` and `step` count rows, `ph` and `pw` are pooled."""
    count = -(-ph // max(1, BAND_BYTES // (step * g.ow * g.f * itemsize)))
    kinds: dict[Geometry, list[tuple[int, ...]]] = {}
    for k in range(count):
        p0, p1 = k * ph // count, (k + 1) * ph // count
        r0, r1 = p0 * step, (p1 - 1) * step + window  # rows of the convolution
        h0 = r0 * g.stride[0] - g.padding[0][0]  # ... and those of the image that they see
        h1 = (r1 - 1) * g.stride[0] - g.padding[0][0] + g.dilation[0] * (g.kh - 1) + 1
        first, last = max(0, h0), min(g.h, h1)  # no row at all where it sees padding alone
        kind = g._replace(h=last - first, oh=r1 - r0, padding=((first - h0, 0), g.padding[1]))
        kinds.setdefault(kind, []).append((first * g.w * g.c, p0 * pw * g.f, r1 - r0, p1 - p0))
    tables: list[list[np.ndarray]] = [[], [], [], []]
    bands, lengths = [], [0, 0, 0, 0]  # of the tables so far
    for kind, places in kinds.items():
        plan = Plan(*(table.copy() for table in forward_plan(kind, panel, panel, itemsize)))
        plan.rectangles[:, 10:] += lengths[1]  # chunks
        plan.chunks[...] += lengths[2]  # segments
        plan.items[:, 0] += lengths[0]  # rectangles
        items = lengths[3], lengths[3] + len(plan.items)
        bands += [(x, y, *items, rows, pooled) for x, y, rows, pooled in places]
        for i, table in enumerate(plan):
            tables[i].append(table)
            lengths[i] += len(table)
    return BandPlan(*map(np.concatenate, tables), np.array(sorted(bands), np.int64))
