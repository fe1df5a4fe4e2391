"""Dropout, element by element: a random share of the numbers is set to zero in training.

Forward
-------
Let r be the rate, the share that is dropped, and k[e] = 1 where element e is kept, else 0:

    y[e] = x[e] k[e] / (1 - r)                                                                  (R1)

e counts the elements in row order. The division keeps the mean: k[e] is 1 with probability 1 - r,
so y[e] is x[e] on average, and inference needs no dropout and no rescaling. The network cannot lean
on any single unit, which acts like training many thinned networks at once (Srivastava et al. 2014;
there the scale is applied at inference instead).

Backward
--------
Write dy for ∂L/∂y, which arrives from above. By the chain rule dx[e] is the sum of
dy[g] ∂y[g]/∂x[e] over all g. x[e] stands in y[e] alone, and the mask does not depend on x: (R1) is
linear, and the factor is k[e] / (1 - r):

    dx[e] = dy[e] k[e] / (1 - r)                                                                (R2)

It must be the *same* mask. A second draw would drop other elements, and no test with a mean would
see it.

Why the mask is a hash
----------------------
A stream of random numbers gives element e whatever comes e-th: two threads that share it, a tile
order that changes, or a backward pass that runs twice get another mask. Here k[e] is a pure
function of (key, e): a counter is hashed, nothing is remembered. So the mask is the same on any
number of threads, can be computed again instead of stored, can be replayed by a gradient checker,
and a run that is resumed continues as if it had never stopped (Salmon et al. 2011). The hash is
SplitMix64 (Steele et al. 2014): a counter that steps by an odd constant near 2^64 / golden ratio,

    z = (key + (e + 1) * 0x9E3779B97F4A7C15) mod 2^64

then mixed until every output bit depends on every input bit (each step can be undone, so different
counters give different hashes):

    z = (z xor (z >> 30)) * 0xBF58476D1CE4E5B9 mod 2^64
    z = (z xor (z >> 27)) * 0x94D049BB133111EB mod 2^64
    z =  z xor (z >> 31)

The upper 24 bits, divided by 2^24, are a number in [0, 1) that float32 holds exactly; the element
is kept when it is not below r. It is fit for dropout, not for secrets.

References
----------
N. Srivastava, G. Hinton, A. Krizhevsky, I. Sutskever and R. Salakhutdinov (2014), Dropout: a simple
way to prevent neural networks from overfitting, JMLR 15.
J. Salmon, M. Moraes, R. Dror and D. Shaw (2011), Parallel random numbers: as easy as 1, 2, 3, SC11.
G. Steele, D. Lea and C. Flood (2014), Fast splittable pseudorandom number generators, OOPSLA.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

GOLDEN = 0x9E3779B97F4A7C15
MODULUS = 2**64


def dropout_mask(key: int, size: int, rate: float) -> NDArray[np.bool_]:
    """Decide for each of `size` elements whether it is kept: k in (R1).

    Parameters
    ----------
    key : int, 0 <= key < 2**64
    size : int
    rate : float, 0 <= rate < 1

    Returns
    -------
    (size,) bool array
        True where the element is kept.
    """
    keep = np.zeros(size, np.bool_)
    for e in range(size):
        z = _splitmix64((key + (e + 1) * GOLDEN) % MODULUS)
        keep[e] = (z >> 40) / 2**24 >= rate
    return keep


def dropout_forward(x: Array, rate: float, key: int) -> Array:
    """Zero a random share of `x` and scale up the rest (R1).

    Parameters
    ----------
    x : float or complex array of any shape
    rate : float, 0 <= rate < 1
    key : int, 0 <= key < 2**64

    Returns
    -------
    array, shape and dtype of `x`
    """
    keep = dropout_mask(key, x.size, rate)
    y = np.zeros(x.shape, x.dtype)
    for e, place in enumerate(np.ndindex(*x.shape)):  # row order, whatever the memory's order
        if keep[e]:
            y[place] = x[place] / (1 - rate)
    return y


def dropout_backward(dy: Array, rate: float, key: int) -> Array:
    """Apply the mask and scale of the forward pass to the gradient (R2).

    Parameters
    ----------
    dy : float or complex array of any shape
    rate, key : as in `dropout_forward`
        The mask is computed again from them, not stored.

    Returns
    -------
    array, shape and dtype of `dy`
    """
    keep = dropout_mask(key, dy.size, rate)
    dx = np.zeros(dy.shape, dy.dtype)
    for e, place in enumerate(np.ndindex(*dy.shape)):
        if keep[e]:
            dx[place] = dy[place] / (1 - rate)
    return dx


def _splitmix64(z: int) -> int:
    """Mix 64 bits so that every output bit depends on every input bit."""
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) % MODULUS
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) % MODULUS
    return z ^ (z >> 31)
