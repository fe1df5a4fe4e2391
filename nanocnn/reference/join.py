"""Two branches that meet: their sum, and their channels side by side.

A network may split, so that two branches work on the same x, and what they made is joined again.
Write dy for ∂L/∂y, which arrives from above.

Sum
---
    y[n,i,j,c] = a[n,i,j,c] + b[n,i,j,c]                                                        (J1)

y[e] contains a[e] once, with derivative 1, and no other element of a; the same holds for b. So the
chain rule leaves one term, and both get the gradient as it is, neither of them a half of it:

    da[n,i,j,c] = dy[n,i,j,c]
    db[n,i,j,c] = dy[n,i,j,c]                                                                   (J2)

Read backwards, this is also the rule for the split before the branches. There x is copied, a = x
and b = x, and L depends on x through both:

    dx[e] = da[e] ∂a[e]/∂x[e] + db[e] ∂b[e]/∂x[e] = da[e] + db[e]

A sum forward is a copy backward, and a copy forward is a sum backward, (J1) once more. That is why
a shortcut helps (He et al. 2016): in y = f(x) + x the gradient reaches x undiminished whatever f
does to its own share.

Channels side by side
---------------------
With C_a channels in a and C_b in b, y has C_a + C_b:

    y[n,i,j,c] = a[n,i,j,c] if c < C_a, else b[n,i,j,c - C_a]                                   (J3)

Nothing is added, each number moves to one place, so each gradient goes back from there. For the
branch whose channels start at s (0 for a, C_a for b):

    dx[n,i,j,c] = dy[n,i,j, s + c]                                                              (J4)

References
----------
K. He, X. Zhang, S. Ren and J. Sun (2016), Deep residual learning for image recognition, CVPR.
G. Huang, Z. Liu, L. van der Maaten and K. Weinberger (2017), Densely connected convolutional
networks, CVPR.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def add_forward(a: Array, b: Array) -> Array:
    """Add two arrays of one shape, element by element (J1); (J2) has nothing to compute.

    Parameters
    ----------
    a, b : arrays of one shape

    Returns
    -------
    array, shape and dtype of `a`
    """
    y = np.zeros(a.shape, a.dtype)
    for e in np.ndindex(*a.shape):
        y[e] = a[e] + b[e]
    return y


def concatenate_forward(a: Array, b: Array) -> Array:
    """Put the channels of b behind those of a (J3).

    Parameters
    ----------
    a : (..., C_a) array
    b : (..., C_b) array of the same shape but for the channels

    Returns
    -------
    (..., C_a + C_b) array, dtype of `a`
    """
    *places, C_a = a.shape
    y = np.zeros((*places, C_a + b.shape[-1]), a.dtype)
    for p in np.ndindex(*places):
        for c in range(C_a):
            y[p][c] = a[p][c]
        for c in range(b.shape[-1]):
            y[p][C_a + c] = b[p][c]
    return y


def concatenate_backward(dy: Array, start: int, stop: int) -> Array:
    """Return the gradient of the branch whose channels are `start` to before `stop` (J4).

    Parameters
    ----------
    dy : (..., C) array
    start, stop : int

    Returns
    -------
    (..., stop - start) array, dtype of `dy`
    """
    *places, _ = dy.shape
    dx = np.zeros((*places, stop - start), dy.dtype)
    for p in np.ndindex(*places):
        for c in range(stop - start):
            dx[p][c] = dy[p][start + c]
    return dx
