"""Wait for another thread with open eyes, for a while.

A thread that waits at a lock sleeps, and to wake it takes 15 microseconds of the one that does and
30 of its own: as long as a small layer takes. So both who wait for work and who wait for its end
look at a number in memory first, some thousand times, outside of the interpreter.

The interpreter lock is such a lock too. Who looks must not come back while another still holds it:

    caller    writes `posted`   on its way into the kernel   | kernel, without the lock
    worker    . . . . . . . . . sees it, waits a little more | takes the lock, finds it free
    worker                      at the end: leaves the interpreter, then writes `done`
    caller                                                   sees it, finds the lock free
"""

from __future__ import annotations

import time
from functools import lru_cache

import llvmlite.binding as llvm
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .jit import JIT, kernel

PAUSES = {"x86_64": "llvm.x86.sse2.pause"}  # tells the processor that a loop only waits


def _look_twin(flag):
    """Read it: the interpreter always does."""
    return flag[0]


@intrinsic
def _look(typing, flag):
    """Read flag[0] from memory: the compiler would read it once before a loop."""

    def codegen(context, b, signature, args):
        name = PAUSES.get(llvm.get_default_triple().split("-")[0])
        if name:
            pause = ir.FunctionType(ir.VoidType(), [])
            b.call(cgutils.get_or_insert_function(b.module, pause, name), [])
        data = context.make_array(signature.args[0])(context, b, args[0]).data
        return b.load_atomic(data, "acquire", 8)

    return types.int64(flag), codegen


look = _look if JIT else _look_twin


@kernel
def wait(done, flag, value, turns, more):
    """Write 1 to done[0], then look until flag[0] is not `value`, `turns` times at most.

    If that comes to pass it stays for some `more` turns.
    """
    done[0] = 1
    for _ in range(turns):
        if look(flag) != value:
            for _ in range(more):
                look(flag)
            return


@lru_cache
def turns_in(seconds: float) -> int:
    """Return how many turns of `wait` take so long; none where it would keep the interpreter."""
    if not JIT:
        return 0
    flag = np.zeros(1, np.int64)
    times = []
    for turns in (1, 1000, 1000, 1000):
        begin = time.perf_counter()
        wait(flag.copy(), flag, 0, turns, 0)
        times.append(time.perf_counter() - begin)
    return int(1000 * seconds / min(times[1:]))
