"""Ask for memory before it is needed.

The processor guesses what a loop reads next, but only within a page of 4 KB, and there is not
enough else to do while it waits: of a loop of 40 instructions for each line, ten lines' worth are
looked at in advance. Asked for one page ahead, w of a dense layer with one sample is read 1.6 times
as fast, and what batch normalization takes its statistics of up to 2.2 times.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .jit import JIT, inline

LINE_BYTES, PAGE_LINES = 64, 64  # of a cache line; 4096 in all


def _prefetch_twin(array, i, lines):
    """Ask for nothing: the numbers are the same without it."""
    return None


@intrinsic
def _prefetch(typing, array, i, lines):
    def codegen(context, b, signature, args):
        scalar = context.get_data_type(signature.args[0].dtype)
        data = context.make_array(signature.args[0])(context, b, args[0]).data
        byte, i32 = ir.IntType(8).as_pointer(), ir.IntType(32)
        function = cgutils.get_or_insert_function(
            b.module, ir.FunctionType(ir.VoidType(), [byte, i32, i32, i32]), "llvm.prefetch.p0"
        )
        place = b.bitcast(b.gep(data, [args[1]], source_etype=scalar), byte)
        behind = b.mul(args[2], ir.Constant(args[2].type, LINE_BYTES))
        place = b.gep(place, [behind], source_etype=ir.IntType(8))
        b.call(
            function, [place, *(ir.Constant(i32, flag) for flag in (0, 3, 1))]
        )  # read, keep, data
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp), codegen


# Of what lies so many cache lines behind array[i], which may be outside of the array.
prefetch = _prefetch if JIT else _prefetch_twin


@inline
def _lines(array, count):
    return (count * array.itemsize + LINE_BYTES - 1) >> 6  # a division takes as long as the work


@inline
def prefetch_run(array, start, count):
    """Ask for array[start : start + count]."""
    for line in range(_lines(array, count)):
        prefetch(array, start, line)


@inline
def prefetch_ahead(array, start, count):
    """Ask for what lies a page behind array[start : start + count]."""
    for line in range(_lines(array, count)):
        prefetch(array, start, PAGE_LINES + line)
