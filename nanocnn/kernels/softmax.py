"""Softmax over the last axis, one row at a time, sums in float64."""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic

from . import memory, threads
from .exponential import exp
from .jit import JIT, U, kernel
from .prefetch import prefetch_run

LONG = 64  # rows from here on fill vectors by themselves
AHEAD = 4096  # bytes of the next row that are asked for
BLOCK = 256  # elements of shorter rows that are taken together: they stay in the first-level cache


def _larger_twin(a, b):
    """Compute it in plain Python."""
    return np.maximum(a, b)


@intrinsic
def _larger(typing, a, b):
    """Emit a maximum, NaN above all. A loop with `a if a > b else b` would not fill vectors."""

    def codegen(context, builder, signature, args):
        scalar = context.get_data_type(signature.return_type)
        name = f"llvm.maximum.f{signature.return_type.bitwidth}"
        function = ir.FunctionType(scalar, [scalar] * 2)
        function = cgutils.get_or_insert_function(builder.module, function, name)
        return builder.call(function, args, fastmath=("nsz",))

    return a(a, a), codegen


larger = _larger if JIT else _larger_twin


@kernel
def _forward(first, last, x, y, k):
    """Items are rows. Exponentials of short rows are taken together, in one long loop."""
    is_long = k >= LONG
    step = k if is_long else BLOCK // k * k
    ahead = min(k, AHEAD // x.itemsize)
    for start in range(first * k, last * k, step):
        end = min(last * k, start + step)
        for row in range(start, end, k):
            highest = x[U(row)]
            for e in range(row, row + k):
                highest = larger(highest, x[U(e)])
            if is_long:
                # Memory is read while the exponentials are computed.
                prefetch_run(x, end, min(last * k - end, ahead))
                for e in range(row, row + k):
                    y[U(e)] = exp(x[U(e)] - highest)
            else:
                for e in range(row, row + k):
                    y[U(e)] = x[U(e)] - highest
        if not is_long:
            for e in range(start, end):
                y[U(e)] = exp(y[U(e)])
        for row in range(start, end, k):
            total = 0.0
            for e in range(row, row + k):
                total += y[U(e)]
            scale = y.dtype.type(1 / total)
            for e in range(row, row + k):
                y[U(e)] *= scale


@kernel
def _backward(first, last, dy, y, dx, k):
    for row in range(first * k, last * k, k):
        mean = 0.0
        for e in range(row, row + k):
            mean += dy[U(e)] * y[U(e)]
        for e in range(row, row + k):
            dx[U(e)] = y[U(e)] * (dy[U(e)] - mean)


def softmax_forward(x):
    """(S1)."""
    y = memory.empty(x.shape, x.dtype)
    k = x.shape[-1]
    args = (memory.flat(x), y.reshape(-1), k)
    threads.run(_forward, x.size // k, args, 4 * x.nbytes / threads.BYTES_PER_SECOND)
    return y


def softmax_backward(dy, y):
    """(S2)."""
    dx = memory.empty(dy.shape, dy.dtype)
    k = dy.shape[-1]
    args = (memory.flat(dy), memory.flat(y), dx.reshape(-1), k)
    threads.run(_backward, dy.size // k, args, 3 * dy.nbytes / threads.BYTES_PER_SECOND)
    return dx
