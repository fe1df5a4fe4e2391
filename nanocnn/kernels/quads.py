"""One number out of four for each lane: a convolution's products with what max pooling has chosen.

Of the four pixels in a window of 2x2 one has won, another one in each channel, and it alone has a
gradient dy. So for one tap of the filters and one input channel, x of four pixels stand side by
side, and each lane takes the one that its channel's winner saw:

    quad           x00 x01 x10 x11 | x00 x01 x10 x11 | ...    four pixels, repeated
    winner          1   0   3   1  |  2   2   0   1  | ...    a channel in each lane
    chosen         x01 x00 x11 x01 | x10 x10 x00 x01 | ...    one instruction
    sums         +=  chosen * dy                              one more

which takes 1 multiply-add where the gradient of all pixels, three quarters of them 0, takes 4.
The instruction counts in bytes, and only within 16 of them: four numbers of float32.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .jit import BYTE_SHUFFLE, JIT, VECTOR_BYTES
from .windows import I32, LONG, _Emit

LANES = VECTOR_BYTES // 4
# Of a tile: 9 x 2 sums, 2 vectors of dy, 2 of winners, a quad and what is chosen of it twice fit in
# the 32 registers of AVX-512; 16 hold 9 x 1. Three rows each lie side by side.
VECTORS = 2 if VECTOR_BYTES == 64 else 1
TOGETHER, RUNS = 3, 3
ROWS, COLUMNS = TOGETHER * RUNS, VECTORS * LANES
# A winner's four bytes, from its place in the window: 4 * place + 0, 1, 2, 3.
PER_PLACE, BYTES = np.int32(0x04040404), np.int32(0x03020100)


def _make_quads_twin(x, upper, lower, c, quads, q0):
    """Compute it in plain Python: what runs with the JIT off, and what is compared with on."""
    e = np.arange(LANES)
    four = x[upper + e], x[upper + c + e], x[lower + e], x[lower + c + e]
    quads[q0 : q0 + 4 * LANES] = np.stack(four, axis=1).reshape(-1)


@intrinsic
def _make_quads(typing, x, upper, lower, c, quads, q0):
    def codegen(context, b, signature, args):
        e = _Emit(context, b, signature, args)

        def pairs(first, second):
            """The lanes of two vectors in turns: two vectors."""
            n = first.type.count
            for start in (0, n // 2):
                order = [start + k // 2 + k % 2 * n for k in range(n)]
                yield b.shuffle_vector(first, second, ir.Constant(ir.VectorType(I32, n), order))

        _, upper, lower, c, _, q0 = args
        rows = [pairs(e.load(0, row), e.load(0, b.add(row, c))) for row in (upper, lower)]
        double = ir.VectorType(LONG, LANES // 2)
        for above, below in zip(*rows, strict=True):
            for quad in pairs(b.bitcast(above, double), b.bitcast(below, double)):
                e.store(b.bitcast(quad, e.vector(e.value)), 4, q0)
                q0 = b.add(q0, LONG(LANES))
        return context.get_dummy_value()

    i = types.intp
    return types.void(x, i, i, i, quads, i), codegen


# make_quads(x, upper, lower, c, quads, q0), for LANES numbers e of two image rows with c channels:
# quads[q0 + 4 e :] = x[upper + e], x[upper + e + c], x[lower + e], x[lower + e + c].
make_quads = _make_quads if JIT else _make_quads_twin


def _quad_product_twin(quads, places, p0, step, count, dy, winners, d0, d_step, sums, s0):
    """Compute it in plain Python."""
    lane, window = np.arange(COLUMNS), np.arange(count)
    rows = (places[p0 : p0 + RUNS, None] + 4 * np.arange(TOGETHER)).reshape(-1, 1, 1)
    at = d0 + window[:, None] * d_step + lane
    which = (winners[at] - BYTES) // PER_PLACE
    chosen = quads[rows + window[:, None] * step + which]
    tile = np.einsum("rwl,wl->rl", chosen, dy[at])
    sums[s0 : s0 + ROWS * COLUMNS] += tile.reshape(-1)


@intrinsic
def _quad_product(typing, quads, places, p0, step, count, dy, winners, d0, d_step, sums, s0):
    def codegen(context, b, signature, args):
        _emit_product(context, _Emit(context, b, signature, args), *args[2:5], *args[7:9], args[10])
        return context.get_dummy_value()

    i = types.intp
    return types.void(quads, places, i, i, i, dy, winners, i, i, sums, i), codegen


def _emit_product(context, e, p0, step, count, d0, d_step, s0):
    b, column = e.b, range(VECTORS)
    vector, many = e.vector(e.value), ir.VectorType(ir.IntType(8), VECTOR_BYTES)
    kind = ir.FunctionType(many, [many, many])
    shuffle = cgutils.get_or_insert_function(b.module, kind, BYTE_SHUFFLE)
    quad, lanes = ir.VectorType(e.value, 4), ir.VectorType(I32, LANES)
    repeated = ir.Constant(lanes, [k % 4 for k in range(LANES)])
    runs = [e.at(0, e.one(1, b.add(p0, LONG(k))))[1] for k in range(RUNS)]

    def window(t, sums):
        behind, o, new = b.mul(t, step), b.add(d0, b.mul(t, d_step)), []
        upstream = [e.load(5, b.add(o, LONG(k * LANES))) for k in column]
        winners = [b.bitcast(e.load(6, b.add(o, LONG(k * LANES))), many) for k in column]
        for n in range(ROWS):
            place = b.add(behind, LONG(4 * (n % TOGETHER)))
            place = b.gep(runs[n // TOGETHER], [place], source_etype=e.value)
            x = b.load(b.bitcast(place, quad.as_pointer()), align=4, typ=quad)
            x = b.bitcast(b.shuffle_vector(x, x, repeated), many)
            for k in column:
                chosen = b.bitcast(b.call(shuffle, [x, winners[k]]), vector)
                new.append(e.fma(chosen, upstream[k], sums[n * VECTORS + k]))
        return new

    for k, total in enumerate(e.loop(0, count, [e.zero()] * (ROWS * VECTORS), window)):
        place = b.add(s0, LONG(k * LANES))
        e.store(b.fadd(e.load(9, place), total), 9, place)


# quad_product(quads, places, p0, step, count, dy, winners, d0, d_step, sums, s0): sums[s0 :] += a
# tile of ROWS taps and channels, COLUMNS filters, over `count` windows. Three rows of quads each
# lie side by side from places[p0], places[p0 + 1] and places[p0 + 2] on, a window's `step` numbers
# behind the last one's; the gradients and the winners' bytes from d0 on, `d_step` numbers apart.
quad_product = _quad_product if JIT else _quad_product_twin
