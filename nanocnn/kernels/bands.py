"""Convolution and max pooling together: what pooling reads has not left the cache yet.

Pooling reads four numbers for each that it writes, and the first layer's four are the largest array
of a network: 65 MB for 32 images of the article, written to memory and read again. So the two go
band by band:

    image rows  --convolution-->  rows of one band, in the second-level cache
                                       --max pooling-->  pooled rows, and who won

A band is a convolution of its own, with an image of fewer rows and, at the top and the bottom, with
less padding. Bands of one kind differ in where they begin, so one plan serves them all. Numbers
that no window reads are not computed at all. Each sum is the one of the whole convolution, term by
term, so the bits are those of the two passes.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from . import memory, threads
from .choice import winograd_pays
from .conv import _padded_bias, conv2d_forward, geometry
from .depthwise import depthwise_pays
from .elementwise import ACTIVATIONS
from .jit import kernel
from .panels import in_panels
from .plan import Geometry, forward_plan
from .pool import _max_forward, max_pool2d_forward
from .product import gather_product
from .runs import out_size
from .winograd import winograd_max_pool2d_forward, winograd_pools

BAND_BYTES = 128 << 10  # of a band: with its input and filters, in the second-level cache
NO_PADDING = ((0, 0), (0, 0))


@kernel
def _conv_max_pool(first, last, x, packed, b_panel, b_step, bias, has_bias, y, winner, rectangles,
                   chunks, segments, items, depth, columns, panels, panel, activation, x_image,
                   x_starts, y_image, y_starts, rows, w, c, ph, pw, kh, kw, sh, sw):  # fmt: skip
    """Items are bands of one kind, of all images."""
    band = np.empty(rows * w * c, x.dtype)
    for t in range(first, last):
        n, k = t // x_starts.size, t % x_starts.size
        gather_product(0, items.shape[0], x[n * x_image + x_starts[k] :], packed, b_panel, b_step,
                       bias, has_bias, band, rectangles, chunks, segments, items, depth, columns,
                       panels, panel, activation)  # fmt: skip
        o = n * y_image + y_starts[k]
        _max_forward(0, ph, band, y[o:], winner[o:], rows, w, c, ph, pw, kh, kw, sh, sw, 0, 0)


def conv2d_max_pool2d_forward(
    x, w, b, stride, padding, dilation, groups, activation, window, steps, around
):
    """(C1), `activation`, and (P1), with each window's winner."""
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
    for kind, x_starts, y_starts in _bands(g, window, steps, ph, pw, x.itemsize):
        plan = forward_plan(kind, panel, panel, x.itemsize)
        rows = out_size(kind.oh, window[0], steps[0], (0, 0))
        args = (memory.flat(x), packed, kh * kw * depth * panel, panel, bias, has_bias,
                y.reshape(-1), winner.reshape(-1), plan.rectangles, plan.chunks, plan.segments,
                plan.items, depth, columns, panels, panel, ACTIVATIONS[activation],
                g.h * g.w * g.c, x_starts, ph * pw * f, y_starts, kind.oh, kind.ow, f, rows, pw,
                *window, *steps)  # fmt: skip
        seconds = 2 * kind.oh * kind.ow * f * kh * kw * depth / threads.FLOPS_PER_SECOND
        items = g.n * x_starts.size
        threads.run(_conv_max_pool, items, args, seconds * items)
    return y, winner


@lru_cache(maxsize=256)
def _bands(g: Geometry, window, steps, ph, pw, itemsize):
    """List the kinds of bands: (one's geometry, where in x they start, where in y)."""
    width = (pw - 1) * steps[1] + window[1]  # columns behind the last window are not needed
    row_bytes = steps[0] * width * g.f * itemsize
    count = -(-ph // max(1, BAND_BYTES // row_bytes))
    kinds: dict[Geometry, list[tuple[int, int]]] = {}
    for k in range(count):
        p0, p1 = k * ph // count, (k + 1) * ph // count
        r0, r1 = p0 * steps[0], (p1 - 1) * steps[0] + window[0]  # rows of the convolution
        h0 = r0 * g.stride[0] - g.padding[0][0]  # ... and those of the image that they see
        h1 = (r1 - 1) * g.stride[0] - g.padding[0][0] + g.dilation[0] * (g.kh - 1) + 1
        first, last = min(max(0, h0), g.h - 1), max(min(g.h, h1), 1)
        kind = g._replace(n=1, h=last - first, oh=r1 - r0, ow=width,
                          padding=((first - h0, 0), g.padding[1]))  # fmt: skip
        kinds.setdefault(kind, []).append((first * g.w * g.c, p0 * pw * g.f))
    return [
        (kind, *(np.array(starts, np.int64) for starts in zip(*bands, strict=True)))
        for kind, bands in kinds.items()
    ]
