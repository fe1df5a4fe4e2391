"""Sums over windows, for a vector of channels and a run of pixels that all see the same ones.

    pixel         sum over windows k of ...                         used by
    dx[a]         dy[o + place k] where tap k has won, else 0       max pooling, backward
    y[o]          weight k times x[a + place k], in float64         average pooling, both ways

From pixel to pixel of a run only where it starts to read and to write moves on, by constant steps.
So the tables of places, taps and weights are read once for all of them: with one, two or four
windows, as nearly all pixels have, they stay in registers.
"""

from __future__ import annotations

from functools import reduce

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .jit import JIT
from .windows import LONG, _Emit, lanes

UNROLLED = (1, 2, 4)


def _sum_of_winners_twin(dy, winner, o, o_step, places, taps, count, dx, a, a_step, pixels, there):
    """Compute it in plain Python."""
    f = np.arange(lanes(dy.itemsize) if there is None else there)
    for p in range(pixels):
        total = dy.dtype.type(0)
        for place, tap in zip(places[:count], taps[:count], strict=True):
            at = o + p * o_step + place + f
            total = total + np.where(winner[at] == tap, dy[at], 0)
        dx[a + p * a_step + f] = total


def _weighted_sum_twin(x, a, a_step, places, weights, count, y, o, o_step, pixels, there):
    """Compute it in plain Python."""
    f = np.arange(lanes(x.itemsize) if there is None else there)
    for p in range(pixels):
        total = 0.0
        for place, weight in zip(places[:count], weights[:count], strict=True):
            total = total + weight * x[a + p * a_step + place + f].astype(np.float64)
        y[o + p * o_step + f] = total


def _emit_runs(e, count, pixels, entry, term, zero, store):
    """Emit, for each pixel p, store(p, zero + the sum over k < count of term(p, *entry(k)))."""
    b = e.b
    done = b.append_basic_block("sums_done")

    def run(sum_up):
        def pixel(p, _):
            store(p, sum_up(p))
            return []

        e.loop(0, pixels, [], pixel)
        b.branch(done)

    for n in UNROLLED:
        these, others = b.append_basic_block(f"sums_{n}"), b.append_basic_block("sums_other")
        b.cbranch(b.icmp_signed("==", count, LONG(n)), these, others)
        b.position_at_end(these)
        entries = [entry(LONG(k)) for k in range(n)]
        run(lambda p, entries=entries: reduce(b.fadd, [term(p, *found) for found in entries], zero))
        b.position_at_end(others)
    run(lambda p: e.loop(0, count, [zero], lambda k, t: [b.fadd(t[0], term(p, *entry(k)))])[0])
    b.position_at_end(done)


@intrinsic
def _sum_of_winners(
    typing, dy, winner, o, o_step, places, taps, count, dx, a, a_step, pixels, there
):
    def codegen(context, b, signature, args):
        e = _Emit(context, b, signature, args)
        e.only_first(11)
        _, _, o, o_step, _, _, count, _, a, a_step, pixels, _ = args
        wide = ir.IntType(8 * e.bytes)  # of as many lanes as dy: compared bytes come one by one

        def entry(k):
            number = e.one(5, k)
            return e.one(4, k), e.splat(number if wide == number.type else b.trunc(number, wide))

        def term(p, place, number):
            at = b.add(b.add(o, b.mul(p, o_step)), place)
            won = b.icmp_unsigned("==", b.zext(e.load(1, at), e.vector(wide)), number)
            return b.select(won, e.load(0, at), e.zero())

        def store(p, total):
            e.store(total, 7, b.add(a, b.mul(p, a_step)))

        _emit_runs(e, count, pixels, entry, term, e.zero(), store)
        return context.get_dummy_value()

    i = types.intp
    return types.void(dy, winner, i, i, places, taps, i, dx, i, i, i, there), codegen


@intrinsic
def _weighted_sum(typing, x, a, a_step, places, weights, count, y, o, o_step, pixels, there):
    def codegen(context, b, signature, args):
        e = _Emit(context, b, signature, args)
        e.only_first(10)
        _, a, a_step, _, _, count, _, o, o_step, pixels, _ = args
        wide, result = e.vector(ir.DoubleType()), e.vector(e.value)

        def entry(k):
            return e.one(3, k), e.splat(e.one(4, k))

        def term(p, place, weight):
            value = e.load(0, b.add(b.add(a, b.mul(p, a_step)), place))
            return b.fmul(value if result == wide else b.fpext(value, wide), weight)

        def store(p, total):
            total = total if result == wide else b.fptrunc(total, result)
            e.store(total, 6, b.add(o, b.mul(p, o_step)))

        zero = ir.Constant(wide, [0.0] * e.lanes)
        _emit_runs(e, count, pixels, entry, term, zero, store)
        return context.get_dummy_value()

    i = types.intp
    return types.void(x, i, i, places, weights, i, y, i, i, i, there), codegen


sum_of_winners = _sum_of_winners if JIT else _sum_of_winners_twin
weighted_sum = _weighted_sum if JIT else _weighted_sum_twin
