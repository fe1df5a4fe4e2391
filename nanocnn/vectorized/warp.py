"""Warping images and masks with one fancy index for each of a place's four neighbours.

The equations and their derivation stand in `nanocnn/reference/warp.py`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def warp_images(
    x: Array, masks: Array | None, matrices: Array, grids: Array | None
) -> tuple[Array, Array | None]:
    """Look images, and masks at the same places, up at other places (G1), (G3), (G4).

    Parameters
    ----------
    x : (N, H, W, C) float or complex array
    masks : (N, H, W) array of whole numbers, or None
    matrices : (N, 2, 3) float64 array
    grids : (N, P+3, Q+3, 2) float64 array, or None
        Control points of (G2), in pixels along rows and columns.

    Returns
    -------
    y : array, shape and dtype of `x`
    warped : array, shape and dtype of `masks`, or None
    """
    N, H, W, _ = x.shape
    q = np.stack(np.meshgrid(np.arange(H), np.arange(W), indexing="ij"))[None]
    if grids is not None:
        q = q + displacement(grids, H, W)
    row, column = q[:, :1], q[:, 1:]
    M = matrices[:, :, :, None, None]
    places = M[:, :, 0] * row + M[:, :, 2] + M[:, :, 1] * column  # (N, 2, H, W)
    k, f, below = _neighbours(places[:, 0], H)
    l, e, right = _neighbours(places[:, 1], W)
    n = np.arange(N)[:, None, None]
    f_c, e_c = (v[..., None].astype(x.real.dtype) for v in (f, e))
    upper = x[n, k, l] + e_c * (x[n, k, right] - x[n, k, l])
    lower = x[n, below, l] + e_c * (x[n, below, right] - x[n, below, l])
    y: Array = upper + f_c * (lower - upper)
    if masks is None:
        return y, None
    warped: Array = masks[n, np.where(f >= 0.5, below, k), np.where(e >= 0.5, right, l)]
    return y, warped


def displacement(grids: Array, H: int, W: int) -> Array:
    """Return the displacement of each pixel (G2), (N, 2, H, W)."""
    rows = spline_table(H, grids.shape[1] - 3)
    columns = spline_table(W, grids.shape[2] - 3)
    # Term by term, in the order of the loops: `einsum` may add up in another one.
    along: Array = np.zeros((len(grids), H, *grids.shape[2:]))
    for u in range(4):
        along += rows[1][:, u, None, None] * grids[:, rows[0] + u]
    d: Array = np.zeros((len(grids), H, W, 2))
    for v in range(4):
        d += columns[1][:, v, None] * along[:, :, columns[0] + v]
    by_axis: Array = d.transpose(0, 3, 1, 2)
    return by_axis


def spline_table(size: int, cells: int) -> tuple[Array, Array]:
    """Return each pixel's cell, (size,), and the four B-splines there, (size, 4)."""
    a = cells * (np.arange(size) + 0.5) / size
    k = np.floor(a).astype(np.intp)
    f = a - k
    return k, np.stack(
        [
            (1 - f) * (1 - f) * (1 - f) / 6,
            (3 * f * f * f - 6 * f * f + 4) / 6,
            (-3 * f * f * f + 3 * f * f + 3 * f + 1) / 6,
            f * f * f / 6,
        ],
        axis=1,
    )


def _neighbours(s: Array, size: int) -> tuple[Array, Array, Array]:
    """Return the pixels before places, the ways from there to the places, and the pixels behind."""
    s = np.clip(s, 0, size - 1)
    k = np.floor(s).astype(np.intp)
    return k, s - k, np.minimum(k + 1, size - 1)
