"""Winograd's convolution at machine speed: 3x3 filters, stride 1, float32. See the reference.

    x  --B-->  V (36, tiles, C)  \\
                                   36 products of matrices  -->  M (36, tiles, F)  --A-->  y
    w  --G-->  U (36, C, F)      /

A work item is a block of tiles, taken in row order over all images: a block may run over the end of
a row or of an image, and is never short but at the very end. V and M of a block stay in the
second-level cache. Channels are filled up to whole vectors with zeros, columns of U to whole
panels. Of a tile that reaches over the border only what lies in the image is read or written.

Input and output may be two images each, whose channels are taken together: see `pair`. Where
filters outnumber the tiles, U is made panel by panel and not stored: see `winograd_deep`.

What an item is depends on shapes only, so the bits do not depend on the number of threads.
"""

from __future__ import annotations

import numpy as np

from . import elementwise, memory, threads
from . import winograd_deep as deep
from . import winograd_loops as loops
from .elementwise import ACTIVATIONS, RELU
from .jit import TILE_ROWS, panel_width
from .transform import LANES
from .winograd_tiles import POINTS, TILE

# Of V and M in a block of tiles: they stay in the second-level cache while images stream past.
BLOCK_BYTES = 320 << 10
LEAST_BLOCK, MOST_BLOCK = 24, 192
LEAST_SUMMED = 48  # tiles of a block in dw: dU is read and written once for each block
PARTS = 4  # of the tiles in dw, each with its own dU ...
PART_BYTES = 3 << 20  # ... where that is at most this large, and is added to many times;
PART_TILES = 512  # with fewer tiles, or a larger dU, V and Z of many tiles are stored
NOBODY = np.zeros(0, np.uint8)  # no winners: an image of its own
STORE_BYTES = 24 << 20  # of V and Z that are stored at a time: they stay in the last-level cache


def _up(n, step):
    return -(-n // step) * step


def _block(c_full, f_full, least=LEAST_BLOCK):
    """Return the tiles of a block, a multiple of the register tile's rows."""
    fits = BLOCK_BYTES // (POINTS * 4 * (c_full + f_full))
    return min(MOST_BLOCK, max(least, fits // TILE_ROWS * TILE_ROWS))


def _is_deep(tiles, f_full):
    """Tell whether U, larger than V, takes longer to store than to make: see `winograd_deep`.

    Its work items are panels: of one alone there is nothing to share out.
    """
    return f_full >= tiles and f_full > panel_width(4)


def _filled(w, f_full):
    """Return w (3, 3, C, F) with zeros behind its last channel, flat."""
    if w.shape[3] == f_full:
        return memory.flat(w)
    wide = np.zeros((*w.shape[:3], f_full), w.dtype)
    wide[..., : w.shape[3]] = w
    return wide.reshape(-1)


def _transformed_filters(w, c, f, panel, turned):
    """Return U in panels, from filters (3, 3, c, f), or from (3, 3, f, c) that are to be turned."""
    f_full = _up(f, panel)
    U = memory.empty((POINTS * loops.table_step(c * f_full),), w.dtype)
    seconds = U.nbytes / threads.BYTES_PER_SECOND
    if turned:
        args = (memory.flat(w), U, c, f, f_full, panel)
        threads.run(loops.turned_filters, _up(c, LANES) // LANES * f_full // LANES, args, seconds)
    else:
        threads.run(loops.filters, c, (_filled(w, f_full), U, c, f_full, panel), seconds)
    return U


def halves(x):
    """Return one image or two, whose channels are taken together, as a tuple."""
    return x if isinstance(x, tuple) else (x,)


def _both(images):
    """Return the flat arrays of two images, the first one's twice where there is no second."""
    return memory.flat(images[0]), memory.flat(images[-1])


def winograd_forward(x, w, b, padding, activation=None):
    """(W2), with `activation` applied on the way out; x may be two images."""
    (y,) = _forward(halves(x), w, (w.shape[3],), b, padding, activation)
    return y


def winograd_pools(f, activation, window, steps):
    """Tell whether `winograd_max_pool2d_forward` can do it: a tile holds four whole windows."""
    whole = f % LANES == 0
    return window == steps == (2, 2) and whole and ACTIVATIONS[activation] <= RELU


def winograd_unpools(x_shape, f, padding, window, steps):
    """Tell whether (W2) and (W3) can take what max pooling hands down from its winners alone.

    Tiles then begin with a window in both directions, or within one; and U is stored.
    """
    n, h, width, c = x_shape
    (top, _), (left, _) = padding
    tiles = n * -(-h // TILE) * -(-width // TILE)
    fits = window == steps == (2, 2) and f % LANES == 0 and (top - left) % 2 == 0
    return fits and not _is_deep(tiles, _up(c, LANES))


def winograd_max_pool2d_forward(x, w, b, padding, activation=None):
    """(W2), relu or nothing, and (P1) of windows of 2x2 pixels, with each one's winner."""
    return _forward((x,), w, (w.shape[3],), b, padding, activation, pooled=True)


def winograd_backward_input(dy, w, x_shape, padding):
    """(W2) on dy, with turned filters, C and F exchanged."""
    (dx,) = winograd_backward_pair(dy, w, x_shape[3:], padding)
    return dx


def winograd_backward_pair(dy, w, channels, padding):
    """The same, cut into images of so many channels each."""
    (top, bottom), (left, right) = padding
    around = (2 - top, 2 - bottom), (2 - left, 2 - right)
    return _forward((dy,), w, channels, None, around, None, turned=True)


def _forward(images, w, channels, b, padding, activation, pooled=False, turned=False, won=NOBODY):
    """Convolve with w, or with w turned by 180 degrees, C and F exchanged.

    The channels of one or two `images` are taken together; those of the result are cut into one or
    two images of so many `channels` each.
    """
    n, h, width, c1 = images[0].shape
    if won.size:  # windows of 2x2 pixels
        h, width = 2 * h, 2 * width
    c, f = sum(image.shape[3] for image in images), sum(channels)
    (top, bottom), (left, right) = padding
    oh, ow = h + top + bottom - 2, width + left + right - 2
    if pooled:  # a last row or column that no window reads
        oh, ow = oh - oh % 2, ow - ow % 2
    panel = panel_width(4)
    c_full, f_full = _up(c, LANES), _up(f, LANES)
    bias = np.zeros(f_full, np.float32)
    if b is not None:
        bias[:f] = b
    th, tw = -(-oh // TILE), -(-ow // TILE)
    tiles, block = n * th * tw, _block(c_full, f_full)
    size = (n, oh // 2, ow // 2) if pooled else (n, oh, ow)
    found = [memory.empty((*size, k), np.float32) for k in channels]
    winner = memory.empty(found[0].shape if pooled else (0,), np.uint8)
    x, y = _both(images), _both(found)
    which = ACTIVATIONS[activation]
    seconds = 2 * POINTS * tiles * c * f / threads.FLOPS_PER_SECOND
    is_deep = not pooled and not won.size and _is_deep(tiles, f_full)
    if is_deep:
        w = memory.flat(w) if turned else _filled(w, _up(f, panel))
        V = memory.empty((POINTS * loops.table_step(tiles * c_full),), np.float32)
        args = (*x, V, h, width, c1, c, c_full, top, left, th, tw, tiles)
        threads.run(deep.transform_input, tiles, args, 4 * V.nbytes / threads.BYTES_PER_SECOND)
        args = (V, w, bias, *y, c, c_full, oh, ow, channels[0], f, _up(f, panel), th, tw, tiles,
                panel, int(which == RELU), turned)  # fmt: skip
        threads.run(deep.forward_panels, -(-f // panel), args, seconds)
    else:
        U = _transformed_filters(w, c, f, panel, turned)
        args = (*x, won.reshape(-1), U, bias, *y, winner.reshape(-1), h, width, c1, c, c_full, oh,
                ow, channels[0], f, f_full, top, left, th, tw, tiles, block, panel,
                int(which == RELU))  # fmt: skip
        threads.run(loops.forward, -(-tiles // block), args, seconds)
    if pooled:
        return (*found, winner)
    return found if which <= RELU else [elementwise.forward(y, which) for y in found]


def winograd_backward_input_pooled(dy, won, w, x_shape, padding):
    """The same of (P2) of dy: windows of 2x2 pixels, of which `won` are the winners."""
    (top, _), (left, _) = padding
    bottom, right = x_shape[1] - 2 * dy.shape[1] + top, x_shape[2] - 2 * dy.shape[2] + left
    around = (2 - top, bottom), (2 - left, right)
    (dx,) = _forward((dy,), w, x_shape[3:], None, around, None, turned=True, won=won)
    return dx


def winograd_backward_weight(dy, x, padding, won=NOBODY):
    """(W3): in parts with sums of their own, or over stored V and Z where dU is large.

    x may be two images whose channels are taken together. With `won`, the winners in windows of
    2x2 pixels, it is (P2) of dy that is summed.
    """
    images = halves(x)
    n, h, width, c1 = images[0].shape
    c = sum(image.shape[3] for image in images)
    _, oh, ow, f = dy.shape
    if won.size:
        oh, ow = 2 * oh, 2 * ow
    (top, _), (left, _) = padding
    panel = panel_width(4)
    c_full, f_full = _up(c, LANES), _up(f, LANES)
    th, tw = -(-oh // TILE), -(-ow // TILE)
    tiles, size = n * th * tw, POINTS * c * f_full
    sizes = (h, width, c1, c, c_full, oh, ow, f, f_full, top, left, th, tw)
    images = (*_both(images), memory.flat(dy), won.reshape(-1))
    seconds = 2 * tiles * size / threads.FLOPS_PER_SECOND
    dw = memory.empty((3, 3, c, f_full), np.float32)
    if 4 * size <= PART_BYTES and tiles >= PART_TILES:
        dU = memory.empty((PARTS * size,), np.float32)
        args = (*images, dU, *sizes, tiles, PARTS, _block(c_full, f_full, LEAST_SUMMED), panel)
        threads.run(loops.backward_weight_parts, PARTS, args, seconds)
        args = (dU, PARTS, dw.reshape(-1), c, f_full)
        seconds = 10 * PARTS * size / threads.FLOPS_PER_SECOND
        threads.run(loops.back_to_filters, c, args, seconds)
    else:
        _stored_products(images, dw.reshape(-1), sizes, tiles, panel, seconds)
    return dw if f == f_full else np.ascontiguousarray(dw[..., :f])


def _stored_products(images, dw, sizes, tiles, panel, seconds):
    """Transform as many tiles as memory allows, then sum over them, panel by panel."""
    c, c_full, f_full = sizes[3], sizes[4], sizes[8]
    at_once = max(LEAST_BLOCK, STORE_BYTES // (POINTS * 4 * (c_full + f_full)))
    at_once = min(tiles, at_once)
    # A last panel may be one vector wide; the micro-kernel then reads no further.
    V, Z = (
        memory.empty((POINTS * loops.table_step(at_once * k),), np.float32)
        for k in (c_full, _up(f_full, panel))
    )
    items = -(-f_full // panel) * -(-c // deep.DEPTH)
    for g0 in range(0, tiles, at_once):
        count = min(at_once, tiles - g0)
        share = seconds * count / tiles
        args = (*images, V, Z, *sizes, g0, at_once, LANES, panel)
        threads.run(loops.transform_both, count, args, share)
        args = (V, Z, dw, c, c_full, f_full, count, at_once, panel, g0 > 0)
        threads.run(deep.weight_panels, items, args, share)
