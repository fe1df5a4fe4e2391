"""Dense layers are 1x1 convolutions: the samples are the pixels of one image row."""

from __future__ import annotations

import numpy as np

from . import memory, threads
from .conv import conv2d_backward_input, conv2d_backward_weight
from .elementwise import ACTIVATIONS, channel_sums
from .jit import panel_width
from .plan import Geometry, forward_plan
from .product import gather_product, pack

_ONE_BY_ONE = ((1, 1), ((0, 0), (0, 0)), (1, 1), 1)  # stride, padding, dilation, groups


def dense_forward(x, w, b, activation=None):
    """(D1), with `activation` applied on the way out of the registers."""
    n, d = x.shape
    f = w.shape[1]
    panel = panel_width(x.itemsize)
    panels = -(-f // panel)
    if f % panel:  # the last panel would read past the row: pad it with zeros
        columns, b_panel, b_step = memory.empty((panels * d * panel,), x.dtype), d * panel, panel
        args = (memory.flat(w), 0, 1, 0, d, f, f, 1, 0, panels, panel, columns)
        threads.run(pack, panels, args, columns.nbytes / threads.BYTES_PER_SECOND)
    else:
        columns, b_panel, b_step = memory.flat(w), panel, f
    bias = np.zeros(panels * panel, x.dtype)
    if b is not None:
        bias[:f] = b
    g = Geometry(1, 1, n, d, 1, n, f, 1, 1, *_ONE_BY_ONE)
    plan = forward_plan(g, panel, b_step, x.itemsize)
    y = memory.empty((n, f), x.dtype)
    args = (memory.flat(x), columns, b_panel, b_step, bias, b is not None, y.reshape(-1),
            plan.rectangles, plan.chunks, plan.segments, plan.items, d, f, panels, panel,
            ACTIVATIONS[activation])  # fmt: skip
    threads.run(gather_product, len(plan.items), args, 2 * n * d * f / threads.FLOPS_PER_SECOND)
    return y


def _as_image_row(a):
    return a.reshape(1, 1, *a.shape)


def dense_backward_input(dy, w):
    """(D2)."""
    n, d = dy.shape[0], w.shape[0]
    dx = conv2d_backward_input(_as_image_row(dy), _as_image_row(w), (1, 1, n, d), *_ONE_BY_ONE)
    return dx.reshape(n, d)


def dense_backward_weight(dy, x):
    """(D3)."""
    w_shape = (1, 1, x.shape[1], dy.shape[1])
    dw = conv2d_backward_weight(_as_image_row(dy), _as_image_row(x), w_shape, *_ONE_BY_ONE)
    return dw.reshape(w_shape[2:])


def dense_backward_bias(dy):
    """(D4), accumulated in float64."""
    return channel_sums(dy)
