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

A panel's last vector is left out where C has no columns for it: the 16 channels of a small network
fill one vector of AVX-512, and with zeros in the other all would take twice as long. Such a tile
loads 9 numbers for 8 multiply-adds, and two loads a cycle are all there are. So where rows lie at
equal distances, four by four, `tall_product` makes a tile of twice the rows: 17 loads for 16. More
rows have more addresses than there are registers; but equal distances are shared,

    row  0 1 2 3     a[0] + 0, s, 2s, 3s
    row  4 5 6 7     a[1] + 0, s, 2s, 3s         8 addresses for 16 rows
    ...

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

from .jit import HAS_FMA, JIT, TALL_ROWS, TILE_ROWS
from .tile import ACCUMULATE, BIAS, TOGETHER, ZERO, Arguments, emit_tile, emit_tile_tall

__all__ = [
    "ACCUMULATE", "BIAS", "TOGETHER", "ZERO", "multiply_add", "tall_product", "tile_product",
]  # fmt: skip


def _product(
    height, A, rows, r0, a0, segments, s0, s1, ak, B, b0, bk, C, out, c0, columns, start, bias, d0,
    relu,
):  # fmt: skip
    """Compute a tile in plain Python: what the compiled kernel is compared with."""
    pixels = slice(r0, r0 + height), None
    column = np.arange(columns)
    tile = np.zeros((height, columns), C.dtype)
    for a, b, length in segments[s0:s1]:
        k = np.arange(length)
        a_ik, b_kj = A[a0 + rows[pixels] + a + k * ak], B[b0 + b + k[:, None] * bk + column]
        tile += np.einsum("ik,kj->ij", a_ik, b_kj)  # unlike `@`, the same bits for each row
    to = c0 + out[pixels] + column
    if start != ZERO:
        tile += bias[d0 + column] if start == BIAS else C[to]
    C[to] = np.where(tile < 0, 0, tile) if relu else tile


def _tile_product_twin(
    A, rows, r0, a0, segments, s0, s1, ak, B, b0, bk, C, out, c0, columns, start, bias, d0, relu
):
    """Compute a tile of TILE_ROWS rows and up to a panel's columns."""
    _product(TILE_ROWS, A, rows, r0, a0, segments, s0, s1, ak, B, b0, bk, C, out, c0, columns,
             start, bias, d0, relu)  # fmt: skip


def _tall_product_twin(
    A, rows, r0, a0, segments, s0, s1, ak, B, b0, bk, C, out, c0, columns, start, bias, d0, relu
):
    """Compute a tile of TALL_ROWS rows and up to a vector's columns."""
    _product(TALL_ROWS, A, rows, r0, a0, segments, s0, s1, ak, B, b0, bk, C, out, c0, columns,
             start, bias, d0, relu)  # fmt: skip


def _emit_with(emit, A, rows, segments, B, C, out, bias):
    """Return the intrinsic's types, and the function that has `emit` write its instructions."""
    i = types.intp
    signature = types.void(A, rows, i, i, segments, i, i, i, B, i, i, C, out, i, i, i, bias, i, i)

    def codegen(context, b, sig, args):
        def data(n):
            return context.make_array(sig.args[n])(context, b, args[n]).data

        values = [data(n) if isinstance(sig.args[n], types.Array) else args[n] for n in range(19)]
        emit(b, sig.args[0].dtype.bitwidth, Arguments(*values))
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def _tile_product(
    typing, A, rows, r0, a0, segments, s0, s1, ak, B, b0, bk, C, out, c0, columns, start, bias, d0,
    relu,
):  # fmt: skip
    return _emit_with(emit_tile, A, rows, segments, B, C, out, bias)


@intrinsic
def _tall_product(
    typing, A, rows, r0, a0, segments, s0, s1, ak, B, b0, bk, C, out, c0, columns, start, bias, d0,
    relu,
):  # fmt: skip
    return _emit_with(emit_tile_tall, A, rows, segments, B, C, out, bias)


tile_product = _tile_product if JIT else _tile_product_twin
tall_product = _tall_product if JIT else _tall_product_twin


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
