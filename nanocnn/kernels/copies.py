"""Copies and sums of a few neighbours, a fixed number of them, as one load and one store.

Packing moves runs of 6 or 16 elements. A loop over so few costs more than the run: its length has
to be tested, its end treated apart, and where source and target might overlap nothing is joined.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .jit import JIT
from .windows import _Emit


def _make_twin(count, adds):
    """Return the same in plain Python: what runs with the JIT off, and what is compared with on."""

    def copy(source, a, target, b):
        target[b : b + count] = source[a : a + count]

    def add(source, a, target, b):
        target[b : b + count] += source[a : a + count]

    return add if adds else copy


def _make_intrinsic(count, adds):
    """Return the compiled form."""

    def codegen(context, b, signature, args):
        scalar = context.get_data_type(signature.args[0].dtype)
        vector, size = ir.VectorType(scalar, count), signature.args[0].dtype.bitwidth // 8

        def at(array, index):
            data = context.make_array(signature.args[array])(context, b, args[array]).data
            return b.bitcast(b.gep(data, [args[index]], source_etype=scalar), vector.as_pointer())

        def load(pointer):
            return b.load(pointer, align=size, typ=vector)

        source, target = at(0, 1), at(2, 3)
        values = b.fadd(load(target), load(source)) if adds else load(source)
        b.store(values, target, align=size)
        return context.get_dummy_value()

    @intrinsic
    def move(typing, source, a, target, b):
        return types.void(source, types.intp, target, types.intp), codegen

    return move


def _make_scaled_twin(count, adds):
    """Return the same in plain Python."""

    def scale(source, a, weight, target, b):
        values = weight * source[a : a + count]
        target[b : b + count] = target[b : b + count] + values if adds else values

    return scale


def _make_intrinsic_scaled(count, adds):
    """Return the compiled form."""

    def codegen(context, b, signature, args):
        emit = _Emit(context, b, signature, args)
        emit.lanes = count
        weight, values = emit.splat(args[2]), emit.load(0, args[1])
        total = emit.fma(weight, values, emit.load(3, args[4])) if adds else b.fmul(weight, values)
        emit.store(total, 3, args[4])
        return context.get_dummy_value()

    @intrinsic
    def scale(typing, source, a, weight, target, b):
        return types.void(source, types.intp, source.dtype, target, types.intp), codegen

    return scale


def make_scale(count, adds=False):
    """Return `scale(source, a, weight, target, b)`: target[b :] = (or +=) weight * source[a :]."""
    return (_make_intrinsic_scaled if JIT else _make_scaled_twin)(count, adds)


def make_copy(count):
    """Return `copy(source, a, target, b)`: target[b : b + count] = source[a : a + count]."""
    return (_make_intrinsic if JIT else _make_twin)(count, adds=False)


def make_add(count):
    """Return `add(source, a, target, b)`: target[b : b + count] += source[a : a + count]."""
    return (_make_intrinsic if JIT else _make_twin)(count, adds=True)
