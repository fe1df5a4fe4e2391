"""Convolution at machine speed: three passes over the two loops of `product`.

Forward and the input's gradient gather: for each pixel, a sum over taps and channels. The filters'
gradient sums over pixels. See `plan` for how stride, padding, dilation and groups become tables.
"""

from __future__ import annotations

import numpy as np

from . import memory, threads
from .activations import relu_forward, sigmoid_forward, tanh_forward
from .choice import winograd_pays
from .depthwise import (
    depthwise_backward_input,
    depthwise_backward_weight,
    depthwise_forward,
    depthwise_pays,
)
from .elementwise import ACTIVATIONS, channel_sums
from .jit import TILE_ROWS, panel_width
from .microkernel import ACCUMULATE, ZERO
from .outer import outer_product
from .panels import in_panels, turned_in_panels
from .plan import Geometry, backward_input_plan, backward_weight_plan, forward_plan
from .product import gather_product
from .runs import out_size
from .thin import thin_backward_input, thin_pays
from .winograd import winograd_backward_input, winograd_backward_weight, winograd_forward

PART_BYTES = 256 << 10  # partial sums of dw that still fit in the second-level cache
MOST_PARTS, LEAST_PARTS, ALL_PARTS_BYTES = 16, 8, 128 << 10  # small dw: for many threads
MIN_ITEMS = 8
PANELS = 8  # of dy in a work item: 256 pixels of them lie in the second-level cache
BLOCK_BYTES = 16 << 10  # of dy that stays in the first-level cache

FOLLOWERS = {"relu": relu_forward, "sigmoid": sigmoid_forward, "tanh": tanh_forward}


def geometry(x_shape, w_shape, out_h, out_w, stride, padding, dilation, groups) -> Geometry:
    """Collect what the plans are made from."""
    n, h, w, c = x_shape
    kh, kw, _, f = w_shape
    return Geometry(n, h, w, c, out_h, out_w, f, kh, kw, stride, padding, dilation, groups)


def _padded_bias(b, groups, columns, panels, panel, dtype):
    """Return the bias laid out like the panels: zeros where a group's last panel has no column."""
    if b is None:
        return np.zeros(1, dtype), False
    bias = np.zeros((groups, panels * panel), dtype)
    bias[:, :columns] = b.reshape(groups, columns)
    return bias.reshape(-1), True


def conv2d_forward(x, w, b, stride, padding, dilation, groups, activation=None):
    """(C1), with `activation` applied on the way out of the registers."""
    kh, kw, depth, f = w.shape
    if winograd_pays("forward", x.dtype, x.shape, w.shape, stride, padding, dilation, groups):
        return winograd_forward(x, w, b, padding, activation)
    oh = out_size(x.shape[1], kh, stride[0], padding[0], dilation[0])
    ow = out_size(x.shape[2], kw, stride[1], padding[1], dilation[1])
    if depthwise_pays(w.shape, groups):
        return depthwise_forward(x, w, b, (oh, ow), stride, padding, dilation, activation)
    g = geometry(x.shape, w.shape, oh, ow, stride, padding, dilation, groups)
    columns = f // groups
    packed, panels, panel = in_panels(w, kh * kw * depth, columns, groups)
    bias, has_bias = _padded_bias(b, groups, columns, panels, panel, x.dtype)
    plan = forward_plan(g, panel, panel, x.itemsize)
    y = memory.empty((g.n, oh, ow, f), x.dtype)
    args = (memory.flat(x), packed, kh * kw * depth * panel, panel, bias, has_bias, y.reshape(-1),
            plan.rectangles, plan.chunks, plan.segments, plan.items, depth, columns, panels, panel,
            ACTIVATIONS[activation])  # fmt: skip
    seconds = 2 * y.size * kh * kw * depth / threads.FLOPS_PER_SECOND
    threads.run(gather_product, len(plan.items), args, seconds)
    return y


def conv2d_backward_input(
    dy, w, x_shape, stride, padding, dilation, groups, b=None, activation=None
):
    """(C2): dy is gathered through the filters, turned by 180 degrees, C and F exchanged.

    A bias and an activation behind it are what the transposed convolution, (T1), has more.
    """
    kh, kw, depth, f = w.shape
    special = None
    if winograd_pays("input", dy.dtype, tuple(x_shape), w.shape, stride, padding, dilation, groups):
        special = winograd_backward_input(dy, w, x_shape, padding)
    elif thin_pays(w.shape, groups):
        special = thin_backward_input(dy, w, x_shape, stride, padding, dilation)
    elif depthwise_pays(w.shape, groups):
        special = depthwise_backward_input(dy, w, x_shape, stride, padding, dilation)
    if special is not None:
        return _followed(special, b, activation)
    g = geometry(x_shape, w.shape, *dy.shape[1:3], stride, padding, dilation, groups)
    columns = f // groups
    taps = kh * kw
    packed, panels, panel = turned_in_panels(w, taps, columns, depth, groups)
    bias, has_bias = _padded_bias(b, groups, depth, panels, panel, dy.dtype)
    plan = backward_input_plan(g, panel, dy.itemsize)
    dx = memory.empty(tuple(x_shape), dy.dtype)
    args = (memory.flat(dy), packed, taps * columns * panel, panel, bias, has_bias,
            dx.reshape(-1), plan.rectangles, plan.chunks, plan.segments, plan.items, columns, depth,
            panels, panel, ACTIVATIONS[activation])  # fmt: skip
    seconds = 2 * dy.size * taps * depth / threads.FLOPS_PER_SECOND
    threads.run(gather_product, len(plan.items), args, seconds)
    return dx


def _followed(y, b, activation):
    """Apply bias and activation to what a kernel without them has written, in place or not."""
    if b is not None:
        y += b
    return y if activation is None else FOLLOWERS[activation](y)


def conv2d_backward_weight(dy, x, w_shape, stride, padding, dilation, groups):
    """(C3): for each tap and channel, the sum over all pixels of x times dy."""
    return _backward_weight(dy, x, w_shape, stride, padding, dilation, groups, need_db=False)[0]


def conv2d_backward_weight_and_bias(dy, x, w_shape, stride, padding, dilation, groups):
    """(C3) and (C4): dw and db, in one pass over dy where that is possible."""
    dw, db = _backward_weight(dy, x, w_shape, stride, padding, dilation, groups, need_db=True)
    return dw, conv2d_backward_bias(dy) if db is None else db


def _backward_weight(dy, x, w_shape, stride, padding, dilation, groups, need_db):
    kh, kw, depth, f = w_shape
    shapes = x.shape, tuple(w_shape)
    if winograd_pays("weight", x.dtype, *shapes, stride, padding, dilation, groups):
        return winograd_backward_weight(dy, x, padding), None
    if depthwise_pays(w_shape, groups):
        return depthwise_backward_weight(dy, x, w_shape, stride, padding, dilation), None
    g = geometry(x.shape, w_shape, *dy.shape[1:3], stride, padding, dilation, groups)
    columns = f // groups
    panel = panel_width(x.itemsize)
    panels = -(-columns // panel)
    size = kh * kw * depth * f
    # Shared out by parts of the sum where their partial results are small, else by panels and rows.
    dw_bytes = max(1, size * x.itemsize)
    parts = min(MOST_PARTS, max(LEAST_PARTS, ALL_PARTS_BYTES // dw_bytes))
    panel_items = row_items = 1
    if dw_bytes > PART_BYTES:
        parts, panel_items = 1, -(-groups * panels // PANELS)
        row_items = -(-MIN_ITEMS // panel_items)
    plan = backward_weight_plan(g, TILE_ROWS, row_items)
    partial = memory.empty((parts, size), x.dtype)
    start = ZERO if plan.complete and plan.lines >= parts else ACCUMULATE
    if start == ACCUMULATE:
        partial[...] = 0
    with_sums = need_db and plan.covering and row_items == 1
    sums = np.zeros((parts if with_sums else 0, f))
    args = (memory.flat(x), memory.flat(dy), partial.reshape(-1),
            plan.rectangles, plan.rows, plan.out, g.n, groups, depth, columns, panels, panel,
            parts, panel_items, row_items, size, BLOCK_BYTES // (panel * x.itemsize), start,
            sums.reshape(-1))  # fmt: skip
    seconds = 2 * dy.size * kh * kw * depth / threads.FLOPS_PER_SECOND
    threads.run(outer_product, parts * panel_items * row_items, args, seconds)
    dw = partial[0] if parts == 1 else partial.sum(axis=0)  # in order: the same bits every time
    return dw.reshape(w_shape), sums.sum(axis=0).astype(dy.dtype) if with_sums else None


def conv2d_backward_bias(dy):
    """(C4), accumulated in float64."""
    return channel_sums(dy)
