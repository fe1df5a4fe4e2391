"""A square of numbers, its rows exchanged for its columns, a vector at a time.

A vector is as long as the square is wide. In each of its steps two vectors exchange blocks of 1, 2,
4 ... neighbours, until every number has changed sides; for four rows of four:

    a b c d        a e c g        a e i m
    e f g h   -->  b f d h   -->  b f j n
    i j k l        i m k o        c g k o
    m n o p        j n l p        d h l p

Number by number it took six times as long: one of both sides is never read or written in a row.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .jit import JIT, VECTOR_BYTES


def exchanges(size):
    """Return the steps: for each pair of vectors i, j, where j's and i's new numbers come from.

    Places below `size` are those of vector i, all others of j.
    """
    steps, block = [], 1
    while block < size:
        lanes = range(size)
        upper = [k if not k & block else k - block + size for k in lanes]
        lower = [k + block if not k & block else k + size for k in lanes]
        steps.append([(i, i + block, upper, lower) for i in lanes if not i & block])
        block *= 2
    return steps


def _transpose_twin(S, s0, s_step, D, d0, d_step):
    """Do the same by slices: what runs with the JIT off, and what is compared with on."""
    size = VECTOR_BYTES // S.itemsize
    lane = np.arange(size)
    D[d0 + lane[:, None] * d_step + lane] = S[s0 + lane * s_step + lane[:, None]]


@intrinsic
def _transpose(typing, S, s0, s_step, D, d0, d_step):
    def codegen(context, b, signature, args):
        scalar = context.get_data_type(signature.args[0].dtype)
        align = signature.args[0].dtype.bitwidth // 8
        size = VECTOR_BYTES // align
        vector, i32 = ir.VectorType(scalar, size), ir.IntType(32)

        def places(array, start, step):
            data = context.make_array(signature.args[array])(context, b, args[array]).data
            place = b.gep(data, [start], source_etype=scalar)
            for _ in range(size):
                yield b.bitcast(place, vector.as_pointer())
                place = b.gep(place, [step], source_etype=scalar)

        rows = [b.load(place, align=align, typ=vector) for place in places(0, args[1], args[2])]
        for step in exchanges(size):
            for i, j, *chosen in step:
                masks = [ir.Constant(ir.VectorType(i32, size), lanes) for lanes in chosen]
                rows[i], rows[j] = (b.shuffle_vector(rows[i], rows[j], mask) for mask in masks)
        for row, place in zip(rows, places(3, args[4], args[5]), strict=True):
            b.store(row, place, align=align)
        return context.get_dummy_value()

    i = types.intp
    return types.void(S, i, i, D, i, i), codegen


# transpose(S, s0, s_step, D, d0, d_step): D[d0 + k * d_step + l] = S[s0 + l * s_step + k], for as
# many k and l as numbers are in a vector.
transpose = _transpose if JIT else _transpose_twin
