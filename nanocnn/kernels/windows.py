"""What pooling does with the pixels of one window, for one vector of channels at a time.

    channels  f .. f+7     x[place0] x[place1] x[place2] x[place3]      the taps of a window
                               \\        |        |        /
                                 max, and which               in registers, then one store

The taps in sight come as a table: how far each lies from the window's first pixel. A loop over
channels inside a loop over taps would keep the best so far in memory, and start anew at each tap,
which for the few channels of a first layer costs five times as much.

The last argument of all of them, `there`, is None, or how many channels there are where they do not
fill a vector: no more are read and written. One by one they would take 10 to 20 times as long.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .jit import HAS_FMA, JIT, VECTOR_BYTES

LONG, I32 = ir.IntType(64), ir.IntType(32)


def lanes(itemsize):
    """Return how many channels are done at a time."""
    return VECTOR_BYTES // itemsize


def _make_twin(vectors):
    """Return it in plain Python: what runs with the JIT off, and what is compared with on."""

    def twin(x, a, places, taps, count, y, winner, o, there):
        f = np.arange(vectors * lanes(x.itemsize) if there is None else there)
        best, won_by = x[a + places[0] + f], np.full(len(f), taps[0])
        for place, tap in zip(places[1:count], taps[1:count], strict=True):
            value = x[a + place + f]
            wins = ~(value <= best) & (best == best)
            best, won_by = np.where(wins, value, best), np.where(wins, tap, won_by)
        y[o + f], winner[o + f] = best, won_by

    return twin


def _make_spread_twin(onto):
    """Return it in plain Python: dy goes to the pixel that won, 0 to the others of the window."""

    def twin(dy, winner, o, places, taps, count, dx, a, there):
        f = np.arange(lanes(dy.itemsize) if there is None else there)
        for place, tap in zip(places[:count], taps[:count], strict=True):
            value = np.where(winner[o + f] == tap, dy[o + f], 0)
            dx[a + place + f] = dx[a + place + f] + value if onto else value

    return twin


class _Emit:
    """The instructions that these and those of `channelwise` have in common."""

    def __init__(self, context, builder, signature, args):
        self.context, self.b, self.types, self.args = context, builder, signature.args, args
        dtype = signature.args[0].dtype
        self.bytes = dtype.bitwidth // 8
        self.lanes = lanes(self.bytes)
        self.value = context.get_data_type(dtype)
        self.mask = None

    def only_first(self, argument):
        """Let `load` and `store` touch the lanes below that argument alone, unless it is None."""
        if self.types[argument] != types.none:
            lane = ir.Constant(self.vector(LONG), list(range(self.lanes)))
            self.mask = self.b.icmp_signed("<", lane, self.splat(self.args[argument]))

    def vector(self, scalar):
        return ir.VectorType(scalar, self.lanes)

    def splat(self, scalar):
        vector, i32 = self.vector(scalar.type), ir.IntType(32)
        first = self.b.insert_element(ir.Constant(vector, ir.Undefined), scalar, i32(0))
        return self.b.shuffle_vector(first, first, ir.Constant(self.vector(i32), [0] * self.lanes))

    def zero(self):
        return ir.Constant(self.vector(self.value), [0.0] * self.lanes)

    def fma(self, a, b, c):
        name = f"llvm.{'fma' if HAS_FMA else 'fmuladd'}.v{self.lanes}f{8 * self.bytes}"
        vector = self.vector(self.value)
        function = ir.FunctionType(vector, [vector] * 3)
        return self.b.call(cgutils.get_or_insert_function(self.b.module, function, name), [a, b, c])

    def at(self, array, index):
        """Return the element type of argument `array` and the place of its element `index`."""
        scalar = self.context.get_data_type(self.types[array].dtype)
        data = self.context.make_array(self.types[array])(self.context, self.b, self.args[array])
        return scalar, self.b.gep(data.data, [index], source_etype=scalar)

    def load(self, array, index):
        scalar, place = self.at(array, index)
        size, vector = self.types[array].dtype.bitwidth // 8, self.vector(scalar)
        if self.mask is None:
            return self.b.load(place, align=size, typ=vector)
        place, nothing = self.b.bitcast(place, vector.as_pointer()), ir.Constant(vector, None)
        return self.masked("load", vector, vector, [place, I32(size), self.mask, nothing])

    def one(self, array, index):
        scalar, place = self.at(array, index)
        return self.b.load(place, typ=scalar)

    def store(self, value, array, index):
        scalar, place = self.at(array, index)
        size, vector = self.types[array].dtype.bitwidth // 8, self.vector(scalar)
        place = self.b.bitcast(place, vector.as_pointer())
        if self.mask is None:
            self.b.store(value, place, align=size)
        else:
            self.masked("store", vector, ir.VoidType(), [value, place, I32(size), self.mask])

    def masked(self, what, vector, result, arguments):
        kind = ir.FunctionType(result, [a.type for a in arguments])
        name = f"llvm.masked.{what}.v{self.lanes}{vector.element.intrinsic_name}.p0"
        function = cgutils.get_or_insert_function(self.b.module, kind, name)
        return self.b.call(function, arguments)

    def loop(self, first, count, start, body):
        """Return `start` after `values = body(t, values)` for t from `first` to `count` - 1."""
        b, entry = self.b, self.b.block
        head, inside, done = (
            b.function.append_basic_block(n) for n in ("taps", "tap", "taps_done")
        )
        b.branch(head)
        b.position_at_end(head)
        t, values = b.phi(LONG), [b.phi(v.type) for v in start]
        b.cbranch(b.icmp_signed("<", t, count), inside, done)
        b.position_at_end(inside)
        new, after = body(t, values), b.add(t, LONG(1))
        for phi, before, then in zip(
            [t, *values], [LONG(first), *start], [after, *new], strict=True
        ):
            phi.add_incoming(before, entry)
            phi.add_incoming(then, b.block)
        b.branch(head)
        b.position_at_end(done)
        return values


def _make_intrinsic(vectors):
    """Return the compiled form for so many vectors of channels."""

    def codegen(context, b, signature, args):
        e = _Emit(context, b, signature, args)
        e.only_first(8)

        def load(k, place):
            return e.load(0, b.add(b.add(args[1], place), LONG(k * e.lanes)))

        def tap(t, values):
            place, number, new = e.one(2, t), e.splat(b.trunc(e.one(3, t), I32)), []
            for k in range(vectors):
                best, won_by = values[2 * k : 2 * k + 2]
                value = load(k, place)
                is_more = b.fcmp_unordered(">", value, best)
                wins = b.and_(is_more, b.fcmp_ordered("==", best, best))
                new += [b.select(wins, value, best), b.select(wins, number, won_by)]
            return new

        place, number = e.one(2, LONG(0)), e.splat(b.trunc(e.one(3, LONG(0)), I32))
        start = [v for k in range(vectors) for v in (load(k, place), number)]
        values = e.loop(1, args[4], start, tap)
        narrow = e.vector(context.get_data_type(signature.args[6].dtype))
        for k in range(vectors):
            best, won_by = values[2 * k : 2 * k + 2]
            o = b.add(args[7], LONG(k * e.lanes))
            e.store(best, 5, o)
            e.store(won_by if narrow == won_by.type else b.trunc(won_by, narrow), 6, o)
        return context.get_dummy_value()

    i = types.intp

    @intrinsic
    def window_max(typing, x, a, places, taps, count, y, winner, o, there):
        return types.void(x, i, places, taps, i, y, winner, i, there), codegen

    return window_max


def _make_intrinsic_spread(onto):
    """Return the compiled form."""

    def codegen(context, b, signature, args):
        e = _Emit(context, b, signature, args)
        e.only_first(8)
        narrow = context.get_data_type(signature.args[1].dtype)
        upstream, winner = e.load(0, args[2]), e.load(1, args[2])

        def tap(t, values):
            number, place = e.one(4, t), b.add(args[7], e.one(3, t))
            number = number if narrow == number.type else b.trunc(number, narrow)
            won = b.icmp_unsigned("==", winner, e.splat(number))
            value = b.select(won, upstream, e.zero())
            e.store(b.fadd(e.load(6, place), value) if onto else value, 6, place)
            return []

        e.loop(0, args[5], [], tap)
        return context.get_dummy_value()

    i = types.intp

    @intrinsic
    def window_spread(typing, dy, winner, o, places, taps, count, dx, a, there):
        return types.void(dy, winner, i, places, taps, i, dx, i, there), codegen

    return window_spread


def make_window_max(vectors):
    """Return `window_max(x, a, places, taps, count, y, winner, o, there)` for so many vectors."""
    return (_make_intrinsic if JIT else _make_twin)(vectors)


def make_window_spread(onto=False):
    """Return `window_spread(dy, winner, o, places, taps, count, dx, a, there)`.

    It writes dy at the tap that won and 0 at the others, or adds that to what is there.
    """
    return (_make_intrinsic_spread if JIT else _make_spread_twin)(onto)
