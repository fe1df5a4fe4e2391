"""The arteries and veins of a right eye: four arcades from the disc, and what branches off them.

x runs to the right of the photograph (in a right eye towards the nose), y downwards; both are in mm
on the retina from the middle of the field. Vessels are drawn twice as wide as in life, for them to
be a pixel wide or more in small images.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nanocnn.data.phantoms.shapes import Image, Points

STEP_MM = 0.08
THINNEST_MM = 0.02
FOVEA_MM = 0.75
# Radius at the disc.
ARTERY_MM, VEIN_MM = 0.072, 0.096


class Paths(NamedTuple):
    """Vessels as rows of points, (V, T) arrays but for `vein`; one ends where `alive` does."""

    x: Image
    y: Image
    heading: Image
    radius: Image
    alive: NDArray[np.bool_]
    vein: NDArray[np.bool_]


class Eye(NamedTuple):
    """Where things lie in one right eye: the centres of disc and fovea, in mm."""

    disc: tuple[float, float]
    fovea: tuple[float, float]
    tortuosity: float


def random_trees(eye: Eye, field_mm: float, rng: np.random.Generator) -> tuple[Points, Points]:
    """Return points (x, y, radius) along all arteries, and along all veins, of one eye."""
    parents = _cut(_arcades(eye, rng), eye, field_mm)
    found = [parents]
    for per_vessel, length in ((6, 5.0), (4, 2.8), (2, 1.6)):
        parents = _cut(_children(parents, per_vessel, length, eye, rng), eye, field_mm)
        if not len(parents.x):
            break
        found.append(parents)
    rows = [np.stack([p.x[p.alive], p.y[p.alive], p.radius[p.alive]], axis=1) for p in found]
    points = np.concatenate(rows).astype(np.float64)
    vein = np.concatenate([np.broadcast_to(p.vein[:, None], p.x.shape)[p.alive] for p in found])
    return points[~vein], points[vein]


def _arcades(eye: Eye, rng: np.random.Generator) -> Paths:
    """An artery and a vein each: two arcs round the macula, above and below, two to the nose."""
    t = np.arange(0.0, 12.0, STEP_MM, dtype=np.float32)
    (dx, dy), (fx, fy) = eye.disc, eye.fovea
    x, y = np.empty((8, t.size), np.float32), np.empty((8, t.size), np.float32)
    for k, up in enumerate((-1.0, 1.0, -1.0, 1.0)):
        # An ellipse about the fovea that starts at the disc and opens on the far side.
        angle = t / 4.6
        across = (dx - fx) * (1.0 + 0.12 * angle)
        high = rng.uniform(2.7, 3.9) * (1.0 + 0.05 * angle)
        x[2 * k] = fx + across * np.cos(angle) + 0.25 * rng.normal() * np.minimum(t, 1.0)
        y[2 * k] = dy + up * high * np.sin(angle) + (fy - dy) * np.minimum(angle, 1.0)
        # Nasal: up and outwards, bent a little.
        heading = up * (rng.uniform(0.55, 1.15) + rng.uniform(-0.1, 0.06) * t)
        x[2 * k + 1] = dx + np.cumsum(np.cos(heading)) * STEP_MM
        y[2 * k + 1] = dy + np.cumsum(np.sin(heading)) * STEP_MM
    heading = np.arctan2(np.gradient(y, axis=1), np.gradient(x, axis=1))
    x, y = _wiggle(x, y, np.cos(heading), np.sin(heading), eye.tortuosity, rng)
    size = np.repeat([ARTERY_MM, VEIN_MM], 4) * np.tile([1.0, 0.75], 4) * rng.uniform(0.9, 1.1, 8)
    radius = size.astype(np.float32)[:, None] * np.exp(-t / 11.0)[None, :]
    return Paths(x, y, heading, radius, radius > 0.0, np.arange(8) >= 4)


def _wiggle(
    x: Image, y: Image, c: Image, s: Image, tortuosity: float, rng: np.random.Generator
) -> tuple[Image, Image]:
    """Return paths of the direction (c, s), swung to both sides by two waves, less at the start."""
    t = np.arange(x.shape[1], dtype=np.float32) * np.float32(STEP_MM)
    aside = np.zeros_like(x)
    for wavelength, swing in ((2.6, 0.07), (1.1, 0.025)):
        phase = rng.uniform(0, 2 * np.pi, (len(x), 1)).astype(np.float32)
        aside += swing * (np.sin((2.0 * np.pi / wavelength) * t + phase) - np.sin(phase))
    aside *= tortuosity * np.minimum(t, 1.0)
    return x - s * aside, y + c * aside


def _children(
    parents: Paths, per_vessel: int, length: float, eye: Eye, rng: np.random.Generator
) -> Paths:
    """Let branches leave each vessel at jittered places, to its two sides by turns."""
    count = len(parents.x)
    reach = parents.alive.sum(axis=1)
    at = (np.arange(per_vessel) + rng.uniform(0.2, 1.0, (count, per_vessel))) / per_vessel
    step = (at * (reach[:, None] - 1)).astype(np.int64).ravel()
    row = np.repeat(np.arange(count), per_vessel)
    side = np.where((np.arange(per_vessel) + rng.integers(2, size=(count, 1))) % 2, 1.0, -1.0)
    side = side.ravel()
    # Murray: the cubes of the radii add up; a branch takes a small share.
    radius = parents.radius[row, step] * np.cbrt(rng.uniform(0.12, 0.45, row.size))
    start = parents.heading[row, step] + side * rng.uniform(0.5, 1.1, row.size)
    bend = rng.normal(0.0, 0.08, row.size) - side * rng.uniform(0.0, 0.25, row.size)
    x, y = parents.x[row, step], parents.y[row, step]
    # On the disc itself the vessels have branched already.
    kept = (radius > THINNEST_MM) & (np.hypot(x - eye.disc[0], y - eye.disc[1]) > 1.0)
    # float32: sines of long rows are several times as fast.
    x, y, first, bent, wide = (
        a[kept, None].astype(np.float32) for a in (x, y, start, bend, radius)
    )
    t = np.arange(0.0, length, STEP_MM, dtype=np.float32)[None, :]
    heading = first + bent * t
    c, s = np.cos(heading), np.sin(heading)
    x = x + np.cumsum(c, axis=1) * np.float32(STEP_MM)
    y = y + np.cumsum(s, axis=1) * np.float32(STEP_MM)
    x, y = _wiggle(x, y, c, s, 1.2 * eye.tortuosity, rng)
    wide = wide * (1.0 - np.float32(0.45 / length) * t)
    alive = (t < length * rng.uniform(0.5, 1.0, (len(x), 1))) & (wide > THINNEST_MM)
    return Paths(x, y, heading, wide, alive, parents.vein[row[kept]])


def _cut(paths: Paths, eye: Eye, field_mm: float) -> Paths:
    """End each vessel where it leaves the field or comes to the fovea, which has none."""
    in_field = np.hypot(paths.x, paths.y) < field_mm + 0.2
    off_fovea = np.hypot(paths.x - eye.fovea[0], paths.y - eye.fovea[1]) > FOVEA_MM
    alive = paths.alive & np.logical_and.accumulate(in_field & off_fovea, axis=1)
    kept = alive.any(axis=1)
    x, y, heading, radius = (a[kept] for a in paths[:4])
    return Paths(x, y, heading, radius, alive[kept], paths.vein[kept])
