"""The branching vessels of the lungs, and those that cross the plane."""

from __future__ import annotations

import numpy as np

from nanocnn.data.phantoms.chest import LUNG_EDGE, Chest
from nanocnn.data.phantoms.shapes import Grid, Image, Points, cover, near_points

BLOOD_HU = 45.0
VESSEL_EDGE = 2.0
THINNEST_MM = 1.3
BRANCHES_PER_LUNG = 3


def draw_vessels(
    hu: Image, grid: Grid, chest: Chest, depth: Image, rng: np.random.Generator
) -> None:
    """Draw a tree from each hilum into its lung, and dots where vessels cross the plane."""
    veil = np.zeros((grid.size, grid.size), np.float32)
    _splat(veil, grid, _tree(grid, chest, rng), VESSEL_EDGE)
    _splat(veil, grid, _end_on(grid, depth, rng), 1.0)
    # Only inside the lung: in the mediastinum blood and heart have one density anyway.
    veil *= cover(depth, grid.pixel_mm, LUNG_EDGE)
    hu += veil * (np.float32(BLOOD_HU) - hu)


def _tree(grid: Grid, chest: Chest, rng: np.random.Generator) -> Points:
    """Return points (x, y, radius) along all vessels of both lungs, half a pixel apart.

    Generation by generation each vessel ends in two daughters by Murray's law (the cubes of the
    radii add up); those that leave the plane or get too thin end.
    """
    count = 2 * BRANCHES_PER_LUNG
    side = np.repeat([-1.0, 1.0], BRANCHES_PER_LUNG)
    x = chest.shift_x + side * np.repeat(rng.uniform(24, 34, 2), BRANCHES_PER_LUNG)
    y = chest.shift_y + np.repeat(rng.uniform(-8, 14, 2), BRANCHES_PER_LUNG)
    fan = np.tile(np.linspace(-1.3, 1.3, BRANCHES_PER_LUNG), 2) + rng.uniform(-0.25, 0.25, count)
    angle = np.where(side > 0, fan, np.pi - fan)
    radius = rng.uniform(2.6, 4.2, count)
    along = np.arange(0.0, 36.0, 0.5 * grid.pixel_mm)
    found = []
    while radius.size:
        length = rng.uniform(9.0, 14.0, radius.size) * np.sqrt(radius) + 3.0
        c, s = np.cos(angle), np.sin(angle)
        vessel, step = np.nonzero(along[None, :] < length[:, None])
        t = along[step]
        found.append(
            np.stack([x[vessel] + t * c[vessel], y[vessel] + t * s[vessel], radius[vessel]], axis=1)
        )
        x, y = x + length * c, y + length * s
        x, y = np.concatenate([x, x]), np.concatenate([y, y])
        share = rng.uniform(0.35, 0.65, radius.size)
        turn = rng.uniform(0.15, 0.65, (2, radius.size))
        angle = np.concatenate([angle + turn[0], angle - turn[1]])
        radius = 0.94 * np.concatenate([radius * np.cbrt(share), radius * np.cbrt(1.0 - share)])
        lives = (radius > THINNEST_MM) & (rng.random(radius.size) < 0.8)
        x, y, angle, radius = x[lives], y[lives], angle[lives], radius[lives]
    return np.concatenate(found)


def _end_on(grid: Grid, depth: Image, rng: np.random.Generator) -> Points:
    """Return points (x, y, radius) of small vessels that cross the plane, all over the lungs."""
    inside = np.flatnonzero(depth > 6.0)
    if inside.size == 0:
        return np.empty((0, 3))
    chosen = inside[rng.integers(inside.size, size=rng.integers(5, 14))]
    radius = rng.uniform(1.2, 2.2, chosen.size)
    half = 0.5 * (grid.size - 1)
    row, column = np.divmod(chosen, grid.size)
    return np.stack([(column - half) * grid.pixel_mm, (row - half) * grid.pixel_mm, radius], axis=1)


def _splat(veil: Image, grid: Grid, points: Points, soft: float) -> None:
    """Raise `veil` to how far each pixel is filled by discs whose edges are `soft` pixels wide."""
    px = grid.pixel_mm
    # Wide vessels are few: two sizes of neighbourhood save most of the work.
    wide = points[:, 2] > 2.0
    for part in (points[~wide], points[wide]):
        if len(part) == 0:
            continue
        index, away = near_points(grid, part, int(part[:, 2].max() / px + 1.5))
        radius = (part[:, 2] / px).astype(np.float32)[:, None, None]
        # A vessel thinner than its soft edge fills only part of a pixel.
        most = np.minimum(1.0, np.float32(2.0 - 0.7 * (soft - 1.0)) * radius)
        filled = np.clip((radius - away) / np.float32(soft) + np.float32(0.5), 0.0, most)
        np.maximum.at(veil.reshape(-1), index.ravel(), filled.ravel())
