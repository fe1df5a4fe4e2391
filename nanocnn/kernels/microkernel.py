"""One register-tiled micro-kernel for every dense contraction in a convolutional network.

It computes a tile of C, a few rows high and one panel wide,

    C[row i, column j]  =  init[i, j]  +  sum over segments s, sum over k < length(s) of
                           A[a0 + rows[r0 + i] + a(s) + k * ak]  *  B[b0 + b(s) + k * bk + j]

and holds all of it in vector registers until the sum is complete:

             B:   one step k of the panel, 2 vectors of 8 columns
                  | b0 b1 b2 b3 b4 b5 b6 b7 | b8 ... b15 |
    A:  row 0  x    (a0 in all 8 lanes) * that, added to 2 accumulators
        row 1  x                   "
         ...                                              6 x 2 accumulators
        row 5  x                                          + 2 of B + 1 of A = 15 of 16 registers

A row is any place in A: the first pixel of a convolution's window, one channel of an image. The
rows of a tile need not be neighbours, so a tile may run over the end of an image row into the next
one, or from one image into the next. A segment is a run along which A and B advance by constant
steps: the KW * C numbers of one row of a window, or the pixels of one line. By a choice of rows,
segments and steps the same code is the convolution's forward pass, its gradient for the input, its
gradient for the filters and the plain matrix product.

`init` is added to the finished sum and not put into the accumulators at the start. A bias is often
much larger than each product: with it in the accumulator every addition would round at the bias's
size, in the same direction for all pixels that look alike. And a sum too long for the first-level
cache comes in several calls, with what C holds from the calls before as `init`: a long sum is then
one of short sums, and its rounding errors do not grow with its length alone. Over the 57600 inputs
of the article's dense layer the float32 error is 10 to 20 times smaller so, in the same time.

A tile that has fewer than `TILE_ROWS` rows repeats its last row in the tables: the row is computed
and stored twice, with the same value, which costs nothing that matters and needs no second kernel.
(So all of C is read before any of it is written.)
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .jit import HAS_FMA, JIT, TILE_ROWS, TILE_VECTORS, VECTOR_BYTES

ZERO, BIAS, ACCUMULATE = 0, 1, 2  # what is added to a tile: `init` above


def _tile_product_twin(
    A, rows, r0, a0, segments, s0, s1, ak, B, b0, bk, C, out, c0, columns, start, bias, d0, relu
):
    """Compute the tile in plain Python: what the compiled kernel is compared with."""
    pixels = slice(r0, r0 + TILE_ROWS), None
    column = np.arange(columns)
    tile = np.zeros((TILE_ROWS, columns), C.dtype)
    for a, b, length in segments[s0:s1]:
        k = np.arange(length)
        a_ik, b_kj = A[a0 + rows[pixels] + a + k * ak], B[b0 + b + k[:, None] * bk + column]
        tile += np.einsum("ik,kj->ij", a_ik, b_kj)  # unlike `@`, the same bits for each row
    to = c0 + out[pixels] + column
    if start != ZERO:
        tile += bias[d0 + column] if start == BIAS else C[to]
    C[to] = np.where(tile < 0, 0, tile) if relu else tile


class _Tile:
    """Emits the instructions; one object per place where the micro-kernel is compiled in."""

    def __init__(self, builder, scalar, bits):
        self.b, self.scalar, self.bytes = builder, scalar, bits // 8
        self.lanes = VECTOR_BYTES // self.bytes
        self.vector = ir.VectorType(scalar, self.lanes)
        self.i64 = ir.IntType(64)
        fma = "llvm.fma" if HAS_FMA else "llvm.fmuladd"
        self.fma = self.declare(f"{fma}.v{self.lanes}f{bits}", self.vector, [self.vector] * 3)
        self.rows, self.cols = range(TILE_ROWS), range(TILE_VECTORS)

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

    def phis(self, like):
        return [[self.b.phi(self.vector) for _ in self.cols] for _ in like]

    def feed(self, phis, values, block):
        for phi_row, value_row in zip(phis, values, strict=True):
            for phi, value in zip(phi_row, value_row, strict=True):
                phi.add_incoming(value, block)

    def masks(self, columns):
        """One mask per vector: which of its lanes are columns of C."""
        lane = ir.Constant(ir.VectorType(self.i64, self.lanes), list(range(self.lanes)))
        wide = []
        for j in self.cols:
            left = self.b.sub(columns, self.const(j * self.lanes))
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


@intrinsic
def _tile_product(
    typing, A, rows, r0, a0, segments, s0, s1, ak, B, b0, bk, C, out, c0, columns, start, bias, d0,
    relu,
):  # fmt: skip
    i = types.intp
    signature = types.void(A, rows, i, i, segments, i, i, i, B, i, i, C, out, i, i, i, bias, i, i)

    def codegen(context, b, sig, args):
        def data(n):
            return context.make_array(sig.args[n])(context, b, args[n]).data

        bits = sig.args[0].dtype.bitwidth
        t = _Tile(b, ir.FloatType() if bits == 32 else ir.DoubleType(), bits)
        A_, rows_, segments_, B_, C_, out_, bias_ = (data(n) for n in (0, 1, 4, 8, 11, 12, 16))
        r0, a0, s0, s1, ak, b0, bk, c0, columns, start, d0, relu = (
            args[n] for n in (2, 3, 5, 6, 7, 9, 10, 13, 14, 15, 17, 18)
        )
        block = {
            name: b.function.append_basic_block("tile_" + name)
            for name in (
                "segments", "segment", "k", "next_segment", "finish", "add_bias",
                "add_c", "add_c_whole", "add_c_part", "store", "whole", "part", "done",
            )
        }  # fmt: skip
        A_ = t.at(A_, a0)
        a = [t.at(A_, t.integer(rows_, b.add(r0, t.const(n)))) for n in t.rows]

        def c(n, j):
            row = t.at(C_, b.add(c0, t.integer(out_, b.add(r0, t.const(n)))))
            return t.at(row, t.const(j * t.lanes))

        zero = ir.Constant(t.vector, [0.0] * t.lanes)
        is_whole = b.icmp_signed(">=", columns, t.const(TILE_VECTORS * t.lanes))

        entry = b.block
        b.branch(block["segments"])

        # for s in range(s0, s1):
        b.position_at_end(block["segments"])
        s = b.phi(t.i64)
        sums = t.phis(t.rows)
        s.add_incoming(s0, entry)
        t.feed(sums, [[zero] * TILE_VECTORS for _ in t.rows], entry)
        b.cbranch(b.icmp_signed("<", s, s1), block["segment"], block["finish"])
        b.position_at_end(block["segment"])
        s3 = b.mul(s, t.const(3))
        a_start = t.integer(segments_, s3)
        b_start = b.add(b0, t.integer(segments_, b.add(s3, t.const(1))))
        length = t.integer(segments_, b.add(s3, t.const(2)))
        b.branch(block["k"])

        # for k in range(length):   (a segment is never empty)
        b.position_at_end(block["k"])
        k, a_k, b_k = b.phi(t.i64), b.phi(t.i64), b.phi(t.i64)
        acc = t.phis(t.rows)
        b_vectors = [t.load(t.at(B_, b.add(b_k, t.const(j * t.lanes)))) for j in t.cols]
        new = []
        for n in t.rows:
            broadcast = t.splat(b.load(t.at(a[n], a_k), typ=t.scalar))
            new.append([b.call(t.fma, [broadcast, b_vectors[j], acc[n][j]]) for j in t.cols])
        left = b.sub(k, t.const(1))
        for phi, first, after in (
            (k, length, left), (a_k, a_start, b.add(a_k, ak)), (b_k, b_start, b.add(b_k, bk)),
        ):  # fmt: skip
            phi.add_incoming(first, block["segment"])
            phi.add_incoming(after, block["k"])
        t.feed(acc, sums, block["segment"])
        t.feed(acc, new, block["k"])
        b.cbranch(b.icmp_signed(">", left, t.const(0)), block["k"], block["next_segment"])
        b.position_at_end(block["next_segment"])
        s.add_incoming(b.add(s, t.const(1)), block["next_segment"])
        t.feed(sums, new, block["next_segment"])
        b.branch(block["segments"])

        # Add the bias, or what C holds from the calls before.
        b.position_at_end(block["finish"])
        choice = b.switch(start, block["store"])
        choice.add_case(t.const(BIAS), block["add_bias"])
        choice.add_case(t.const(ACCUMULATE), block["add_c"])
        b.position_at_end(block["add_bias"])
        d = [t.load(t.at(bias_, b.add(d0, t.const(j * t.lanes)))) for j in t.cols]
        with_bias = [[b.fadd(sums[n][j], d[j]) for j in t.cols] for n in t.rows]
        b.branch(block["store"])
        b.position_at_end(block["add_c"])
        b.cbranch(is_whole, block["add_c_whole"], block["add_c_part"])
        b.position_at_end(block["add_c_whole"])
        c_whole = [[b.fadd(sums[n][j], t.load(c(n, j))) for j in t.cols] for n in t.rows]
        b.branch(block["store"])
        b.position_at_end(block["add_c_part"])
        masks = t.masks(columns)
        c_part = [
            [b.fadd(sums[n][j], t.masked_load(c(n, j), masks[j])) for j in t.cols] for n in t.rows
        ]
        b.branch(block["store"])

        # relu on the way out: at least 0, or at least -inf for none.
        b.position_at_end(block["store"])
        totals = t.phis(t.rows)
        for source, values in (
            ("finish", sums), ("add_bias", with_bias),
            ("add_c_whole", c_whole), ("add_c_part", c_part),
        ):  # fmt: skip
            t.feed(totals, values, block[source])
        minus_inf = ir.Constant(t.scalar, float("-inf"))
        has_relu = b.icmp_signed("!=", relu, t.const(0))
        floor = t.splat(b.select(has_relu, ir.Constant(t.scalar, 0.0), minus_inf))
        result = [[t.at_least(floor, v) for v in row] for row in totals]
        b.cbranch(is_whole, block["whole"], block["part"])
        b.position_at_end(block["whole"])
        for n in t.rows:
            for j in t.cols:
                t.store(result[n][j], c(n, j))
        b.branch(block["done"])
        b.position_at_end(block["part"])
        masks = t.masks(columns)
        for n in t.rows:
            for j in t.cols:
                t.masked_store(result[n][j], c(n, j), masks[j])
        b.branch(block["done"])
        b.position_at_end(block["done"])
        return context.get_dummy_value()

    return signature, codegen


tile_product = _tile_product if JIT else _tile_product_twin


def _multiply_add_twin(a, b, c):
    """Compute a * b + c; without the JIT it is rounded twice."""
    return a * b + c


@intrinsic
def _multiply_add(typing, a, b, c):
    """Emit the tile's own multiply-add, whose order of additions the compiler does not change."""

    def codegen(context, b, signature, args):
        scalar = context.get_data_type(signature.return_type)
        name = f"llvm.{'fma' if HAS_FMA else 'fmuladd'}.f{signature.return_type.bitwidth}"
        function = ir.FunctionType(scalar, [scalar] * 3)
        return b.call(cgutils.get_or_insert_function(b.module, function, name), args)

    return a(a, a, a), codegen


multiply_add = _multiply_add if JIT else _multiply_add_twin
