"""Section 6. Max and average pooling on windows that overlap."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

import nanocnn as nc

from .convolution import IMAGE
from .ledger import Ledger, say, show

SIZE, STRIDE = 3, 2  # windows of 3x3, two pixels apart: they share a row or a column


def windows(x):
    """Walk the windows: output place (i, j), and the slices that cut its window out of x."""
    for i in range((x.shape[0] - SIZE) // STRIDE + 1):  # (C0)
        for j in range((x.shape[1] - SIZE) // STRIDE + 1):  # (C0)
            top, left = i * STRIDE, j * STRIDE
            yield (i, j), (slice(top, top + SIZE), slice(left, left + SIZE))


def chosen(x, pick):
    """Return rows and columns of what pick, argmax or argmin, finds in each window."""
    r, q = np.zeros((2, 2), int), np.zeros((2, 2), int)
    for (i, j), cut in windows(x):
        u, v = divmod(int(pick(x[cut].real)), SIZE)
        r[i, j], q[i, j] = i * STRIDE + u, j * STRIDE + v
    return r, q


def max_pool(x):
    return x[chosen(x, np.argmax)]  # (P1)


def average_pool(x):
    y = np.zeros((2, 2), x.dtype)
    for place, cut in windows(x):
        y[place] = np.sum(x[cut]) / SIZE**2  # (P3)
    return y


def added(x, places, dy):
    """Start from zeros and ADD each dy at its place."""
    dx = np.zeros_like(x)
    np.add.at(dx, places, dy)  # dx[places] += dy would add only once where two places coincide
    return dx


def assigned(x, places, dy):
    """Start from zeros and WRITE each dy to its place: the last one stays."""
    dx = np.zeros_like(x)
    dx[places] = dy
    return dx


def spread(x, dy):
    """Start from zeros and add each dy to all pixels of its window."""
    dx = np.zeros_like(x)
    for place, cut in windows(x):
        dx[cut] += dy[place]
    return dx


def spread_assigned(x, dy):
    """Start from zeros and write each dy to all pixels of its window: the last one stays."""
    dx = np.zeros_like(x)
    for place, cut in windows(x):
        dx[cut] = dy[place]
    return dx


# Max pooling.


def max_overwritten(dy, x):
    """Windows that overlap overwrite each other."""
    return assigned(x, chosen(x, np.argmax), dy)


def max_everyone(dy, x):
    """Every pixel of the window gets it."""
    return spread(x, dy)


def max_loser(dy, x):
    """The smallest gets it."""
    return added(x, chosen(x, np.argmin), dy)


def max_corrected(dy, x):
    """The winner gets it, from every window that it won."""
    return added(x, chosen(x, np.argmax), dy)  # (P2)


# Average pooling.


def average_not_divided(dy, x):
    """Not divided by the number of pixels."""
    return spread(x, dy)


def average_overwritten(dy, x):
    """Windows that overlap overwrite each other."""
    return spread_assigned(x, dy / SIZE**2)


def average_corrected(dy, x):
    """Every pixel gets its share, from every window that covers it."""
    return spread(x, dy / SIZE**2)  # (P4)


class Shown(NamedTuple):
    """The arrays that are printed and drawn."""

    x: np.ndarray
    y: np.ndarray
    dy: np.ndarray
    dx: np.ndarray
    overwritten: np.ndarray
    winners: tuple[np.ndarray, np.ndarray]
    average_dx: np.ndarray


def walk(ledger: Ledger, rng: np.random.Generator) -> Shown:
    """Print both passes of both poolings, judge the usual mistakes, compare with the library."""
    ledger.open("Max and average pooling, with overlap")
    say("""
        Windows of 3x3 on the same image, two pixels apart, so that neighbours share a row or a
        column:

            y[i,j] = max_{u,v} x[2i+u, 2j+v]                                          (P1)
            dx[r,q] = sum of dy[i,j] over all windows (i, j) whose winner is (r, q)   (P2)

        Near x the maximum IS the winner, so its slope is 1 for the winner and 0 for all others.
    """)
    x, dy = IMAGE, rng.permutation([0.4, 0.9, -0.6, 1.3]).reshape(2, 2)
    s = Shown(
        x,
        max_pool(x),
        dy,
        max_corrected(dy, x),
        max_overwritten(dy, x),
        chosen(x, np.argmax),
        average_corrected(dy, x),
    )
    show(1, x=s.x, y=s.y, dy=s.dy, dx=s.dx)
    print(f"""
  The pixel 24 wins both upper windows: dx[1,2] = dy[0,0] + dy[0,1] = {s.dx[1, 2]:.1f}.
  A backward pass that assigns instead of adding keeps the last one, {s.overwritten[1, 2]:.1f}.
  No gradient is lost: sum(dx) = {s.dx.sum():.1f}, sum(dy) = {s.dy.sum():.1f}""")
    say("""
        The average of m = 9 pixels is linear, and every pixel has slope 1/9:

            y[i,j] = 1/m sum of the pixels of window (i, j)                           (P3)
            dx[r,q] = sum of dy[i,j] / m over all windows (i, j) that cover (r, q)    (P4)
    """)
    show(2, y=average_pool(x), dy=s.dy, dx=s.average_dx)
    _compare_with_the_library(s)
    say("""
        The usual mistakes. Max pooling has kinks, where two pixels of a window tie and there is no
        derivative: the checker looks out for them, and this image has no ties.
    """)

    def check_max(formula):
        return nc.gradcheck.check_op(lambda x: (max_pool(x), x), formula, x)

    def check_average(formula):
        return nc.gradcheck.check_op(lambda x: (average_pool(x), x), formula, x)

    wrong = (max_overwritten, max_everyone, max_loser)
    ledger.judge("dx of max pooling", (*wrong, max_corrected), check_max)
    wrong = (average_not_divided, average_overwritten)
    ledger.judge("dx of average pooling", (*wrong, average_corrected), check_average)
    return s


def _compare_with_the_library(s: Shown) -> None:
    """Do the same with nanocnn's loops, on (N, H, W, C)."""
    x, dy = s.x[None, :, :, None], s.dy[None, :, :, None]
    with nc.backend("reference"):
        _, cache = nc.ops.max_pool2d_forward(x, SIZE, stride=STRIDE)
        dx = nc.ops.max_pool2d_backward(dy, cache)
        _, cache = nc.ops.average_pool2d_forward(x, SIZE, stride=STRIDE)
        average_dx = nc.ops.average_pool2d_backward(dy, cache)
    found = [(dx, s.dx), (average_dx, s.average_dx)]
    gap = max(np.abs(theirs[0, :, :, 0] - mine).max() for theirs, mine in found)
    print(f"\n  nanocnn.ops' pooling differs from it by {gap:.1e} at most")
