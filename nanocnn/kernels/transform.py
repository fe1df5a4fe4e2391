"""A constant matrix times a few strided vectors, as straight-line code: Winograd's transforms.

    D[d0 + r*ds + lane]  =  sum_k matrix[r][k] * S[s0 + k*ss + lane]      for one vector of lanes

The matrices have no more than six rows and columns, and their entries stand in the instructions: an
entry of 0 costs nothing, 1 and -1 an addition, all others a multiply-add. A loop over the lanes in
Numba is not vectorized here (too many streams that might overlap), and then the transforms eat all
that the fewer multiplications gain.

    x x x x x x        six rows k of one column of a 6x6 tile, 8 channels in each vector
    | | | | | |
    B . . . . .   ->   six rows m, for the same 8 channels
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .jit import HAS_FMA, JIT, VECTOR_BYTES

LANES = VECTOR_BYTES // 4


def _make_twin(matrix, finish):
    """Return the same in plain Python: what runs with the JIT off, and what is compared with on."""
    table = np.array(matrix, np.float32)

    def twin(S, s0, ss, D, d0, ds, bias=None, b0=0, relu=0):
        lane = np.arange(LANES)
        source = [S[s0 + k * ss + lane] for k in range(table.shape[1])]
        rows = np.array(
            [sum(m * s for m, s in zip(row, source, strict=True) if m) for row in table]
        )
        if finish:
            rows = rows + bias[b0 + lane]
            rows = np.where((rows < 0) & (relu != 0), 0, rows)
        D[d0 + np.arange(table.shape[0])[:, None] * ds + lane] = rows

    return twin


def _emit(b, matrix, load, store, begin, end):
    """Emit the products of all rows; `begin` is where a sum starts, `end` what is done with it."""
    vector = ir.VectorType(ir.FloatType(), LANES)
    name = f"llvm.{'fma' if HAS_FMA else 'fmuladd'}.v{LANES}f32"
    fma = cgutils.get_or_insert_function(b.module, ir.FunctionType(vector, [vector] * 3), name)
    sources = [load(k) for k in range(len(matrix[0]))]
    for r, row in enumerate(matrix):
        total = begin
        for factor, source in zip(row, sources, strict=True):
            constant = ir.Constant(vector, [float(factor)] * LANES)
            if factor == 0:
                continue
            if total is None:
                total = source if factor == 1 else b.fmul(source, constant)
            elif factor == 1:
                total = b.fadd(total, source)
            elif factor == -1:
                total = b.fsub(total, source)
            else:
                total = b.call(fma, [source, constant, total])
        store(r, end(total))


def make_linear(matrix, finish=False):
    """Return `linear(S, s0, ss, D, d0, ds)` for a matrix, to be called from kernels.

    With `finish` it takes three more arguments, `bias, b0, relu`: bias[b0 + lane] is added, and
    where relu is not 0, negative results become 0.
    """
    make = _make_intrinsic if JIT else _make_twin
    return make([[float(v) for v in row] for row in matrix], finish)


def _make_intrinsic(matrix, finish):
    """Return the compiled form."""

    def codegen(context, b, signature, args):
        scalar, vector = ir.FloatType(), ir.VectorType(ir.FloatType(), LANES)

        def data(n):
            return context.make_array(signature.args[n])(context, b, args[n]).data

        def at(pointer, start, k, step):
            offset = b.add(start, b.mul(step, ir.Constant(step.type, k)))
            return b.gep(pointer, [offset], source_etype=scalar)

        S_, D_ = data(0), data(3)

        def load(k):
            return b.load(at(S_, args[1], k, args[2]), align=4, typ=vector)

        def store(r, value):
            target = b.bitcast(at(D_, args[4], r, args[5]), vector.as_pointer())
            b.store(value, target, align=4)

        if not finish:
            _emit(b, matrix, load, store, None, lambda total: total)
            return context.get_dummy_value()
        place = b.gep(data(6), [args[7]], source_etype=scalar)
        bias = b.load(place, align=4, typ=vector)
        zero, lowest = (ir.Constant(vector, [v] * LANES) for v in (0.0, float("-inf")))
        has_relu = b.icmp_signed("!=", args[8], ir.Constant(args[8].type, 0))
        floor = b.select(has_relu, zero, lowest)

        def bounded(total):  # bias last, as in the micro-kernel; NaN stays NaN
            total = b.fadd(total, bias)
            return b.select(b.fcmp_ordered("<", total, floor), floor, total)

        _emit(b, matrix, load, store, None, bounded)
        return context.get_dummy_value()

    i = types.intp
    if finish:

        @intrinsic
        def linear(typing, S, s0, ss, D, d0, ds, bias, b0, relu):
            return types.void(S, i, i, D, i, i, bias, i, i), codegen
    else:

        @intrinsic
        def linear(typing, S, s0, ss, D, d0, ds):
            return types.void(S, i, i, D, i, i), codegen

    return linear
