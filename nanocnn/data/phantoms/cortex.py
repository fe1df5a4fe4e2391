"""The folds of the brain's surface, as curves that sulci follow inwards.

Grey matter is a ribbon of one thickness along whatever fluid touches the brain. So it is enough to
draw where the fluid is: the outline, the cleft between the hemispheres, the Sylvian fissures and
some fifty sulci, each a curve with branches. The ribbon is then all tissue nearer to them than its
thickness, and what remains between two sulci is the blade of white matter in a gyrus.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from nanocnn.data.phantoms.shapes import Points

Vector = NDArray[np.float64]
PER_HEMISPHERE = 20
ON_MIDLINE = 11
BRANCHES = 2
STEP_MM = 0.9


class Outline(Protocol):
    """The brain's outline at one height, with half axes a (across) and b (front to back)."""

    a: float
    b: float

    def place(self, angle: Vector) -> tuple[Vector, Vector, Vector, Vector]:
        """Return x and y of points of the outline, and of unit vectors inwards."""


class Folds(NamedTuple):
    """One patient's sulci, (S,) arrays: where each starts, how it runs, how it changes with z.

    The last three are the branches, (BRANCHES, S) arrays: where on the way inwards each leaves, by
    which angle, and how long it gets. A sulcus whose angle is NaN starts at the midline instead.
    """

    angle: Vector
    along: Vector
    depth: Vector
    slant: Vector
    curl: Vector
    wave: Vector
    phase: Vector
    drift: Vector
    branch_at: Vector
    branch_turn: Vector
    branch_length: Vector
    sylvian: Vector


def random_folds(rng: np.random.Generator) -> Folds:
    """Draw deep and shallow sulci by turns, unevenly spaced, on both hemispheres and between."""
    u, outer, inner = rng.uniform, 2 * PER_HEMISPHERE, 2 * ON_MIDLINE
    count = outer + inner

    def spread(n: int) -> Vector:
        return (np.arange(n) + 0.5 + u(-0.25, 0.25, (2, n))) / n

    angle = 0.16 + (np.pi - 0.32) * spread(PER_HEMISPHERE)
    along = -0.88 + 1.76 * spread(ON_MIDLINE)
    deep = np.arange(outer) % 2 == 0
    depth = np.where(deep, u(18.0, 29.0, outer), u(9.0, 17.0, outer))
    left, right = np.full(ON_MIDLINE, -1.0), np.ones(ON_MIDLINE)
    return Folds(
        angle=np.concatenate([angle[0], -angle[1], np.full(inner, np.nan)]),
        along=np.concatenate([np.zeros(outer), *along]),
        depth=np.concatenate([depth, u(5.0, 13.0, inner) * np.concatenate([left, right])]),
        slant=u(-0.4, 0.4, count),
        curl=u(-0.014, 0.014, count),
        wave=u(0.8, 2.4, count),
        phase=u(0.0, 2 * np.pi, count),
        drift=u(-0.004, 0.004, count),
        branch_at=np.stack([u(0.35, 0.6, count), u(0.75, 1.0, count)]),
        branch_turn=u(0.7, 1.5, (BRANCHES, count)) * rng.choice([-1.0, 1.0], (BRANCHES, count)),
        branch_length=u(4.0, 9.0, (BRANCHES, count)) * (rng.random((BRANCHES, count)) < 0.75),
        sylvian=u(-1.0, 1.0, 2),
    )


def fold_points(folds: Folds, outline: Outline, z: float, atrophy: float) -> Points:
    """Return points (x, y, half width of the fluid), in mm, along all sulci and fissures."""
    width = 0.35 + 0.65 * atrophy
    callosum = 47.0 * float(np.sqrt(max(0.0, 1.0 - (max(z, 0.0) / 31.0) ** 2)))
    return np.concatenate(
        [
            *_sulci(folds, outline, z, width, callosum),
            _cleft(folds, outline, width, callosum),
            *_sylvian(folds, outline, z, width),
        ]
    )


def _starts(folds: Folds, outline: Outline, z: float) -> tuple[Vector, Vector, Vector]:
    """Return x and y where each sulcus starts, and the angle at which it goes inwards."""
    inner = np.isnan(folds.angle)
    x, y, nx, ny = outline.place(np.where(inner, 0.0, folds.angle + folds.drift * z))
    x, y = np.where(inner, 0.0, x), np.where(inner, folds.along * outline.b, y)
    return x, y, np.where(inner, np.where(folds.depth < 0, np.pi, 0.0), np.arctan2(ny, nx))


def _sulci(folds: Folds, outline: Outline, z: float, width: float, callosum: float) -> list[Points]:
    x0, y0, inwards = _starts(folds, outline, z)
    # Some grow and others fade as the slice moves up. None cuts into the corpus callosum.
    depth = np.abs(folds.depth) * (0.8 + 0.25 * np.sin(z / 9.0 + folds.phase)) * outline.a / 67.0
    depth[np.isnan(folds.angle) & (np.abs(y0 - 3.0) < callosum + 4.0)] = 0.0
    t = np.arange(0.0, 34.0, STEP_MM)[None, :]
    phase = folds.phase[:, None] + z / 12.0
    aside = folds.slant[:, None] * t + folds.curl[:, None] * t * t
    aside += folds.wave[:, None] * (np.sin(t / 4.5 + phase) - np.sin(phase))
    c, s = np.cos(inwards)[:, None], np.sin(inwards)[:, None]
    x, y = x0[:, None] + c * t - s * aside, y0[:, None] + s * t + c * aside
    on = t < depth[:, None]
    # A sulcus closes towards its floor.
    half = width * (1.15 - 0.5 * np.clip(t / np.maximum(depth, 1.0)[:, None], 0.0, 1.0))
    found = [np.column_stack([x[on], y[on], half[on]])]
    row, far = np.arange(len(depth)), np.arange(0.0, 10.0, STEP_MM)[None, :]
    for at, turn, length in zip(
        folds.branch_at, folds.branch_turn, folds.branch_length, strict=True
    ):
        k = (at * depth / STEP_MM).astype(np.int64)
        heading = (inwards + np.arctan(folds.slant) + turn)[:, None] - 0.06 * turn[:, None] * far
        on = far < (np.minimum(length, 0.6 * depth))[:, None]
        bx, by = (
            x[row, k][:, None] + np.cos(heading) * far,
            y[row, k][:, None] + np.sin(heading) * far,
        )
        found.append(np.column_stack([bx[on], by[on], np.full(int(on.sum()), 0.75 * width)]))
    return found


def _cleft(folds: Folds, outline: Outline, width: float, callosum: float) -> Points:
    """The cleft between the hemispheres, in front of and behind the corpus callosum."""
    y = np.arange(-outline.b, outline.b, STEP_MM)
    x = 0.9 * np.sin(y / 14.0 + folds.phase[0]) * (np.abs(y) / outline.b)
    points = np.column_stack([x, y, np.full_like(y, 0.8 * width + 0.2)])
    return points[np.abs(y - 3.0) > callosum]


def _sylvian(folds: Folds, outline: Outline, z: float, width: float) -> list[Points]:
    """The fissure that runs inwards from each temple and forks along the insula."""
    fade = 1.0 - max(z, 0.0) / 20.0
    if fade <= 0.1:
        return []
    found = []
    for side, jitter in zip((1.0, -1.0), folds.sylvian, strict=True):
        x0, y0, nx, ny = (v[0] for v in outline.place(np.array([side * (1.38 + 0.1 * jitter)])))
        depth = (outline.a - 40.0) * np.sqrt(fade)
        t = np.arange(-2.0, depth, STEP_MM)
        wide = np.full_like(t, 1.3 * width + 0.3)
        found.append(
            np.column_stack([x0 + nx * t, y0 + ny * t + 2.0 * np.sin(t / 6.0 + jitter), wide])
        )
        s = np.arange(-15.0, 17.0, STEP_MM) * np.sqrt(fade)
        x = x0 + nx * depth - side * 0.008 * s**2
        wide = np.full_like(s, 0.9 * width + 0.3)
        found.append(np.column_stack([x, y0 + ny * depth + 4.0 + s, wide]))
    return found
