"""Section 5. A filter of 3x3 on an image of 5x5, and how the flipped filter comes about."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

import nanocnn as nc

from .ledger import Ledger, say, show

# A bright spot on a noisy ground, all numbers different: pooling will want one winner a window.
IMAGE = np.array(
    [
        [2, 5, 1, 8, 3],
        [7, 11, 24, 13, 6],
        [4, 17, 15, 10, 12],
        [9, 22, 14, 16, 18],
        [0, 19, 20, 23, 21],
    ],
    dtype=np.float64,
)


def correlate(x, w):
    """Lay w on every place of x where it fits; multiply what lies on each other, and add."""
    KH, KW = w.shape
    OH = x.shape[0] - KH + 1  # (C0), with stride 1 and no padding
    OW = x.shape[1] - KW + 1  # (C0)
    y = np.zeros((OH, OW), np.result_type(x, w))
    for i in range(OH):
        for j in range(OW):
            y[i, j] = np.sum(w * x[i : i + KH, j : j + KW])
    return y


def flip(w):
    """Turn by 180 degrees."""
    return w[::-1, ::-1]


def conv(x, w, b):
    return correlate(x, w) + b  # (C1)


# dx: the gradient of the image.


def dx_not_flipped(dy, x, w):
    """The filter is not flipped."""
    return correlate(np.pad(dy, 2), w)


def dx_shifted(dy, x, w):
    """Shifted by one: 1 before and 3 behind instead of 2 and 2."""
    return correlate(np.pad(dy, (1, 3)), flip(w))


def dx_ones(dy, x, w):
    """Ones instead of dy."""
    return correlate(np.pad(np.ones_like(dy), 2), flip(w))


def dx_corrected(dy, x, w):
    """Each pixel collects from all windows that it lies in."""
    return correlate(np.pad(dy, 2), flip(w))  # (C2)


# dw: the gradient of the filter.


def dw_one_place(dy, x, w):
    """One place instead of the sum over all."""
    return dy[0, 0] * x[:3, :3]


def dw_shifted(dy, x, w):
    """Shifted by one column."""
    return correlate(np.roll(x, -1, axis=1), dy)


def dw_flipped(dy, x, w):
    """Flipped, where nothing is to flip."""
    return flip(correlate(x, dy))


def dw_corrected(dy, x, w):
    """Each weight collects from all places."""
    return correlate(x, dy)  # (C3)


# db: the gradient of the bias.


def db_ones(dy, x, w):
    """Ones instead of dy: the number of places."""
    return np.full((1, 1), float(dy.size))


def db_mean(dy, x, w):
    """The mean over the places instead of the sum."""
    return dy.mean(keepdims=True)


def db_corrected(dy, x, w):
    """The bias stands in every output."""
    return dy.sum(keepdims=True)  # (C4)


class Shown(NamedTuple):
    """The arrays that are printed and drawn."""

    x: np.ndarray
    w: np.ndarray
    b: np.ndarray
    y: np.ndarray
    dy: np.ndarray
    dx: np.ndarray
    dw: np.ndarray
    db: np.ndarray


def example(rng: np.random.Generator) -> Shown:
    """Draw a small filter of whole numbers and an upstream gradient, and do both passes."""
    w = rng.permutation([-2, -1, -1, 0, 0, 1, 1, 2, 3]).reshape(3, 3).astype(np.float64)
    b, dy = np.array([[1.0]]), rng.standard_normal((3, 3)).round(1)
    given = (dy, IMAGE, w)
    found = (dx_corrected(*given), dw_corrected(*given), db_corrected(*given))
    return Shown(IMAGE, w, b, conv(IMAGE, w, b), dy, *found)


def walk(ledger: Ledger, rng: np.random.Generator) -> Shown:
    """Print both passes, judge the usual mistakes, compare with the library."""
    ledger.open("Convolution on an image of 5x5")
    say("""
        One channel, stride 1, no padding. Output (i, j) is the window at (i, j), weighed and
        added up:

            y[i,j] = b + sum_{u,v} w[u,v] x[i+u, j+v]           (C1)
            OH = H - KH + 1 = 5 - 3 + 1 = 3                     (C0)
    """)
    s = example(rng)
    show(x=s.x, w=s.w, b=s.b, y=s.y)
    terms = " ".join(f"{s.w[u, v]:+.0f}*{s.x[u, v]:.0f}" for u, v in np.ndindex(3, 3) if s.w[u, v])
    print(f"\n  y[0,0] = {s.b.item():.0f} {terms} = {s.y[0, 0]:.0f}")
    say("""
        Backward. WHERE does the pixel x[r,q] stand in (C1)? In y[i,j] with i + u = r and j + v = q,
        with factor w[u,v]. So i = r - u, j = q - v:

            dx[r,q] = sum_{u,v} w[u,v] dy[r-u, q-v]             (C2)   dy counts as 0 outside

        Where (C1) reads at i + u, (C2) reads at r - u: the minus sign IS the flipped filter. Lay
        the filter, turned by 180 degrees, on dy with two rings of zeros around it. A weight
        w[u,v] stands in every output, with the pixel that it lies on; the bias stands in every
        output with factor 1:

            dw[u,v] = sum_{i,j} dy[i,j] x[i+u, j+v]             (C3)   a correlation of x with dy
            db      = sum_{i,j} dy[i,j]                         (C4)
    """)
    show(1, dy=s.dy, **{"w flipped": flip(s.w)}, dx=s.dx)
    show(1, dw=s.dw, db=s.db)
    print(
        f"\n  the corner x[0,0] is seen by one window: dx[0,0] = w[0,0] dy[0,0] = {s.dx[0, 0]:.1f}"
    )
    _compare_with_the_library(s)
    say("The usual mistakes, one at a time:")
    x, w, b = (rng.standard_normal(shape) for shape in ((5, 5), (3, 3), (1, 1)))

    def check(formula):
        which = formula.__name__.split("_")[0]

        def backward(dy, cache):
            return tuple(formula(dy, *cache) if which == k else None for k in ("dx", "dw", "db"))

        return nc.gradcheck.check_op(
            lambda x, w, b: (conv(x, w, b), (x, w)), backward, x, w, b, names=("x", "w", "b")
        )

    ledger.judge("dx of a convolution", (dx_not_flipped, dx_shifted, dx_ones, dx_corrected), check)
    ledger.judge("dw of a convolution", (dw_one_place, dw_shifted, dw_flipped, dw_corrected), check)
    ledger.judge("db of a convolution", (db_ones, db_mean, db_corrected), check)
    return s


def _compare_with_the_library(s: Shown) -> None:
    """Do the same with nanocnn's loops: images (N, H, W, C), filters (KH, KW, C, F)."""
    with nc.backend("reference"):
        y, cache = nc.ops.conv2d_forward(s.x[None, :, :, None], s.w[:, :, None, None], s.b[0])
        dx, dw, db = nc.ops.conv2d_backward(s.dy[None, :, :, None], cache)
    gap = max(
        np.abs(np.asarray(theirs).reshape(mine.shape) - mine).max()
        for theirs, mine in [(y, s.y), (dx, s.dx), (dw, s.dw), (db, s.db)]
    )
    print(f"  nanocnn.ops.conv2d_forward and conv2d_backward differ from it by {gap:.1e} at most")
