"""Lesions of diabetic retinopathy: how many a grade has, where they lie, what they look like.

The grades follow the international clinical scale [1]_ in a simplified form that lesions of four
kinds decide by their numbers alone. Venous beading, microvascular abnormalities and macular oedema,
which the scale knows too, are not drawn.

.. [1] C. P. Wilkinson et al., "Proposed international clinical diabetic retinopathy and diabetic
   macular edema disease severity scales", Ophthalmology 110 (2003), 1677-1682.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nanocnn.data.phantoms.retina import DISC_MM, FIELD_MM, Retina
from nanocnn.data.phantoms.retinal_vessels import Eye
from nanocnn.data.phantoms.shapes import Grid, Image, box, cover, ellipse, union_of_discs

Vector = NDArray[np.float64]
MICROANEURYSM, HAEMORRHAGE, EXUDATE, NEW_VESSELS = 1, 2, 3, 4
SEVERE_PER_QUADRANT = 5
GAP_MM = 0.26
EXUDATE_COLOUR = np.array([1.0, 0.90, 0.52], np.float32)


class Counts(NamedTuple):
    """How many lesions one eye has; haemorrhages in each of four quadrants about the fovea."""

    microaneurysms: int
    haemorrhages: tuple[int, int, int, int]
    exudates: int
    new_vessels: int


def grade_of(counts: Counts) -> int:
    """Return the grade, 0 to 4, by the first rule that fits.

    4, proliferative: any new vessels. 3, severe: at least 5 haemorrhages in each of the four
    quadrants (the scale says more than 20 in each, of a wider field). 2, moderate: any
    haemorrhage or exudate. 1, mild: microaneurysms alone. 0: nothing.
    """
    if counts.new_vessels:
        return 4
    if min(counts.haemorrhages) >= SEVERE_PER_QUADRANT:
        return 3
    if sum(counts.haemorrhages) or counts.exudates:
        return 2
    return int(counts.microaneurysms > 0)


def random_counts(grade: int, rng: np.random.Generator) -> Counts:
    """Draw how many lesions an eye of this grade has."""
    if grade == 0:
        return Counts(0, (0, 0, 0, 0), 0, 0)
    if grade == 1:
        return Counts(int(rng.integers(2, 8)), (0, 0, 0, 0), 0, 0)
    microaneurysms = int(rng.integers(3, 13))
    exudates = int(rng.integers(4, 17)) if rng.random() < 0.7 else 0
    if grade == 2:
        quadrants = np.bincount(rng.integers(4, size=rng.integers(3, 10)), minlength=4)
        quadrants = np.minimum(quadrants, SEVERE_PER_QUADRANT - 1)
    elif grade == 3:
        quadrants = rng.integers(SEVERE_PER_QUADRANT, SEVERE_PER_QUADRANT + 4, 4)
    else:
        quadrants = rng.integers(0, SEVERE_PER_QUADRANT + 2, 4)
    a, b, c, d = (int(q) for q in quadrants)
    return Counts(microaneurysms, (a, b, c, d), exudates, int(rng.integers(1, 3)) * (grade == 4))


class Site(NamedTuple):
    """One lesion: its kind, place and radius in mm."""

    kind: int
    x: float
    y: float
    radius: float


def choose_sites(counts: Counts, eye: Eye, scale: float, rng: np.random.Generator) -> list[Site]:
    """Place the lesions so that none touches another, the disc or the edge of the field.

    Raises
    ------
    RuntimeError
        If there is no room left, which the counts of `random_counts` do not lead to.
    """
    places = _Places(eye, rng)
    sites = []
    for _ in range(counts.new_vessels):
        sites.append(places.take(NEW_VESSELS, rng.uniform(0.7, 1.0), places.near_disc()))
    for quadrant, count in enumerate(counts.haemorrhages):
        for _ in range(count):
            radius = rng.uniform(0.17, 0.32) * scale
            sites.append(places.take(HAEMORRHAGE, radius, places.quadrant == quadrant))
    ring = places.rings()
    for _ in range(counts.exudates):
        sites.append(places.take(EXUDATE, rng.uniform(0.07, 0.19) * scale, ring))
    for _ in range(counts.microaneurysms):
        radius = rng.uniform(0.10, 0.13) * scale
        sites.append(places.take(MICROANEURYSM, radius, places.from_fovea < 5.0))
    return sites


class _Places:
    """Random points of the field, and how much room there is left round each."""

    def __init__(self, eye: Eye, rng: np.random.Generator, count: int = 1000) -> None:
        r, turn = (FIELD_MM - 0.15) * np.sqrt(rng.random(count)), rng.uniform(0, 2 * np.pi, count)
        self.x, self.y, self.rng = r * np.cos(turn), r * np.sin(turn), rng
        right, low = self.x > eye.fovea[0], self.y > eye.fovea[1]
        self.quadrant = 2 * low.astype(np.int64) + right
        self.from_fovea = np.hypot(self.x - eye.fovea[0], self.y - eye.fovea[1])
        self.from_disc = np.hypot(self.x - eye.disc[0], self.y - eye.disc[1])
        self.room = np.minimum(FIELD_MM - 0.2 - r, self.from_disc - DISC_MM[1] * 1.15)
        self.room = np.minimum(self.room, self.from_fovea - 0.1)

    def near_disc(self) -> NDArray[np.bool_]:
        """Where new vessels grow: beside the disc and along the arcades."""
        return (self.from_disc < 4.0) & (self.from_fovea > 1.8)

    def rings(self) -> NDArray[np.bool_]:
        """Arcs about one or two leaks near the fovea, along which exudates line up."""
        found = np.zeros(self.x.shape, np.bool_)
        centres = np.flatnonzero((self.from_fovea < 2.4) & (self.from_fovea > 0.9))
        for k in self.rng.choice(centres, 2):
            away = np.hypot(self.x - self.x[k], self.y - self.y[k])
            found |= np.abs(away - self.rng.uniform(0.4, 1.1)) < 0.3
        return found

    def take(self, kind: int, radius: float, wanted: NDArray[np.bool_]) -> Site:
        """Return a site where there is room, in the wanted part of the field if it has any."""
        fits = self.room > radius
        free = np.flatnonzero(fits & wanted)
        if free.size == 0 and kind != HAEMORRHAGE:
            free = np.flatnonzero(fits)
        if free.size == 0:
            raise RuntimeError(f"no room for a lesion of kind {kind} and radius {radius:.2f} mm")
        k = free[self.rng.integers(free.size)]
        x, y = float(self.x[k]), float(self.y[k])
        away = np.hypot(self.x - x, self.y - y) - radius - GAP_MM
        self.room = np.minimum(self.room, away)
        return Site(kind, x, y, radius)


def draw_lesions(
    grid: Grid, retina: Retina, sites: list[Site], contrast: float, rng: np.random.Generator
) -> tuple[Image, NDArray[np.uint8]]:
    """Add what bleeds to the retina's blood; return the cover of exudates, and the mask."""
    exudate = np.zeros((grid.size, grid.size), np.float32)
    mask = np.zeros((grid.size, grid.size), np.uint8)
    for site in sites:
        if site.kind == NEW_VESSELS:
            where, inside = (slice(None), slice(None)), _tuft(grid, site, rng)
            filled, thick = cover(inside, grid.pixel_mm), 0.95
            mask[inside > -0.06] = NEW_VESSELS
        else:
            where, inside = _blob(grid, site, retina.eye, rng)
            filled, thick = cover(inside, grid.pixel_mm), 1.05
            _mark(mask[where], filled, site.kind)
        if site.kind == EXUDATE:
            np.maximum(exudate[where], filled * np.float32(0.9 * contrast), out=exudate[where])
        else:
            thickness = filled * np.float32(thick * contrast)
            np.maximum(retina.blood[where], thickness, out=retina.blood[where])
    return exudate, mask


def _mark(mask: NDArray[np.uint8], filled: Image, kind: int) -> None:
    """Mark what is more than half filled, and one pixel at least."""
    mask[filled > 0.5] = kind
    mask.flat[np.argmax(filled)] = kind


def _blob(
    grid: Grid, site: Site, eye: Eye, rng: np.random.Generator
) -> tuple[tuple[slice, slice], Image]:
    """A dot (microaneurysm), a ragged blot or flame (haemorrhage), a crisp speck (exudate)."""
    where = box(grid, (site.x, site.y), 1.4 * site.radius + 2.0 * grid.pixel_mm)
    x = grid.x[:, where[1]] - np.float32(site.x)
    y = grid.y[where[0]] - np.float32(site.y)
    if site.kind == MICROANEURYSM:
        return where, np.float32(site.radius) - np.hypot(x, y)
    flame = site.kind == HAEMORRHAGE and rng.random() < 0.4
    stretch = rng.uniform(1.8, 2.6) if flame else rng.uniform(1.0, 1.4)
    # Flames lie along the nerve fibres, which come from the disc.
    turn = float(np.arctan2(site.y - eye.disc[1], site.x - eye.disc[0])) + rng.normal(0.0, 0.3)
    c, s = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    u, v = c * x + s * y, c * y - s * x
    a, b = site.radius * 1.05, site.radius * 1.05 / stretch
    inside = ellipse(u, v, a, b)
    angle = np.arctan2(v, u)
    for waves in (2, 3, 5):
        inside += np.float32(0.09 * b) * np.cos(waves * angle + np.float32(rng.uniform(0, 6.3)))
    return where, inside


def _tuft(grid: Grid, site: Site, rng: np.random.Generator) -> Image:
    """A fan of fine winding vessels that loop back at their ends."""
    count, steps = 9, np.linspace(0.0, 1.0, 40)
    base, spread = rng.uniform(0, 2 * np.pi), rng.uniform(0.7, 1.1)
    x0, y0 = site.x - 0.7 * site.radius * np.cos(base), site.y - 0.7 * site.radius * np.sin(base)
    rays = base + spread * np.linspace(-1.0, 1.0, count)[:, None]
    length = site.radius * rng.uniform(1.1, 1.65, (count, 1)) * np.cos(0.6 * (rays - base))
    waves, phase = rng.uniform(7.0, 13.0, (count, 1)), rng.uniform(0, 2 * np.pi, (count, 1))
    angle = rays + 0.22 * np.sin(steps * waves + phase) * np.minimum(4.0 * steps, 1.0)
    x, y = x0 + length * steps * np.cos(angle), y0 + length * steps * np.sin(angle)
    # The outer ends of neighbours meet in loops.
    between = np.linspace(0.0, 1.0, 12)[:, None, None]
    ends = np.stack([x[:, -1], y[:, -1]], axis=-1)
    loops = ends[:-1] + between * (ends[1:] - ends[:-1])
    points = np.concatenate([np.column_stack([x.ravel(), y.ravel()]), loops.reshape(-1, 2)])
    radius = np.full(len(points), 0.045)
    return union_of_discs(grid, np.column_stack([points, radius]), 0.12 + grid.pixel_mm)
