"""Multiply-adds channel by channel: what depthwise convolution does with one vector of channels.

A vector of x meets a vector of w, or of dy, lane by lane: nothing is broadcast.

    tap_sum      y[pixel, f .. f+7]  =  sum over taps in sight of x times w
    pixel_sum    dw[tap, f .. f+7]  +=  sum over pixels of x times dy

Either holds the sums of a few pixels, or taps, and of a few vectors in registers: side by side they
do not wait for each other, and share the w, or dy, that they read. The last argument of both,
`there`, is None, or how many channels there are where they do not fill a vector.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .jit import JIT
from .windows import LONG, _Emit, lanes


def _make_tap_sum_twin(pixels, vectors):
    """Return it in plain Python: what runs with the JIT off, and what is compared with on."""

    def twin(x, a, a_step, places, w, taps, count, bias, f, relu, y, o, o_step, there):
        lane = np.arange(vectors * lanes(x.itemsize) if there is None else there)
        pixel = np.arange(pixels)[:, None]
        total = np.zeros((pixels, len(lane)), x.dtype)
        for place, tap in zip(places[:count], taps[:count], strict=True):
            total += x[a + place + pixel * a_step + lane] * w[tap + f + lane]
        total += bias[f + lane]
        y[o + pixel * o_step + lane] = np.where(total < 0, 0, total) if relu else total

    return twin


def _make_pixel_sum_twin(rows, vectors):
    """Return it in plain Python. A tap that stands in the tables twice is added once."""

    def twin(x, a, a_step, places, taps, k, dy, o, o_step, count, dw, f, there):
        lane = np.arange(vectors * lanes(x.itemsize) if there is None else there)
        pixel = np.arange(count)[:, None]
        for tap, place in dict(zip(taps[k : k + rows], places[k : k + rows], strict=True)).items():
            products = x[a + place + pixel * a_step + lane] * dy[o + pixel * o_step + lane]
            dw[tap + f + lane] += products.sum(axis=0)

    return twin


def _make_intrinsic_tap_sum(pixels, vectors):
    """Return the compiled form for so many pixels and vectors of channels."""

    def codegen(context, b, signature, args):
        e = _Emit(context, b, signature, args)
        e.only_first(13)
        _, a, a_step, _, _, _, count, _, f, relu, _, o, o_step, _ = args
        every = [(p, v) for p in range(pixels) for v in range(vectors)]
        pixel_a = [b.add(a, b.mul(a_step, LONG(p))) for p in range(pixels)]
        pixel_o = [b.add(o, b.mul(o_step, LONG(p))) for p in range(pixels)]

        def at(index, v):
            return b.add(index, LONG(v * e.lanes))

        def tap(t, sums):
            place, filter_at = e.one(3, t), b.add(e.one(5, t), f)
            w = [e.load(4, at(filter_at, v)) for v in range(vectors)]
            x = [e.load(0, at(b.add(pixel_a[p], place), v)) for p, v in every]
            return [e.fma(x[k], w[k % vectors], sums[k]) for k in range(len(every))]

        sums = e.loop(0, count, [e.zero()] * len(every), tap)
        floor = b.select(  # relu is at least 0; none is at least -inf; NaN stays NaN
            b.icmp_signed("!=", relu, LONG(0)),
            ir.Constant(e.value, 0.0),
            ir.Constant(e.value, float("-inf")),
        )
        floor, bias = e.splat(floor), [e.load(7, at(f, v)) for v in range(vectors)]
        for (p, v), total in zip(every, sums, strict=True):
            total = b.fadd(total, bias[v])
            total = b.select(b.fcmp_ordered("<", total, floor), floor, total)
            e.store(total, 10, at(pixel_o[p], v))
        return context.get_dummy_value()

    i = types.intp

    @intrinsic
    def tap_sum(typing, x, a, a_step, places, w, taps, count, bias, f, relu, y, o, o_step, there):
        return types.void(x, i, i, places, w, taps, i, bias, i, i, y, i, i, there), codegen

    return tap_sum


def _make_intrinsic_pixel_sum(rows, vectors):
    """Return the compiled form for so many taps and vectors of channels."""

    def codegen(context, b, signature, args):
        e = _Emit(context, b, signature, args)
        e.only_first(12)
        _, a, a_step, _, _, k, _, o, o_step, count, _, f, _ = args
        every = [(r, v) for r in range(rows) for v in range(vectors)]
        tap_x = [b.add(a, e.one(3, b.add(k, LONG(r)))) for r in range(rows)]
        tap_dw = [b.add(f, e.one(4, b.add(k, LONG(r)))) for r in range(rows)]

        def at(index, v):
            return b.add(index, LONG(v * e.lanes))

        def pixel(t, sums):
            x_at, dy_at = b.mul(t, a_step), b.add(o, b.mul(t, o_step))
            dy = [e.load(6, at(dy_at, v)) for v in range(vectors)]
            x = [e.load(0, at(b.add(tap_x[r], x_at), v)) for r, v in every]
            return [e.fma(x[n], dy[n % vectors], sums[n]) for n in range(len(every))]

        sums = e.loop(0, count, [e.zero()] * len(every), pixel)
        before = [e.load(10, at(tap_dw[r], v)) for r, v in every]  # all, then the first store
        for (r, v), total, old in zip(every, sums, before, strict=True):
            e.store(b.fadd(old, total), 10, at(tap_dw[r], v))
        return context.get_dummy_value()

    i = types.intp

    @intrinsic
    def pixel_sum(typing, x, a, a_step, places, taps, k, dy, o, o_step, count, dw, f, there):
        return types.void(x, i, i, places, taps, i, dy, i, i, i, dw, i, there), codegen

    return pixel_sum


def make_tap_sum(pixels, vectors):
    """Return `tap_sum(x, a, a_step, places, w, taps, count, bias, f, relu, y, o, o_step, there)`.

    For each pixel p and channel: y[o + p o_step] = bias[f] + the sum over k < count of
    x[a + places[k] + p a_step] w[taps[k] + f].
    """
    return (_make_intrinsic_tap_sum if JIT else _make_tap_sum_twin)(pixels, vectors)


def make_pixel_sum(rows, vectors):
    """Return `pixel_sum(x, a, a_step, places, taps, k, dy, o, o_step, count, dw, f, there)`.

    For each tap t of `rows` from k on and each channel: dw[taps[t] + f] += the sum over p < count
    of x[a + places[t] + p a_step] dy[o + p o_step]. The last tap may be repeated to fill up.
    """
    return (_make_intrinsic_pixel_sum if JIT else _make_pixel_sum_twin)(rows, vectors)
