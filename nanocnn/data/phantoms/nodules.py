"""Nodules, and the benign opacities that are to be told from them.

A nodule has a lobulated outline, spicules that radiate into the lung, and bubble-like lucencies
inside. A benign opacity is the same tissue tidied up: the pixels of a nodule of the same random
kind, sorted so that the densest lie in the middle of a smooth ellipse. So the two agree exactly in
diameter, mass, mean and histogram, and differ only in how the tissue is laid out: irregular edge
and texture against a smooth, centrally dense round or oval opacity, such as a granuloma.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nanocnn.data.phantoms.shapes import Grid, Image, box

DIAMETER_MM = (28.0, 44.0)
DENSITY_HU = (0.0, 150.0)
CALCIUM_HU = 500.0
CALCIFIED_SHARE = 0.5
FINEST_MM = 2.3


class Site(NamedTuple):
    """Where a lesion lies (x, y), how wide and how dense it is, whatever it turns out to be."""

    x: float
    y: float
    diameter: float
    density: float


def choose_sites(rng: np.random.Generator, grid: Grid, depth: Image, count: int) -> list[Site]:
    """Draw one to `count` sites inside the lungs; further ones only where they touch no other."""
    free = depth.copy()
    sites: list[Site] = []
    for _ in range(count):
        diameter = rng.uniform(*DIAMETER_MM)
        density = rng.uniform(*DENSITY_HU)
        room = free > 0.5 * diameter + 2.0
        candidates = np.flatnonzero(room)
        if candidates.size == 0:
            if sites:
                continue
            candidates = np.array([int(np.argmax(free))])
        row, column = divmod(int(candidates[rng.integers(candidates.size)]), grid.size)
        site = Site(float(grid.x[0, column]), float(grid.y[row, 0]), diameter, density)
        sites.append(site)
        away = np.hypot(grid.x - np.float32(site.x), grid.y - np.float32(site.y))
        free = np.minimum(free, away - np.float32(0.95 * diameter))
    return sites


def _polar(grid: Grid, site: Site) -> tuple[tuple[slice, slice], Image, Image]:
    where = box(grid, (site.x, site.y), 0.9 * site.diameter + 2.0 * grid.pixel_mm)
    x = grid.x[:, where[1]] - np.float32(site.x)
    y = grid.y[where[0]] - np.float32(site.y)
    return where, np.hypot(x, y), np.arctan2(y, x)


def _nodule(
    grid: Grid, site: Site, r: Image, angle: Image, rng: np.random.Generator
) -> tuple[Image, Image, NDArray[np.bool_]]:
    """Return each pixel's share of nodule in [0, 1], that share's HU, and the nodule's body."""
    grain, radius = max(grid.pixel_mm, FINEST_MM), 0.5 * site.diameter
    outline = np.full_like(r, 0.92 * radius)
    for waves in (2, 3, 5, 7):
        swing, phase = radius * rng.uniform(0.03, 0.10), rng.uniform(0, 2 * np.pi)
        outline += np.float32(swing) * np.cos(np.float32(waves) * angle + np.float32(phase))
    body = r <= outline
    cover = np.clip((outline - r) / np.float32(grain) + np.float32(0.5), 0.0, 1.0)
    x, y = r * np.cos(angle), r * np.sin(angle)
    cover *= _lucencies(x, y, radius, grain, rng)
    np.maximum(cover, _spicules(x, y, r, radius, grain, rng), out=cover)
    hu = np.full_like(cover, site.density)
    if rng.random() < CALCIFIED_SHARE:
        solid = np.flatnonzero(cover > 0.9)
        hu.flat[rng.permutation(solid)[: solid.size // 6]] = CALCIUM_HU
    return cover, hu, body


def _lucencies(x: Image, y: Image, radius: float, grain: float, rng: np.random.Generator) -> Image:
    """Return what bubbles of air, about one in 45 square millimetres, leave of the tissue."""
    count = max(2, round(np.pi * radius**2 / 45.0))
    d, turn = 0.95 * radius * np.sqrt(rng.random(count)), rng.uniform(0, 2 * np.pi, count)
    d_x = x.ravel() - (d * np.cos(turn)).astype(np.float32)[:, None]
    d_y = y.ravel() - (d * np.sin(turn)).astype(np.float32)[:, None]
    bubble = np.exp((d_x * d_x + d_y * d_y) * np.float32(-0.5 / (0.75 * grain) ** 2))
    emptied = rng.uniform(0.8, 1.0, (count, 1)).astype(np.float32)
    left: Image = np.prod(1.0 - emptied * bubble, axis=0).reshape(x.shape)
    return left


def _spicules(
    x: Image, y: Image, r: Image, radius: float, grain: float, rng: np.random.Generator
) -> Image:
    """Return strands `grain` mm wide that leave the body every 6 mm or so, evenly jittered."""
    count = round(2.0 * np.pi * radius / 6.0)
    turn = (np.arange(count) + rng.uniform(-0.3, 0.3, count)) * (2.0 * np.pi / count)
    c, s = (f(turn).astype(np.float32)[:, None] for f in (np.cos, np.sin))
    ahead, off = c * x.ravel() + s * y.ravel(), np.abs(c * y.ravel() - s * x.ravel())
    tip = (1.1 * radius + rng.uniform(8.0, 14.0, (count, 1))).astype(np.float32)
    strand = np.clip(1.05 - off / np.float32(grain), 0.0, 1.0)
    strand *= np.clip((tip - r.ravel()) / np.float32(grain), 0.0, 1.0)
    strand *= ahead > 0.7 * radius
    longest: Image = strand.max(axis=0).reshape(x.shape)
    return longest


def draw_nodule(
    hu: Image,
    mask: NDArray[np.bool_],
    lung: Image,
    grid: Grid,
    site: Site,
    rng: np.random.Generator,
) -> None:
    """Draw a nodule into `hu` and its body into `mask`, as far as `lung` (0 to 1) reaches."""
    where, r, angle = _polar(grid, site)
    cover, tissue, body = _nodule(grid, site, r, angle, rng)
    hu[where] += lung[where] * cover * (tissue - hu[where])
    mask[where] = body & (lung[where] > 0.5)


def draw_benign(hu: Image, lung: Image, grid: Grid, site: Site, rng: np.random.Generator) -> None:
    """Draw a smooth opacity of exactly the pixels that a nodule here might have had."""
    where, r, angle = _polar(grid, site)
    cover, tissue, _ = _nodule(grid, site, r, angle, rng)
    squeeze = rng.uniform(1.0, 1.5)
    turned = angle - np.float32(rng.uniform(0, np.pi))
    rank = r * np.sqrt((squeeze * np.cos(turned)) ** 2 + (np.sin(turned) / squeeze) ** 2)
    inner_first = np.argsort(rank, axis=None, kind="stable")
    # Calcium first (to the core, where granulomas have it), then the fullest pixels.
    dense_first = np.argsort(-cover - 2.0 * (tissue == CALCIUM_HU), axis=None, kind="stable")
    tidy_cover, tidy_tissue = np.empty_like(cover), np.empty_like(tissue)
    tidy_cover.flat[inner_first] = cover.flat[dense_first]
    tidy_tissue.flat[inner_first] = tissue.flat[dense_first]
    hu[where] += lung[where] * tidy_cover * (tidy_tissue - hu[where])
