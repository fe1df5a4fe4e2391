r"""exp, tanh and sigmoid in float32, as straight lines of arithmetic; float64 keeps libm's.

A loop that calls libm works on one number at a time. These lines LLVM does for a whole vector: 5 to
30 times as fast. The argument loses a multiple of ln 2, and a polynomial takes the rest:

    x = k ln 2 + r,    k = round(x / ln 2),    |r| <= ln(2) / 2 = 0.3466
    exp(x)     = 2^k (1 + q)          q = e^r - 1 = r + r^2 s(r)
    exp(x) - 1 = 2^k q + (2^k - 1)    exact where exp(x) is near 1
    tanh(x)    = -g / (2 + g)         g = exp(-2x) - 1, for x >= 0; g grows while 2 + g shrinks, so
                                      that rounding cannot let the quotient fall where tanh rises
    sigmoid(x) = 1 / (1 + e)  or, for x < 0,  e / (1 + e)    e = exp(-|x|)

All three need exp at or below 0 only, where it cannot overflow, and so only this half is here.

Rounding without an instruction for it: between 2^23 and 2^24 the floats lie 1 apart. x / ln 2 added
to ROUND = 1.5 * 2^23 is rounded to t = ROUND + k, which has k in its lowest bits. Shifted to where
a float has its exponent, they are 2^k (`power_of_two`). exp goes down to 2^-149, and powers of two
with all their bits only to 2^-126; so it takes 2^(k+30), and 2^-30 in a second product, which is
where a result that is too small loses bits, once.

As k ln 2 is nearly x, their difference has to be exact (Cody and Waite 1980): ln 2 is the sum of
LN2_HIGH, of 15 bits, which leaves the product with k exact, and of LN2_LOW.

s(r) = (e^r - 1 - r) / r^2 is a polynomial of degree 4 that makes the largest error of q / r as
small as can be. Its coefficients come from Lawson's algorithm: least squares in float64 on 4001
Chebyshev points up to 0.3467, again and again, the weight of each point multiplied by its error.
From the lowest power on they were rounded to float32 one by one, and the others fitted again. The
error is 1.4e-8, an eighth of a unit in the last place.

By hand, exp(-1): -1 / ln 2 = -1.44, so k = -1 and r = -1 + 0.693146 + 0.0000014 = -0.306853, of
which 0.693146 is LN2_HIGH. s = 0.5 + 0.166665 r + 0.041666 r^2 + 0.008366 r^3 + 0.001394 r^4 =
0.452553; q = r + 0.094159 s = -0.264241; and 2^-1 (1 - 0.264241) = 0.367879.

Over all floats exp is off by at most 1.1 units in the last place, tanh by 2.5 and sigmoid by 2.4.
exp and tanh never fall; sigmoid falls by a unit here and there, below 0. NaN stays NaN.

References
----------
W. J. Cody and W. Waite (1980), Software Manual for the Elementary Functions, chapter 6.
C. L. Lawson (1961), Contributions to the theory of linear least maximum approximation, UCLA.
"""

from __future__ import annotations

import math

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .jit import JIT, exact
from .microkernel import multiply_add

ONE, TWO = np.float32(1), np.float32(2)
ROUND = np.float32(3 << 22)
PER_LN2 = np.float32(1 / math.log(2))
LN2_HIGH = np.float32(0.693145751953125)
LN2_LOW = np.float32(math.log(2) - 0.693145751953125)
S0, S1, S2, S3, S4 = (
    np.float32(c) for c in (0.5, 0.16666545, 0.041666403, 0.008366406, 0.0013940658)
)
EXP_IS_0 = np.float32(-104)  # from here on down
TANH_IS_1 = np.float32(-20)  # for -2x
UP, DOWN = 30, np.float32(2.0**-30)


def _is_float32_twin(v):
    """Tell it in plain Python."""
    return isinstance(v, np.float32)


@intrinsic
def _is_float32(typing, v):
    """Emit a constant, so that of two ways only one is compiled."""

    def codegen(context, b, signature, args):
        return ir.Constant(ir.IntType(1), v == types.float32)

    return types.boolean(v), codegen


def _power_of_two_twin(t, up):
    """Compute it in plain Python: what runs with the JIT off, and what is compared with on."""
    return (t.view(np.uint32) + np.uint32(127 + up) << 23).view(np.float32)


@intrinsic
def _power_of_two(typing, t, up):
    """Emit 2^(k + up) from t = ROUND + k, with an exponent from -126 to 127."""

    def codegen(context, b, signature, args):
        i32 = ir.IntType(32)
        exponent = b.add(b.trunc(args[1], i32), i32(127))
        bits = b.shl(b.add(b.bitcast(args[0], i32), exponent), i32(23))
        return b.bitcast(bits, ir.FloatType())

    return types.float32(types.float32, types.intp), codegen


is_float32 = _is_float32 if JIT else _is_float32_twin
power_of_two = _power_of_two if JIT else _power_of_two_twin


@exact
def reduced(x):
    """Return t = ROUND + k, and q."""
    t = multiply_add(x, PER_LN2, ROUND)
    k = t - ROUND
    r = multiply_add(k, -LN2_LOW, multiply_add(k, -LN2_HIGH, x))
    r2 = r * r
    s = multiply_add(multiply_add(S4, r2, multiply_add(S3, r, S2)), r2, multiply_add(S1, r, S0))
    return t, multiply_add(s, r2, r)


@exact
def exp(v):
    """Return e to the v, for v <= 0."""
    if is_float32(v):
        x = np.float32(v)
        t, q = reduced(EXP_IS_0 if x < EXP_IS_0 else x)  # NaN is not below
        power = power_of_two(t, UP)
        return multiply_add(power, q, power) * DOWN
    return np.exp(v)


@exact
def tanh(v):
    """Return tanh(v)."""
    if is_float32(v):
        x = np.float32(v)
        twice = -TWO * abs(x)
        t, q = reduced(TANH_IS_1 if twice < TANH_IS_1 else twice)
        power = power_of_two(t, 0)
        g = multiply_add(power, q, power - ONE)
        return np.copysign(g / (TWO + g), x)
    return np.tanh(v)


@exact
def sigmoid(v):
    """Return 1 / (1 + exp(-v)), from exp(-|v|)."""
    e = exp(-abs(v))
    return (ONE if v >= 0 else e) / (ONE + e)
