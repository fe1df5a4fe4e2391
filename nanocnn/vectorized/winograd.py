"""Winograd's convolution on whole arrays: tiles are cut out as a view, the rest is einsum."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Array = NDArray[Any]
Padding = tuple[tuple[int, int], tuple[int, int]]
Shape = tuple[int, ...]

TILE = 4
_A = np.array(
    [[1, 0, 0, 0], [1, 1, 1, 1], [1, -1, 1, -1], [1, 2, 4, 8], [1, -2, 4, -8], [0, 0, 0, 1]]
)
_G = np.array(
    [[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]
) / 24  # fmt: skip
_B = np.array(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ]
)


def winograd_tables() -> tuple[Array, Array, Array]:
    """Return A (6, 4), G (6, 3) and B (6, 6), as Lavin and Gray print them (W0)."""
    return _A.astype(np.float64), _G.copy(), _B.astype(np.float64)


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
    A, G, B = (table.astype(d.real.dtype) for table in winograd_tables())
    y: Array = A.T @ ((G @ g) * (B @ d))
    return y


def winograd_forward(x: Array, w: Array, b: Array | None, padding: Padding) -> Array:
    """Convolve with 3x3 filters, stride 1 (W2).

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
    A, G, B = (table.astype(x.real.dtype) for table in winograd_tables())
    oh, ow = x.shape[1] + sum(padding[0]) - 2, x.shape[2] + sum(padding[1]) - 2
    U = np.einsum("mu,lv,uvcf->mlcf", G, G, w)
    V = np.einsum("mk,lh,nijckh->mlnijc", B, B, _tiles(x, padding, oh, ow))
    M = np.matmul(V.reshape(6, 6, -1, V.shape[-1]), U)  # (6, 6, tiles, F)
    tiles = np.einsum("mi,lj,mltf->tijf", A, A, M)
    N, rows, cols = V.shape[2:5]
    y = tiles.reshape(N, rows, cols, TILE, TILE, -1).transpose(0, 1, 3, 2, 4, 5)
    y = y.reshape(N, rows * TILE, cols * TILE, -1)[:, :oh, :ow]
    return np.ascontiguousarray(y if b is None else y + b)


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
    A, G, B = (table.astype(x.real.dtype) for table in winograd_tables())
    N, oh, ow, F = dy.shape
    V = np.einsum("mk,lh,nijckh->mlnijc", B, B, _tiles(x, padding, oh, ow))
    rows, cols = V.shape[3:5]
    whole = np.pad(dy, ((0, 0), (0, rows * TILE - oh), (0, cols * TILE - ow), (0, 0)))
    tiles = whole.reshape(N, rows, TILE, cols, TILE, F)
    Z = np.einsum("mi,lj,nrisjf->mlnrsf", A, A, tiles)
    C = V.shape[-1]
    dU = np.matmul(V.reshape(6, 6, -1, C).swapaxes(2, 3), Z.reshape(6, 6, -1, F))
    dw: Array = np.einsum("mu,lv,mlcf->uvcf", G, G, dU)
    return dw


def _tiles(x: Array, padding: Padding, oh: int, ow: int) -> Array:
    """Return a view (N, rows, cols, C, 6, 6) of x, with zeros around it."""
    (top, _), (left, _) = padding
    rows, cols = -(-oh // TILE), -(-ow // TILE)
    below, right = rows * TILE + 2 - x.shape[1] - top, cols * TILE + 2 - x.shape[2] - left
    padded = np.pad(x, ((0, 0), (top, max(0, below)), (left, max(0, right)), (0, 0)))
    return sliding_window_view(padded, (6, 6), (1, 2))[:, ::TILE, ::TILE][:, :rows, :cols]
