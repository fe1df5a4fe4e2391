"""The instructions of one register tile, for `microkernel`: LLVM's, put in by hand.

A tile has one panel's two vectors side by side, or one of them where there are no more columns:
then the other would hold zeros and cost as much. A tall tile has one vector and twice the rows.
All add up the same products in the same order.

    entry --> segments --> finish --> add the bias, C or nothing --> store --> done
               |     ^
               v     |
              segment: k = 0, 1, ...
"""

from __future__ import annotations

from typing import Any, NamedTuple

from llvmlite import ir
from numba.core import cgutils

from .jit import HAS_FMA, TALL_ROWS, TILE_ROWS, TILE_VECTORS, VECTOR_BYTES

ZERO, BIAS, ACCUMULATE = 0, 1, 2  # what is added to a tile's sums
TOGETHER = 4  # rows of a tall tile that lie at equal distances


class Arguments(NamedTuple):
    """Those of `microkernel.tile_product`, in its order; arrays as pointers to their data."""

    A: Any
    rows: Any
    r0: Any
    a0: Any
    segments: Any
    s0: Any
    s1: Any
    ak: Any
    B: Any
    b0: Any
    bk: Any
    C: Any
    out: Any
    c0: Any
    columns: Any
    start: Any
    bias: Any
    d0: Any
    relu: Any


def emit_tile(b, bits, v):
    """Emit the tile of one vector where that holds all columns, and that of all vectors."""
    lanes = 8 * VECTOR_BYTES // bits
    narrow, wide, done = (b.append_basic_block(f"tile_{name}") for name in ("1", "2", "done"))
    fits = b.icmp_signed("<=", v.columns, ir.Constant(ir.IntType(64), lanes))
    b.cbranch(fits, narrow, wide)
    for block, vectors in ((narrow, 1), (wide, TILE_VECTORS)):
        b.position_at_end(block)
        Tile(b, bits, v, TILE_ROWS, vectors).emit(done)
    b.position_at_end(done)


def emit_tile_tall(b, bits, v):
    """Emit the tile of one vector and TALL_ROWS rows."""
    done = b.append_basic_block("tile_done")
    Tile(b, bits, v, TALL_ROWS, 1, TOGETHER).emit(done)
    b.position_at_end(done)


class Tile:
    """Emits the instructions; one object per place where the micro-kernel is compiled in.

    Of its rows `together` lie at equal distances in A, the same ones everywhere.
    """

    def __init__(self, builder, bits, arguments, rows, vectors, together=1):
        self.b, self.v, self.bytes = builder, arguments, bits // 8
        self.scalar = ir.FloatType() if bits == 32 else ir.DoubleType()
        self.lanes = VECTOR_BYTES // self.bytes
        self.vector = ir.VectorType(self.scalar, self.lanes)
        self.i64 = ir.IntType(64)
        fma = "llvm.fma" if HAS_FMA else "llvm.fmuladd"
        self.fma = self.declare(f"{fma}.v{self.lanes}f{bits}", self.vector, [self.vector] * 3)
        self.rows, self.cols, self.together = range(rows), range(vectors), together

    def emit(self, done):
        """Emit everything from here on, and jump to `done` in the end."""
        sums, finish = self.sums()
        self.b.position_at_end(finish)
        self.store_all(self.with_start(sums, finish), done)

    def block(self, name):
        return self.b.append_basic_block(f"tile_{name}_{len(self.rows)}x{len(self.cols)}")

    def sums(self):
        """Emit the loop over segments; return its sums, and the block that follows it."""
        t, b, v = self, self.b, self.v
        A = t.at(v.A, v.a0)
        places = [t.integer(v.rows, b.add(v.r0, t.const(n))) for n in t.rows]
        a = [t.at(A, place) for place in places[:: t.together]]
        steps = [b.sub(place, places[0]) for place in places[: t.together]]
        entry, segments, segment, next_segment, finish = (
            b.block, *map(t.block, ("segments", "segment", "next_segment", "finish")),
        )  # fmt: skip
        b.branch(segments)

        # for s in range(s0, s1):
        b.position_at_end(segments)
        s, sums = b.phi(t.i64), t.phis()
        s.add_incoming(v.s0, entry)
        zero = ir.Constant(t.vector, [0.0] * t.lanes)
        t.feed(sums, [[zero for _ in t.cols] for _ in t.rows], entry)
        b.cbranch(b.icmp_signed("<", s, v.s1), segment, finish)
        b.position_at_end(segment)
        s3 = b.mul(s, t.const(3))
        a_start = t.integer(v.segments, s3)
        b_start = b.add(v.b0, t.integer(v.segments, b.add(s3, t.const(1))))
        length = t.integer(v.segments, b.add(s3, t.const(2)))
        a_starts = [b.add(a_start, step) for step in steps]
        new = t.products(a, sums, a_starts, b_start, length, next_segment)
        b.position_at_end(next_segment)
        s.add_incoming(b.add(s, t.const(1)), next_segment)
        t.feed(sums, new, next_segment)
        b.branch(segments)
        return sums, finish

    def products(self, a, sums, a_starts, b_start, length, after_all):
        """Emit the innermost loop, from the block `b` stands in to `after_all`.

        Row n is read from a[n // together] + a_k[n % together] on: with an address of its own for
        each row, those of a tall tile would not fit in the registers.
        """
        t, b, v = self, self.b, self.v
        before, loop = b.block, t.block("k")
        b.branch(loop)

        # for k in range(length):   (a segment is never empty)
        b.position_at_end(loop)
        k, b_k, *a_k = (b.phi(t.i64) for _ in range(2 + len(a_starts)))
        acc, new = t.phis(), []
        b_vectors = [t.load(t.at(v.B, b.add(b_k, t.const(j * t.lanes)))) for j in t.cols]
        for n in t.rows:
            place = t.at(a[n // t.together], a_k[n % t.together])
            broadcast = t.splat(b.load(place, typ=t.scalar))
            new.append([b.call(t.fma, [broadcast, b_vectors[j], acc[n][j]]) for j in t.cols])
        left = b.sub(k, t.const(1))
        for phi, first, after in (
            (k, length, left), (b_k, b_start, b.add(b_k, v.bk)),
            *((one, a, t.hidden(b.add(one, v.ak))) for one, a in zip(a_k, a_starts, strict=True)),
        ):  # fmt: skip
            phi.add_incoming(first, before)
            phi.add_incoming(after, loop)
        t.feed(acc, sums, before)
        t.feed(acc, new, loop)
        b.cbranch(b.icmp_signed(">", left, t.const(0)), loop, after_all)
        return new

    def hidden(self, value):
        """The same integer, for a tall tile through a piece of assembly that does nothing.

        Else the compiler would see that all addresses rise together and keep one that does, and 16
        distances from it, of which half lie on the stack.
        """
        if self.together == 1:
            return value
        empty = ir.InlineAsm(ir.FunctionType(self.i64, [self.i64]), "", "=r,0")
        return self.b.call(empty, [value])

    def with_start(self, sums, finish):
        """Emit the addition of the bias, or of what C holds from the calls before."""
        t, b, v = self, self.b, self.v
        add_bias, add_c, whole, part, store = map(
            t.block, ("add_bias", "add_c", "add_c_whole", "add_c_part", "store")
        )
        choice = b.switch(v.start, store)
        choice.add_case(t.const(BIAS), add_bias)
        choice.add_case(t.const(ACCUMULATE), add_c)
        b.position_at_end(add_bias)
        d = [t.load(t.at(v.bias, b.add(v.d0, t.const(j * t.lanes)))) for j in t.cols]
        with_bias = [[b.fadd(sums[n][j], d[j]) for j in t.cols] for n in t.rows]
        b.branch(store)
        b.position_at_end(add_c)
        b.cbranch(t.is_whole(), whole, part)
        b.position_at_end(whole)
        c_whole = [[b.fadd(sums[n][j], t.load(t.c(n, j))) for j in t.cols] for n in t.rows]
        b.branch(store)
        b.position_at_end(part)
        masks = t.masks()
        c_part = [
            [b.fadd(sums[n][j], t.masked_load(t.c(n, j), masks[j])) for j in t.cols] for n in t.rows
        ]
        b.branch(store)
        b.position_at_end(store)
        totals = t.phis()
        for source, values in (
            (finish, sums), (add_bias, with_bias), (whole, c_whole), (part, c_part),
        ):  # fmt: skip
            t.feed(totals, values, source)
        return totals

    def store_all(self, totals, done):
        """Emit relu, at least 0 or, for none, at least -inf; and the way out to C."""
        t, b, v = self, self.b, self.v
        minus_inf = ir.Constant(t.scalar, float("-inf"))
        has_relu = b.icmp_signed("!=", v.relu, t.const(0))
        floor = t.splat(b.select(has_relu, ir.Constant(t.scalar, 0.0), minus_inf))
        result = [[t.at_least(floor, total) for total in row] for row in totals]
        whole, part = map(t.block, ("whole", "part"))
        b.cbranch(t.is_whole(), whole, part)
        b.position_at_end(whole)
        for n in t.rows:
            for j in t.cols:
                t.store(result[n][j], t.c(n, j))
        b.branch(done)
        b.position_at_end(part)
        masks = t.masks()
        for n in t.rows:
            for j in t.cols:
                t.masked_store(result[n][j], t.c(n, j), masks[j])
        b.branch(done)

    def c(self, n, j):
        """The address of vector j in row n of C."""
        row = self.b.add(self.v.r0, self.const(n))
        start = self.at(self.v.C, self.b.add(self.v.c0, self.integer(self.v.out, row)))
        return self.at(start, self.const(j * self.lanes))

    def is_whole(self):
        """Are there columns for all lanes?"""
        return self.b.icmp_signed(">=", self.v.columns, self.const(len(self.cols) * self.lanes))

    def declare(self, name, result, arguments):
        return cgutils.get_or_insert_function(
            self.b.module, ir.FunctionType(result, arguments), name
        )

    def const(self, value):
        return ir.Constant(self.i64, value)

    def at(self, pointer, offset):
        return self.b.gep(pointer, [offset], source_etype=self.scalar)

    def load(self, pointer):
        return self.b.load(pointer, align=self.bytes, typ=self.vector)

    def store(self, value, pointer):
        self.b.store(value, self.b.bitcast(pointer, self.vector.as_pointer()), align=self.bytes)

    def integer(self, pointer, index):
        return self.b.load(self.b.gep(pointer, [index], source_etype=self.i64), typ=self.i64)

    def splat(self, scalar):
        one = ir.Constant(ir.IntType(32), 0)
        first = self.b.insert_element(ir.Constant(self.vector, ir.Undefined), scalar, one)
        lanes = ir.Constant(ir.VectorType(ir.IntType(32), self.lanes), [0] * self.lanes)
        return self.b.shuffle_vector(first, first, lanes)

    def at_least(self, floor, value):
        """max(value, floor); NaN stays NaN."""
        return self.b.select(self.b.fcmp_ordered("<", value, floor), floor, value)

    def phis(self):
        return [[self.b.phi(self.vector) for _ in self.cols] for _ in self.rows]

    def feed(self, phis, values, block):
        for phi_row, value_row in zip(phis, values, strict=True):
            for phi, value in zip(phi_row, value_row, strict=True):
                phi.add_incoming(value, block)

    def masks(self):
        """One mask per vector: which of its lanes are columns of C."""
        lane = ir.Constant(ir.VectorType(self.i64, self.lanes), list(range(self.lanes)))
        wide = []
        for j in self.cols:
            left = self.b.sub(self.v.columns, self.const(j * self.lanes))
            vector = self.b.insert_element(
                ir.Constant(lane.type, ir.Undefined), left, ir.Constant(ir.IntType(32), 0)
            )
            zeros = ir.Constant(ir.VectorType(ir.IntType(32), self.lanes), [0] * self.lanes)
            wide.append(self.b.icmp_signed("<", lane, self.b.shuffle_vector(vector, vector, zeros)))
        return wide

    def masked_load(self, pointer, mask):
        name = f"llvm.masked.load.v{self.lanes}f{self.bytes * 8}.p0"
        address, i32 = self.vector.as_pointer(), ir.IntType(32)
        function = self.declare(name, self.vector, [address, i32, mask.type, self.vector])
        zero = ir.Constant(self.vector, [0.0] * self.lanes)
        alignment = ir.Constant(i32, self.bytes)
        return self.b.call(function, [self.b.bitcast(pointer, address), alignment, mask, zero])

    def masked_store(self, value, pointer, mask):
        name = f"llvm.masked.store.v{self.lanes}f{self.bytes * 8}.p0"
        address, i32 = self.vector.as_pointer(), ir.IntType(32)
        function = self.declare(name, ir.VoidType(), [self.vector, address, i32, mask.type])
        alignment = ir.Constant(i32, self.bytes)
        self.b.call(function, [value, self.b.bitcast(pointer, address), alignment, mask])
