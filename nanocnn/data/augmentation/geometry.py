r"""From angles, factors and shifts to the matrices of (G1).

What an image shows is flipped, zoomed, sheared, turned about its middle, and then shifted:

.. math:: F = R\,S\,Z\,D, \quad
    R = \begin{pmatrix} \cos\theta & -\sin\theta \\ \sin\theta & \cos\theta \end{pmatrix}, \quad
    S = \begin{pmatrix} 1 & 0 \\ \tan\kappa & 1 \end{pmatrix}, \quad
    Z = z \begin{pmatrix} 1 & 0 \\ 0 & 1 \end{pmatrix}, \quad
    D = \begin{pmatrix} \pm 1 & 0 \\ 0 & \pm 1 \end{pmatrix}

for vectors of (row, column). Rows count downwards: so for positive angles :math:`R` turns
anticlockwise, as one sees it, and :math:`S` moves the lower half to the right. The inverse is

.. math:: A = F^{-1} = D\,Z^{-1} S^{-1} R^{-1} = \frac1z D
    \begin{pmatrix} \cos\theta & \sin\theta \\
    -\tan\kappa \cos\theta - \sin\theta & \cos\theta - \tan\kappa \sin\theta \end{pmatrix}

and its third column is :math:`m - A (m + t)`, with the middle :math:`m` and the shift :math:`t`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

Row = tuple[float, float, float]


class Move(NamedTuple):
    """What is done to one image.

    Attributes
    ----------
    angle, shear : float        radians
    zoom : float                a factor, above 1 to enlarge
    up, across : float          -1 to exchange top and bottom, left and right; else 1
    down, right : float         the shift, in pixels
    """

    angle: float
    shear: float
    zoom: float
    up: float
    across: float
    down: float
    right: float


def pull_matrix(move: Move, height: int, width: int) -> tuple[Row, Row]:
    """Return M of (G1): where in the image each pixel of the result comes from.

    It is made by `math`, one image at a time: NumPy's sine may differ in its last bit for the last
    numbers of an array, and an image would depend on the others of its batch.
    """
    cos, sin, tan = math.cos(move.angle), math.sin(move.angle), math.tan(move.shear)
    rows, columns = move.up / move.zoom, move.across / move.zoom
    a, b = rows * cos, rows * sin
    c, d = columns * (-tan * cos - sin), columns * (cos - tan * sin)
    i, j = (height - 1) / 2, (width - 1) / 2
    p, q = i + move.down, j + move.right
    return (a, b, i - (a * p + b * q)), (c, d, j - (c * p + d * q))
