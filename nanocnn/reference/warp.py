"""Warping images and their masks, pixel by pixel: an affine map, a smooth displacement, one lookup.

Indices: image n, pixel (i, j) of the result, place (s, r) in the given image, channel c.

Coordinates
-----------
Pixel (i, j) is a point: its centre. i counts rows downwards from 0 to H - 1, j columns to the
right from 0 to W - 1, so the middle of the image is m = ((H-1)/2, (W-1)/2). No pixel has a
"corner at (0, 0)" here; with that other convention everything would be off by half a pixel.

Pull, do not push
-----------------
Let what the image shows be turned, stretched or sheared about the middle by a 2x2 matrix F and
then moved by t. What was at p is now at

    q = m + F (p - m) + t

To fill the result by sending each p to its q would leave holes wherever F stretches, and two pixels
in one place where it shrinks. So ask, for each pixel q of the *result*, which place p it shows:

    F (p - m) = q - m - t,   hence   p = m + F^-1 (q - m - t) = A q + b

    A = F^-1,   b = m - F^-1 (m + t)

A and b stand side by side in one 2x3 matrix M, one for each image. However many turns, zooms and
shears go into F, the image is looked up once: each further interpolation would blur it further.
For elastic deformation q is displaced before that, by a d that is different for each pixel:

    i* = i + d[n,i,j,0],   j* = j + d[n,i,j,1]
    s[n,i,j] = M[n,0,0] i* + M[n,0,2] + M[n,0,1] j*
    r[n,i,j] = M[n,1,0] i* + M[n,1,2] + M[n,1,1] j*                                             (G1)

For a flip from left to right, M = (1 0 0; 0 -1 W-1): all whole numbers, so no pixel is changed but
in its place. The sums are taken in this order on every rung: then a mask is the same on all three.

Smooth displacement
-------------------
Independent random numbers for neighbouring pixels would tear tissue apart. They are drawn on a
coarse grid instead, g of (P+3) x (Q+3) control points for P x Q cells, and cubic B-splines lie
between them (Rueckert et al. 1999). The centre of row i is a = P (i + 1/2) / H cells from the top:
in cell k = floor(a), at the fraction f = a - k. Likewise column j: Q, W, cell l, fraction e.

    d[n,i,j,:] = sum_{v=0..3} B_v(e) sum_{u=0..3} B_u(f) g[n, k+u, l+v, :]                      (G2)

    B_0(f) = (1-f)^3 / 6,   B_1(f) = (3f^3 - 6f^2 + 4) / 6,
    B_2(f) = (-3f^3 + 3f^2 + 3f + 1) / 6,   B_3(f) = f^3 / 6

The four are not negative and their sum is 1: d is a mean of control points, and never larger than
the largest of them. It is twice continuously differentiable. The slopes of cubic B-splines are
differences of quadratic ones, whose sum is 1 again: along the rows the slope of d is a mean of
differences of neighbouring control points, times P/H cells a pixel. So if all control points lie
within E of 0, as a share of the image's side, no slope in such shares exceeds 2 E P. The map
q + d(q) cannot fold, show one place twice, while the 2x2 matrix of its slopes has a norm below 1;
with P = Q that norm is at most 2 * 2 E P. For P = 4 this means E < 1/16.

Lookup
------
Places between pixels are interpolated linearly, first along the row, then along the column.
Let k = floor(s), f = s - k, l = floor(r), e = r - l, and k' and l' be the next row and column:

    upper = x[n,k,l,c] + e (x[n,k,l',c] - x[n,k,l,c])
    lower = x[n,k',l,c] + e (x[n,k',l',c] - x[n,k',l,c])
    y[n,i,j,c] = upper + f (lower - upper)                                                      (G3)

These are means with the weights 1-e and e, 1-f and f: y stays between the darkest and the brightest
of the four. So written, a plain area keeps its value to the last bit. On a pixel's centre
f = e = 0, and y is x, exactly. Class numbers in a mask z have no mean: 1, oedema, is not halfway
from background, 0, to tumour, 2. There the nearest pixel is taken:

    y[n,i,j] = z[n, k + [f >= 1/2], l + [e >= 1/2]]                                             (G4)

The border
----------
s is first limited to 0 .. H-1 and r to 0 .. W-1: beyond its edge the image goes on as its last row
or column. The other usual rules say something that is not so. *Zeros* make a black wedge with a
sharp edge, which no scanner makes and which gives the angle away. *Reflection* shows anatomy twice:
a lesion near the border would be counted as two, and a grade that goes by the count would be wrong.
Most scans end in their background, which goes on as it is.

References
----------
D. Rueckert, L. Sonoda, C. Hayes, D. Hill, M. Leach and D. Hawkes (1999), Nonrigid registration
using free-form deformations, IEEE Transactions on Medical Imaging 18(8).
P. Simard, D. Steinkraus and J. Platt (2003), Best practices for convolutional neural networks
applied to visual document analysis, ICDAR.
"""

from __future__ import annotations

import math
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
        M of (G1): where in the image each pixel of the result comes from.
    grids : (N, P+3, Q+3, 2) float64 array, or None
        Control points of (G2), in pixels along rows and columns.

    Returns
    -------
    y : array, shape and dtype of `x`
    warped : array, shape and dtype of `masks`, or None
    """
    N, H, W, C = x.shape
    y = np.zeros(x.shape, x.dtype)
    warped = None if masks is None else np.zeros(masks.shape, masks.dtype)
    for n in range(N):
        M = matrices[n]
        for i in range(H):
            for j in range(W):
                d = (0.0, 0.0) if grids is None else displacement(grids[n], i, j, H, W)
                row, column = i + d[0], j + d[1]
                s = M[0, 0] * row + M[0, 2] + M[0, 1] * column  # (G1)
                r = M[1, 0] * row + M[1, 2] + M[1, 1] * column
                k, f, below = _neighbours(s, H)
                l, e, right = _neighbours(r, W)
                for c in range(C):
                    upper = x[n, k, l, c] + e * (x[n, k, right, c] - x[n, k, l, c])
                    lower = x[n, below, l, c] + e * (x[n, below, right, c] - x[n, below, l, c])
                    y[n, i, j, c] = upper + f * (lower - upper)  # (G3)
                if masks is not None and warped is not None:
                    nearest = below if f >= 0.5 else k, right if e >= 0.5 else l
                    warped[n, i, j] = masks[n, nearest[0], nearest[1]]  # (G4)
    return y, warped


def displacement(grid: Array, i: int, j: int, H: int, W: int) -> tuple[float, float]:
    """Return the displacement of pixel (i, j) of an H x W image by its control points (G2)."""
    k, rows = _splines(i, H, grid.shape[0] - 3)
    l, columns = _splines(j, W, grid.shape[1] - 3)
    d = [0.0, 0.0]
    for v in range(4):
        for axis in range(2):
            along = 0.0
            for u in range(4):
                along += rows[u] * grid[k + u, l + v, axis]
            d[axis] += columns[v] * along
    return d[0], d[1]


def _splines(i: int, size: int, cells: int) -> tuple[int, tuple[float, float, float, float]]:
    """Return the cell that pixel i lies in, and the four B-splines there."""
    a = cells * (i + 0.5) / size
    k = math.floor(a)
    f = a - k
    return k, (
        (1 - f) * (1 - f) * (1 - f) / 6,
        (3 * f * f * f - 6 * f * f + 4) / 6,
        (-3 * f * f * f + 3 * f * f + 3 * f + 1) / 6,
        f * f * f / 6,
    )


def _neighbours(s: float, size: int) -> tuple[int, float, int]:
    """Return the pixel before a place, the way from there to the place, and the pixel behind."""
    s = min(max(s, 0.0), size - 1.0)  # the border
    k = math.floor(s)
    return k, s - k, min(k + 1, size - 1)
