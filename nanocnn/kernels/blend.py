"""What a warp does at one place: four channels of four neighbouring pixels are blended at once.

    x:   | r g b . |  upper, left       e       | r g b . |  upper, right
                          \\___________________/
                                     |  f                     in registers, then one store
                           ___________________
                          /                   \\
         | r g b . |  lower, left       e       | r g b . |  lower, right

Of an image with three channels the fourth number is the next pixel's first, and what becomes of it
is written over by the next pixel. Three numbers one after another take twice as long.
"""

from __future__ import annotations

import numpy as np
from numba import types
from numba.extending import intrinsic

from .jit import JIT
from .windows import _Emit

LANES = 4


def _blend_twin(x, p, down, right, f, e, y, o):
    """Compute (G3) for LANES channels in plain Python."""
    a = np.arange(LANES)
    upper = x[p + a] + e * (x[p + right + a] - x[p + a])
    lower = x[p + down + a] + e * (x[p + down + right + a] - x[p + down + a])
    y[o + a] = upper + f * (lower - upper)


@intrinsic
def _blend(typing, x, p, down, right, f, e, y, o):
    def codegen(context, b, signature, args):
        emit = _Emit(context, b, signature, args)
        emit.lanes = LANES
        f, e = emit.splat(args[4]), emit.splat(args[5])

        def between(part, first, second):
            return emit.fma(part, b.fsub(second, first), first)

        def row(start):
            return between(e, emit.load(0, start), emit.load(0, b.add(start, args[3])))

        upper, lower = row(args[1]), row(b.add(args[1], args[2]))
        emit.store(between(f, upper, lower), 6, args[7])
        return context.get_dummy_value()

    i = types.intp
    return types.void(x, i, i, i, x.dtype, x.dtype, y, i), codegen


blend = _blend if JIT else _blend_twin
