r"""ln and powers of float32 numbers in [0, 1], as straight lines of arithmetic on whole vectors.

A float is m 2^k, with k in its upper bits. Cut so that m lies between sqrt(1/2) and sqrt(2),

    ln x = k ln 2 + ln m,    ln m = 2 artanh(s) = 2 (s + s^3/3 + s^5/5 + s^7/7 + s^9/9 + ...)
                             s = (m - 1) / (m + 1),    |s| <= 0.1716

What is left out begins with 2 s^11 / 11, which is 2e-9 of ln m. Where k = 0, near 1, ln x is ln m
and has all its digits. The bits: those of sqrt(1/2) are subtracted from those of x. What then
stands in the exponent's place is k; the rest, added to those of sqrt(1/2) again, is m.

By hand, ln 0.1: it is 1.6 * 2^-4, and 0.8 * 2^-3 with m between the roots. s = -0.2 / 1.8;
2 (s + s^3/3 + s^5/5 + s^7/7) = -0.223144; -3 * 0.693147 - 0.223144 = -2.302585.

A power is x^g = exp(g ln x), of which `exponential` has what is needed, exponents up to 0. What
rounding does to g ln x, |g ln x| 2^-24, becomes a relative error of the power: 14 units in the last
place for x = 10^-6, where the power is small itself. float64 keeps libm's functions.
"""

from __future__ import annotations

import math

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .exponential import LN2_HIGH, LN2_LOW, ONE, TWO, exp, is_float32
from .jit import JIT, exact
from .microkernel import multiply_add

ROOT_HALF = np.int32(np.float32(math.sqrt(0.5)).view(np.int32))
MANTISSA, BITS = np.int32((1 << 23) - 1), np.int32(23)
THIRD, FIFTH, SEVENTH, NINTH = (np.float32(1 / odd) for odd in (3, 5, 7, 9))
LEAST = np.float32(2.0**-126)  # smaller numbers have another form, and count as 0
LN_0 = np.float32(-np.inf)


def _bits_twin(x):
    """Return a float32's bits in plain Python."""
    return x.view(np.int32)


@intrinsic
def _bits(typing, x):
    """Return a float32's bits as an int32."""

    def codegen(context, b, signature, args):
        return b.bitcast(args[0], ir.IntType(32))

    return types.int32(types.float32), codegen


def _from_bits_twin(n):
    """Return the float32 with these bits in plain Python."""
    return np.int32(n).view(np.float32)


@intrinsic
def _from_bits(typing, n):
    """Return the float32 with these bits; those above the 32nd are cut off."""

    def codegen(context, b, signature, args):
        return b.bitcast(b.trunc(args[0], ir.IntType(32)), ir.FloatType())

    return types.float32(types.int64), codegen


bits = _bits if JIT else _bits_twin
from_bits = _from_bits if JIT else _from_bits_twin


@exact
def log(v):
    """Return ln v, for 0 <= v <= 1."""
    if is_float32(v):
        x = np.float32(v)
        n = bits(x) - ROOT_HALF
        k = np.float32(n >> BITS)
        f = from_bits((n & MANTISSA) + ROOT_HALF) - ONE
        s = f / (TWO + f)
        s2 = s * s
        series = multiply_add(multiply_add(multiply_add(NINTH, s2, SEVENTH), s2, FIFTH), s2, THIRD)
        twice = s + s
        ln_m = multiply_add(twice * s2, series, twice)
        ln = multiply_add(k, LN2_HIGH, multiply_add(k, LN2_LOW, ln_m))
        return LN_0 if x < LEAST else ln
    return np.log(v)


@exact
def power(v, g):
    """Return v to the power g, for 0 <= v <= 1 and g > 0."""
    if is_float32(v):
        return exp(np.float32(g) * log(v))
    return v**g
