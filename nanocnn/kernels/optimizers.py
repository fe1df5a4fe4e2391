"""Parameter updates, each a single pass over parameter, gradient and state. In place."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from . import memory, threads
from .jit import U, kernel

BLOCK = 1 << 14  # elements of a work item


@kernel
def _sgd(first, last, p, g, velocity, has_velocity, rate, momentum, nesterov, decay):
    for e in range(first * BLOCK, min(last * BLOCK, p.size)):
        step = g[U(e)] + decay * p[U(e)]
        if has_velocity:
            velocity[U(e)] = momentum * velocity[U(e)] + step
            step = step + momentum * velocity[U(e)] if nesterov else velocity[U(e)]
        p[U(e)] -= rate * step


@kernel
def _rmsprop(first, last, p, g, v, buffer, has_buffer, rate, rho, rest, epsilon, momentum, decay):
    for e in range(first * BLOCK, min(last * BLOCK, p.size)):
        slope = g[U(e)] + decay * p[U(e)]
        v[U(e)] = rho * v[U(e)] + rest * slope * slope
        step = slope / (math.sqrt(v[U(e)]) + epsilon)
        if has_buffer:
            buffer[U(e)] = momentum * buffer[U(e)] + step
            step = buffer[U(e)]
        p[U(e)] -= rate * step


@kernel
def _adam(first, last, p, g, m, v, rate, beta1, rest1, beta2, rest2, root, epsilon, decay, shrink):
    for e in range(first * BLOCK, min(last * BLOCK, p.size)):
        slope = g[U(e)] + decay * p[U(e)]
        m[U(e)] = beta1 * m[U(e)] + rest1 * slope
        v[U(e)] = beta2 * v[U(e)] + rest2 * slope * slope
        p[U(e)] = shrink * p[U(e)] - rate * m[U(e)] / (math.sqrt(v[U(e)]) * root + epsilon)


@lru_cache(maxsize=16, typed=True)  # most parameters of a network share them in a step
def _cast(dtype, *flags_and_numbers):
    """Numbers are cast to the parameter's dtype: in float64 they would halve the vectors."""
    return tuple(
        value if isinstance(value, bool) else dtype.type(value) for value in flags_and_numbers
    )


def _run(kernel, p, arrays, flags_and_numbers):
    for a in (p, *arrays[1:]):
        flags = a.flags
        if not (flags.writeable and flags.c_contiguous):
            raise ValueError("a parameter and its state must be writeable and contiguous in memory")
    flat = [memory.flat(a) for a in (p, *arrays)]
    seconds = (2 + len(arrays)) * p.nbytes / threads.BYTES_PER_SECOND
    numbers = _cast(p.dtype, *flags_and_numbers)
    threads.run(kernel, -(-p.size // BLOCK), (*flat, *numbers), seconds)


def sgd_update(p, g, velocity, learning_rate, momentum, nesterov, weight_decay):
    """(O1)."""
    has = velocity is not None
    arrays = (g, velocity if has else np.empty(0, p.dtype))
    _run(_sgd, p, arrays, (has, learning_rate, momentum, bool(nesterov), weight_decay))


def rmsprop_update(p, g, v, buffer, learning_rate, rho, epsilon, momentum, weight_decay):
    """(O2)."""
    has = buffer is not None
    arrays = (g, v, buffer if has else np.empty(0, p.dtype))
    _run(_rmsprop, p, arrays, (has, learning_rate, rho, 1 - rho, epsilon, momentum, weight_decay))


def adam_update(p, g, m, v, t, learning_rate, beta1, beta2, epsilon, weight_decay, decoupled):
    """(O3), and (O4) where the decay is decoupled."""
    rate = learning_rate / (1 - beta1**t)
    root = 1 / math.sqrt(1 - beta2**t)
    decay, shrink = (0.0, 1 - learning_rate * weight_decay) if decoupled else (weight_decay, 1.0)
    numbers = (rate, beta1, 1 - beta1, beta2, 1 - beta2, root, epsilon, decay, shrink)
    _run(_adam, p, (g, m, v), numbers)
