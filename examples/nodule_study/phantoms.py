"""Synthetic nodules, cut out of the lung slice by slice as LIDC's are. Drawings, not patients.

What tells the kinds apart is the margin. Its irregularity, from 0 to 1, deepens the lobes of the
outline and makes spicules more and longer; it is 0.65 on average for malignant nodules and 0.35 for
benign ones, and overlaps: as in life, some cancers are smooth and some granulomas spiculated, so
that nobody can always be right. Malignant nodules are larger, too, with as much overlap, so that
the area alone is a baseline worth beating. The rating is sure (1 or 5) where the margin agrees with
the kind, else unsure (2 or 4).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nanocnn.data.phantoms import shapes, texture

from .cases import Part

SIDE, PIXEL_MM = 64, 1.0
DIAMETER_MM = {0: (7.0, 22.0), 1: (11.0, 28.0)}
IRREGULARITY = {0: (2.1, 3.9), 1: (3.9, 2.1)}  # of beta distributions
DENSITY_HU = (-150.0, 100.0)
LUNG_HU, EDGE_HU = -850.0, -600.0
NOISE_HU, UNEVEN_HU = 25.0, 15.0
HEIGHTS = (-0.6, 0.0, 0.6)  # of the slices: shares of the radius, the nodule being a ball
WAVES = (2, 3, 4, 6)  # round the outline


class Nodule(NamedTuple):
    """What all slices of a nodule share."""

    diameter: float
    density: float
    irregularity: float
    lobes: np.ndarray  # (4, 2): depth as a share of the radius, and phase, of each wave
    spicules: np.ndarray  # (K, 2): direction, and length as a share of the radius


def draw(n_nodules: int, seed: int, first: int = 0) -> Part:
    """Draw three slices of each nodule; nodule k is the same whatever `n_nodules` is."""
    images, diameters, ratings = [], [], []
    numbers = np.arange(first, first + n_nodules)
    for number in numbers:
        rng = np.random.default_rng([seed, number])
        malignant = int(number % 2)
        nodule = _draw_plan(malignant, rng)
        agrees = (nodule.irregularity > 0.5) == malignant
        ratings.append((5 if agrees else 4) if malignant else (1 if agrees else 2))
        for height in HEIGHTS:
            across = nodule.diameter * np.sqrt(1 - height**2)
            images.append(_slice(nodule, 0.5 * across, rng))
            diameters.append(across)
    ratings = np.repeat(ratings, len(HEIGHTS))
    of_slice = np.repeat(numbers, len(HEIGHTS))
    return Part(
        images=np.stack(images)[..., None],
        labels=(ratings > 3).astype(np.int64),
        ratings=ratings,
        nodules=of_slice,
        patients=of_slice,
        diameters=np.array(diameters, np.float32),
    )


def _draw_plan(malignant: int, rng: np.random.Generator) -> Nodule:
    irregularity = rng.beta(*IRREGULARITY[malignant])
    depth = 0.14 * irregularity * rng.uniform(0.4, 1.0, len(WAVES))
    count = rng.poisson(12 * irregularity)
    length = rng.uniform(0.3, 0.5 + 0.5 * irregularity, count)
    return Nodule(
        diameter=rng.uniform(*DIAMETER_MM[malignant]),
        density=rng.uniform(*DENSITY_HU),
        irregularity=irregularity,
        lobes=np.stack([depth, rng.uniform(0, 2 * np.pi, len(WAVES))], axis=1),
        spicules=np.stack([rng.uniform(0, 2 * np.pi, count), length], axis=1),
    )


def _slice(nodule: Nodule, radius: float, rng: np.random.Generator) -> np.ndarray:
    """Return one slice in the lung window, 0 wherever there is lung."""
    grid = shapes.make_grid(SIDE, SIDE * PIXEL_MM)
    x, y = grid.x - rng.uniform(-2, 2), grid.y - rng.uniform(-2, 2)
    r, angle = np.hypot(x, y), np.arctan2(y, x)
    outline = np.full_like(r, radius)
    for waves, (depth, phase) in zip(WAVES, nodule.lobes, strict=True):
        outline += radius * depth * np.cos(waves * angle + phase + rng.normal(0, 0.3))
    inside = outline - r
    for direction, length in nodule.spicules:
        tip = radius * (1 + length)
        ahead = np.cos(direction) * x + np.sin(direction) * y
        off = np.abs(np.cos(direction) * y - np.sin(direction) * x)
        taper = 0.25 * (tip - ahead)  # a spicule is wide at the nodule, and ends in a point
        inside = np.maximum(inside, np.where(ahead > 0, np.minimum(taper, 1.5) - off, -radius))
    filled = shapes.cover(inside.astype(np.float32), PIXEL_MM)
    hu = LUNG_HU + filled * np.float32(nodule.density - LUNG_HU)
    tissue = hu > EDGE_HU
    hu += texture.ct_noise(rng, SIDE, PIXEL_MM, NOISE_HU, UNEVEN_HU)
    shown = texture.hounsfield_window(hu, -400.0, 1400.0)
    return np.where(tissue, np.maximum(shown, 1 / 255), 0).astype(np.float32)
