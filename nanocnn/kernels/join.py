"""Sums of two arrays, with relu in the same pass, and copies of channels: at memory speed."""

from __future__ import annotations

from . import elementwise, memory, threads
from .elementwise import ACTIVATIONS, BLOCK, RELU
from .jit import U, kernel
from .prefetch import prefetch_ahead

PIXELS = 1 << 9  # of a work item


@kernel
def _add(first, last, a, b, rectify, y):
    """(J1), and (A1) of it if wanted."""
    for e in range(first * BLOCK, min(last * BLOCK, y.size)):
        s = a[U(e)] + b[U(e)]
        y[U(e)] = 0 if rectify and s < 0 else s


@kernel
def _concatenate(first, last, a, b, c_a, c_b, y):
    """(J3), blocks of pixels."""
    for pixel in range(first * PIXELS, min(last * PIXELS, y.size // (c_a + c_b))):
        start = pixel * (c_a + c_b)
        for c in range(c_a):
            y[U(start + c)] = a[U(pixel * c_a + c)]
        for c in range(c_b):
            y[U(start + c_a + c)] = b[U(pixel * c_b + c)]


@kernel
def _cut(first, last, dy, channels, start, count, dx):
    """(J4), blocks of pixels."""
    for pixel in range(first * PIXELS, min(last * PIXELS, dx.size // count)):
        prefetch_ahead(dy, pixel * channels + start, count)
        for c in range(count):
            dx[U(pixel * count + c)] = dy[U(pixel * channels + start + c)]


def add_forward(a, b, activation=None):
    """(J1), then the activation: relu in the same pass over memory."""
    which, y = ACTIVATIONS[activation], memory.empty(a.shape, a.dtype)
    args = (memory.flat(a), memory.flat(b), which == RELU, y.reshape(-1))
    threads.run(_add, -(-a.size // BLOCK), args, 3 * a.nbytes / threads.BYTES_PER_SECOND)
    return y if which <= RELU else elementwise.forward(y, which)


def concatenate_forward(a, b):
    """(J3)."""
    c_a, c_b = a.shape[-1], b.shape[-1]
    y = memory.empty((*a.shape[:-1], c_a + c_b), a.dtype)
    items = -(-y.size // max(1, PIXELS * (c_a + c_b)))
    args = (memory.flat(a), memory.flat(b), c_a, c_b, y.reshape(-1))
    threads.run(_concatenate, items, args, 2 * y.nbytes / threads.BYTES_PER_SECOND)
    return y


def concatenate_backward(dy, start, stop):
    """(J4)."""
    dx = memory.empty((*dy.shape[:-1], stop - start), dy.dtype)
    items = -(-dx.size // max(1, PIXELS * (stop - start)))
    args = (memory.flat(dy), dy.shape[-1], start, stop - start, dx.reshape(-1))
    threads.run(_cut, items, args, 2 * dx.nbytes / threads.BYTES_PER_SECOND)
    return dx
