"""A small constant matrix on both sides of a tile, as straight-line code: Winograd's transforms.

    D[r, s]  =  sum_k sum_l  matrix[r][k] * S[k, l] * matrix[s][l]       for a vector of channels

    s s s s s s        columns first,       c c c c c c        then rows:
    s s s s s s        one after another:   c . . . . .  -->   d d d d d d
    s s s s s s                             c . . . . .        . . . . . .

Nothing between S and D is stored, but for what the registers cannot hold. The entries of a matrix
stand in the instructions: 0 costs nothing, 1 and -1 an addition, all others a multiply-add; see
`shared_sums`. A loop over the lanes in Numba is not vectorized here (too many streams that might
overlap), and then the transforms eat all that the fewer multiplications gain.
"""

from __future__ import annotations

import operator

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .jit import HAS_FMA, JIT, VECTOR_BYTES
from .shared_sums import product

LANES = VECTOR_BYTES // 4
REAL = ir.FloatType()


class _Arrays:
    """The operations on NumPy's arrays."""

    add, subtract, times = operator.add, operator.sub, operator.mul

    @staticmethod
    def add_times(total, x, factor):
        return total + x * factor


def _both_sides(ops, matrix, load, store):
    """Load the columns of S one after another, and store the rows of D."""
    size = range(len(matrix[0]))
    columns = [product(ops, matrix, [load(k, l) for k in size]) for l in size]
    for r in range(len(matrix)):
        for s, value in enumerate(product(ops, matrix, [column[r] for column in columns])):
            store(r, s, value)


def make_transform(matrix, side="S", finish=False):
    """Return `transform(S, s0, s_row, s_col, D, d0, d_row, d_col, border)`, called from kernels.

    S[k, l] are the LANES numbers from s0 + k * s_row + l * s_col on, D's likewise. `border` is
    None, or (top, bottom, left, right, there) where the tile on one `side`, "S" or "D", reaches
    over the image's border: only rows top ... bottom - 1, columns left ... right - 1 and so many
    lanes of it are read, all else being 0, or written.

    With `finish` it takes three more arguments, `bias, b0, relu`: bias[b0 + lane] is added, and
    where relu is not 0, negative results become 0.
    """
    make = _make_intrinsic if JIT else _make_twin
    return make([[float(v) for v in row] for row in matrix], side, finish)


def _make_twin(matrix, side, finish):
    """Return the same in plain Python: what runs with the JIT off, and what is compared with on."""

    def twin(S, s0, s_row, s_col, D, d0, d_row, d_col, border, bias=None, b0=0, relu=0):
        lane = np.arange(LANES)

        def lanes(here, k, l):
            if border is None or here != side:
                return lane
            top, bottom, left, right, there = border
            return lane[: there if top <= k < bottom and left <= l < right else 0]

        def load(k, l):
            values, some = np.zeros(LANES, np.float32), lanes("S", k, l)
            values[some] = S[s0 + k * s_row + l * s_col + some]
            return values

        def store(k, l, value):
            some = lanes("D", k, l)
            if finish:
                value = value + bias[b0 + lane]
                value = np.where((value < 0) & (relu != 0), 0, value)
            D[d0 + k * d_row + l * d_col + some] = value[some]

        _both_sides(_Arrays, matrix, load, store)

    return twin


class _Emit:
    """The operations as instructions."""

    def __init__(self, builder):
        self.b = builder
        self.vector = ir.VectorType(ir.FloatType(), LANES)
        name = f"llvm.{'fma' if HAS_FMA else 'fmuladd'}.v{LANES}f32"
        self.fma = self.declare(name, self.vector, [self.vector] * 3)
        self.add, self.subtract = builder.fadd, builder.fsub

    def declare(self, name, result, arguments):
        kind = ir.FunctionType(result, arguments)
        return cgutils.get_or_insert_function(self.b.module, kind, name)

    def constant(self, value):
        return ir.Constant(self.vector, [float(value)] * LANES)

    def times(self, x, factor):
        return self.b.fmul(x, self.constant(factor))

    def add_times(self, total, x, factor):
        return self.b.call(self.fma, [x, self.constant(factor), total])

    def further(self, place, step, scalar=REAL):
        return self.b.gep(place, [step], source_etype=scalar)

    def grid(self, start, n, row, column, scalar=REAL):
        """n x n places, each found from the one before it: a table of all the products of steps
        would not fit in the registers."""
        rows = [start]
        for _ in range(n - 1):
            rows.append(self.further(rows[-1], row, scalar))
        lines = [[place] for place in rows]
        for line in lines:
            for _ in range(n - 1):
                line.append(self.further(line[-1], column, scalar))
        return lines

    def between(self, n, first, end):
        """For each number below n, is it one of first ... end - 1?"""
        b = self.b
        numbers = [ir.Constant(first.type, k) for k in range(n)]
        return [b.and_(b.icmp_signed("<=", first, k), b.icmp_signed("<", k, end)) for k in numbers]

    def within(self, lines, top, bottom, left, right):
        """Where there is no pixel put the address of a spare vector: zeros, or a place to write."""
        spare = cgutils.alloca_once_value(self.b, self.constant(0))
        spare = self.b.bitcast(spare, ir.FloatType().as_pointer())
        rows = self.between(len(lines), top, bottom)
        columns = self.between(len(lines), left, right)
        return [
            [
                self.b.select(self.b.and_(row, column), place, spare)
                for column, place in zip(columns, line, strict=True)
            ]
            for row, line in zip(rows, lines, strict=True)
        ]

    def lanes(self, there):
        """The mask of the first lanes."""
        lane = ir.Constant(ir.VectorType(there.type, LANES), list(range(LANES)))
        zero = ir.Constant(ir.IntType(32), 0)
        first = self.b.insert_element(ir.Constant(lane.type, ir.Undefined), there, zero)
        same = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        return self.b.icmp_signed("<", lane, self.b.shuffle_vector(first, first, same))

    def load(self, place, mask=None):
        if mask is None:
            return self.b.load(place, align=4, typ=self.vector)
        address, i32 = self.vector.as_pointer(), ir.IntType(32)
        name = f"llvm.masked.load.v{LANES}f32.p0"
        function = self.declare(name, self.vector, [address, i32, mask.type, self.vector])
        place = self.b.bitcast(place, address)
        return self.b.call(function, [place, ir.Constant(i32, 4), mask, self.constant(0)])

    def store(self, value, place, mask=None):
        address, i32 = self.vector.as_pointer(), ir.IntType(32)
        place = self.b.bitcast(place, address)
        if mask is None:
            self.b.store(value, place, align=4)
            return
        name = f"llvm.masked.store.v{LANES}f32.p0"
        function = self.declare(name, ir.VoidType(), [self.vector, address, i32, mask.type])
        self.b.call(function, [value, place, ir.Constant(i32, 4), mask])


def _make_intrinsic(matrix, side, finish):
    """Return the compiled form."""

    def codegen(context, b, signature, args):
        ops = _Emit(b)

        def start(n):
            array = context.make_array(signature.args[n])(context, b, args[n])
            return ops.further(array.data, args[n + 1])

        grids = {
            "S": ops.grid(start(0), len(matrix[0]), *args[2:4]),
            "D": ops.grid(start(4), len(matrix), *args[6:8]),
        }
        masks = {"S": None, "D": None}
        if signature.args[8] != types.none:
            *edges, there = cgutils.unpack_tuple(b, args[8], 5)
            grids[side], masks[side] = ops.within(grids[side], *edges), ops.lanes(there)
        if finish:
            bias, relu = ops.load(start(9)), args[11]
            has_relu = b.icmp_signed("!=", relu, ir.Constant(relu.type, 0))
            floor = b.select(has_relu, ops.constant(0), ops.constant("-inf"))

        def load(k, l):
            return ops.load(grids["S"][k][l], masks["S"])

        def store(k, l, value):
            if finish:  # bias last, as in the micro-kernel; NaN stays NaN
                value = b.fadd(value, bias)
                value = b.select(b.fcmp_ordered("<", value, floor), floor, value)
            ops.store(value, grids["D"][k][l], masks["D"])

        _both_sides(ops, matrix, load, store)
        return context.get_dummy_value()

    i = types.intp
    if finish:

        @intrinsic
        def transform(typing, S, s0, s_row, s_col, D, d0, d_row, d_col, border, bias, b0, relu):
            return types.void(S, i, i, i, D, i, i, i, border, bias, i, i), codegen
    else:

        @intrinsic
        def transform(typing, S, s0, s_row, s_col, D, d0, d_row, d_col, border):
            return types.void(S, i, i, i, D, i, i, i, border), codegen

    return transform


def make_winner_transform(matrix, within=0):
    """Return `transform(dy, winner, o, row, column, D, d0, d_row, d_col)`, called from kernels.

    S is what max pooling hands down: of the 2x2 pixels in a window the one that won gets dy, the
    others 0. The windows lie at o + k * row + l * column; S begins with the first one's first pixel
    or, with `within` = 1, with its last.
    """
    make = _make_intrinsic_of_winners if JIT else _make_twin_of_winners
    return make([[float(v) for v in row] for row in matrix], within)


def _make_twin_of_winners(matrix, within):
    """Return the same in plain Python."""

    def twin(dy, winner, o, row, column, D, d0, d_row, d_col):
        lane = np.arange(LANES)

        def load(k, l):
            (m, u), (n, v) = divmod(k + within, 2), divmod(l + within, 2)
            place = o + m * row + n * column + lane
            return np.where(winner[place] == 2 * u + v, dy[place], np.float32(0))

        def store(k, l, value):
            D[d0 + k * d_row + l * d_col + lane] = value

        _both_sides(_Arrays, matrix, load, store)

    return twin


def _make_intrinsic_of_winners(matrix, within):
    """Return the compiled form."""
    windows = (len(matrix[0]) + within + 1) // 2

    def codegen(context, b, signature, args):
        ops, byte = _Emit(b), ir.IntType(8)

        def grid(n, start, size, row, column, scalar):
            data = context.make_array(signature.args[n])(context, b, args[n]).data
            return ops.grid(ops.further(data, args[start], scalar), size, row, column, scalar)

        upstream = grid(0, 2, windows, *args[3:5], REAL)
        winners = grid(1, 2, windows, *args[3:5], byte)
        targets = grid(5, 6, len(matrix), *args[7:9], REAL)

        def load(k, l):
            (m, u), (n, v) = divmod(k + within, 2), divmod(l + within, 2)
            won = b.load(winners[m][n], align=1, typ=ir.VectorType(byte, LANES))
            mine = b.icmp_unsigned("==", won, ir.Constant(won.type, [2 * u + v] * LANES))
            return b.select(mine, ops.load(upstream[m][n]), ops.constant(0))

        _both_sides(ops, matrix, load, lambda k, l, value: ops.store(value, targets[k][l]))
        return context.get_dummy_value()

    i = types.intp

    @intrinsic
    def transform(typing, dy, winner, o, row, column, D, d0, d_row, d_col):
        return types.void(dy, winner, i, i, i, D, i, i, i), codegen

    return transform
