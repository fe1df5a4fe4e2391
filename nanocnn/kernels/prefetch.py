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

PAGE_BYTES, LINE_BYTES = 4096, 64


def _prefetch_twin(array, i):
    """Ask for nothing: the numbers are the same without it."""
    return None


@intrinsic
def _prefetch(typing, array, i):
    def codegen(context, b, signature, args):
        scalar = context.get_data_type(signature.args[0].dtype)
        data = context.make_array(signature.args[0])(context, b, args[0]).data
        byte, i32 = ir.IntType(8).as_pointer(), ir.IntType(32)
        function = cgutils.get_or_insert_function(
            b.module, ir.FunctionType(ir.VoidType(), [byte, i32, i32, i32]), "llvm.prefetch.p0"
        )
        place = b.bitcast(b.gep(data, [args[1]], source_etype=scalar), byte)
        b.call(
            function, [place, *(ir.Constant(i32, flag) for flag in (0, 3, 1))]
        )  # read, keep, data
        return context.get_dummy_value()

    return types.void(array, types.intp), codegen


prefetch = _prefetch if JIT else _prefetch_twin  # of the cache line of array[i]; i may lie outside


@inline
def prefetch_ahead(array, start, count):
    """Ask for what lies a page behind array[start : start + count]."""
    ahead = start + PAGE_BYTES // array.itemsize
    for e in range(ahead, ahead + count, LINE_BYTES // array.itemsize):
        prefetch(array, e)
