"""Winograd's convolution, index by index: four outputs of a 3-tap filter for six products.

Four neighbouring outputs of a 3-tap filter are y[i] = sum_u g[u] d[i+u], i = 0..3: twelve products
of the taps g[0..2] with the pixels d[0..5]. Six are enough, and in two dimensions 36 instead of
144. This is for 3x3 filters with stride 1; the numbers are those of (C1) to (C3), but rounded in
another way.

One dimension
-------------
Let a[0..3] be any four numbers, and write a and g as polynomials:

    p(t) = sum_i a[i] t^i,    q(t) = sum_u g[u] t^u,    r(t) = p(t) q(t) = sum_k r[k] t^k

The product has degree 5, and its coefficient r[k] is the sum of a[i] g[u] over all i + u = k.
Multiply it by d[k] and add up:

    sum_k d[k] r[k] = sum_{i,u} a[i] g[u] d[i+u] = sum_i a[i] y[i]

So whoever knows r knows y: it is what stands beside a[i]. And r needs no twelve products: a
polynomial of degree 5 is given by its values at five points t[0..4] = 0, 1, -1, 2, -2 and its
highest coefficient ("the value at infinity"), and each of these is *one* product,
r(t[m]) = p(t[m]) q(t[m]) and r[5] = a[3] g[2]. With the polynomials

    N_m(t) = product of (t - t[l]) over l != m,    N_5(t) = product of all (t - t[l])

Lagrange's formula gives r back: the degree of r(t) - r[5] N_5(t) is 4, and at the five points it
has the values r(t[m]), as N_5 is 0 there:

    r(t) = sum_m r(t[m]) N_m(t) / N_m(t[m]) + r[5] N_5(t)

Write [t^k] N for the coefficient of t^k in N, put this r into sum_k d[k] r[k], and read off what
stands beside a[i]. For m = 0..4

    A[m,i] = t[m]^i,    G[m,u] = t[m]^u / N_m(t[m]),    B[m,k] = [t^k] N_m                      (W0)

and for m = 5, infinity: A[5,i] = [i = 3], G[5,u] = [u = 2], B[5,k] = [t^k] N_5. With these tables

    y[i] = sum_m A[m,i] (sum_u G[m,u] g[u]) (sum_k B[m,k] d[k])                                 (W1)

Two dimensions
--------------
Rows first, then columns: each of the three sums is done along both. A tile is four rows and four
columns of the output, from (4 ti, 4 tj); its pixels are the six rows and columns from there on,
read at 4 ti + k - p as in (C1), zero outside the image. Channels are summed between the steps:

    U[m,l,c,f] = sum_{u,v} G[m,u] G[l,v] w[u,v,c,f]
    V[m,l,c]   = sum_{k,h} B[m,k] B[l,h] x[n, 4 ti + k - p, 4 tj + h - p, c]
    y[n, 4 ti + i, 4 tj + j, f] = b[f] + sum_{m,l} A[m,i] A[l,j] sum_c U[m,l,c,f] V[m,l,c]      (W2)

U is made once and serves all tiles, V once and serves all filters. The work is the middle sum: for
each of the 36 (m, l) a product of matrices, tiles by channels times channels by filters.

Backward
--------
*The filter.* By the chain rule, with dy for dL/dy and (W2) linear in U,

    Z[m,l,f] = sum_{i,j} A[m,i] A[l,j] dy[n, 4 ti + i, 4 tj + j, f]
    dU[m,l,c,f] = sum over images and tiles of V[m,l,c] Z[m,l,f]

and w stands in U with the factor G[m,u] G[l,v]:

    dw[u,v,c,f] = sum_{m,l} G[m,u] G[l,v] dU[m,l,c,f]                                           (W3)

again with the sum over tiles as 36 products of matrices, channels by tiles times tiles by filters.

*The image.* By (C2) dx is the convolution of dy with the filters turned by 180 degrees and C and F
exchanged; with stride 1 and padding p that is (W2) once more, with padding 2 - p.

Rounding
--------
B has entries up to 5 and A up to 8, so partial sums are larger than the result and round more: in
float32 errors are a few times those of (C1). That is the price, and the reason why float64 is
always done by (C1).

References
----------
S. Winograd (1980), Arithmetic complexity of computations, SIAM.
A. Lavin and S. Gray (2016), Fast algorithms for convolutional neural networks, CVPR,
arXiv:1509.09308.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

import numpy as np

from .conv import Array, Padding, Shape, _wide

POINTS = (0, 1, -1, 2, -2)
TILE = 4  # outputs of a tile along an axis
TAPS = 3


def winograd_tables() -> tuple[Array, Array, Array]:
    """Return A (6, 4), G (6, 3) and B (6, 6), from the points by exact fractions (W0)."""
    A = [[Fraction(t) ** i for i in range(TILE)] for t in POINTS] + [[0] * (TILE - 1) + [1]]
    G: list[Sequence[Fraction | int]] = []
    B: list[Sequence[Fraction | int]] = []
    for t in POINTS:
        others = _polynomial([s for s in POINTS if s != t])
        at_t = sum(c * Fraction(t) ** k for k, c in enumerate(others))
        G.append([Fraction(t) ** u / at_t for u in range(TAPS)])
        B.append([*others, 0])
    G.append([0] * (TAPS - 1) + [1])
    B.append([*_polynomial(POINTS)])
    return np.array(A, float), np.array(G, float), np.array(B, float)


def _polynomial(roots: Iterable[int]) -> list[Fraction]:
    """Return the coefficients of the product of (t - root), the constant first."""
    coefficients = [Fraction(1)]
    for root in roots:
        shifted = [Fraction(0), *coefficients]  # times t
        for k, c in enumerate(coefficients):
            shifted[k] -= root * c
        coefficients = shifted
    return coefficients


def winograd_line(d: Array, g: Array) -> Array:
    """Return four outputs of a 3-tap filter from six pixels, by six products (W1).

    Parameters
    ----------
    d : (6,) float or complex array
    g : (3,) array, same dtype as `d`

    Returns
    -------
    (4,) array, same dtype as `d`
    """
    A, G, B = winograd_tables()
    pixels, taps = _wide(d), _wide(g)
    y = np.zeros(TILE, pixels.dtype)
    for m in range(6):
        product = sum(G[m, u] * taps[u] for u in range(3)) * sum(
            B[m, k] * pixels[k] for k in range(6)
        )
        for i in range(TILE):
            y[i] += A[m, i] * product
    return y.astype(d.dtype)


def winograd_forward(x: Array, w: Array, b: Array | None, padding: Padding) -> Array:
    """Convolve with 3x3 filters, stride 1, tile by tile (W2).

    Parameters
    ----------
    x : (N, H, W, C) float or complex array
    w : (3, 3, C, F) array, same dtype as `x`
    b : (F,) array or None
    padding : ((top, bottom), (left, right)) of int

    Returns
    -------
    (N, OH, OW, F) array, same dtype as `x`
    """
    A, G, B = winograd_tables()
    N, H, W, C = x.shape
    F = w.shape[3]
    OH, OW = H + sum(padding[0]) - 2, W + sum(padding[1]) - 2
    pixels, weights = _wide(x), _wide(w)
    U = np.zeros((6, 6, C, F), weights.dtype)
    for m, l, u, v in np.ndindex(6, 6, 3, 3):
        U[m, l] += G[m, u] * G[l, v] * weights[u, v]
    y = np.zeros((N, OH, OW, F), pixels.dtype)
    for n, ti, tj in np.ndindex(N, -(-OH // TILE), -(-OW // TILE)):
        V = _input_tile(pixels, n, ti, tj, B, padding)
        for m, l in np.ndindex(6, 6):
            products = np.zeros(F, pixels.dtype)
            for c in range(C):
                products += U[m, l, c] * V[m, l, c]
            for i, j in np.ndindex(TILE, TILE):
                if TILE * ti + i < OH and TILE * tj + j < OW:  # the last tiles reach beyond y
                    y[n, TILE * ti + i, TILE * tj + j] += A[m, i] * A[l, j] * products
    if b is not None:
        y += _wide(b)
    return y.astype(x.dtype)


def winograd_backward_input(dy: Array, w: Array, x_shape: Shape, padding: Padding) -> Array:
    """Convolve dy with turned filters, C and F exchanged: (W2) for (C2).

    Parameters
    ----------
    dy : (N, OH, OW, F) array
    w : (3, 3, C, F) array, same dtype as `dy`
    x_shape : (N, H, W, C)
    padding : ((top, bottom), (left, right)) of int, each at most 2

    Returns
    -------
    (N, H, W, C) array, same dtype as `dy`
    """
    turned = w[::-1, ::-1].transpose(0, 1, 3, 2)
    (top, bottom), (left, right) = padding
    return winograd_forward(dy, turned, None, ((2 - top, 2 - bottom), (2 - left, 2 - right)))


def winograd_backward_weight(dy: Array, x: Array, padding: Padding) -> Array:
    """Sum over tiles in the transformed domain, then go back (W3).

    Parameters
    ----------
    dy : (N, OH, OW, F) array
    x : (N, H, W, C) array, same dtype as `dy`
    padding : ((top, bottom), (left, right)) of int

    Returns
    -------
    (3, 3, C, F) array, same dtype as `dy`
    """
    A, G, B = winograd_tables()
    N, OH, OW, F = dy.shape
    C = x.shape[3]
    upstream, pixels = _wide(dy), _wide(x)
    dU = np.zeros((6, 6, C, F), upstream.dtype)
    for n, ti, tj in np.ndindex(N, -(-OH // TILE), -(-OW // TILE)):
        V = _input_tile(pixels, n, ti, tj, B, padding)
        for m, l in np.ndindex(6, 6):
            spread = np.zeros(F, upstream.dtype)
            for i, j in np.ndindex(TILE, TILE):
                if TILE * ti + i < OH and TILE * tj + j < OW:
                    spread += A[m, i] * A[l, j] * upstream[n, TILE * ti + i, TILE * tj + j]
            for c in range(C):
                dU[m, l, c] += V[m, l, c] * spread
    dw = np.zeros((3, 3, C, F), upstream.dtype)
    for u, v, m, l in np.ndindex(3, 3, 6, 6):
        dw[u, v] += G[m, u] * G[l, v] * dU[m, l]
    return dw.astype(dy.dtype)


def _input_tile(x: Array, n: int, ti: int, tj: int, B: Array, padding: Padding) -> Array:
    """Return V (6, 6, C) of one tile; pixels outside the image are zero."""
    _, H, W, C = x.shape
    V = np.zeros((6, 6, C), x.dtype)
    for k, h in np.ndindex(6, 6):
        r, q = TILE * ti + k - padding[0][0], TILE * tj + h - padding[1][0]
        if 0 <= r < H and 0 <= q < W:
            for m, l in np.ndindex(6, 6):
                V[m, l] += B[m, k] * B[l, h] * x[n, r, q]
    return V
