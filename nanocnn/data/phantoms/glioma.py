"""A glioma in three dimensions, and the harmless bright spots of ageing white matter.

The core is a lobulated ball: a rim of solid tumour round a dead middle. Oedema reaches further,
along white matter alone: water spreads between the fibres and spares cortex and nuclei, so that in
a slice it has fingers. Spots are what small vessels leave in ageing brains: caps on the ventricles'
horns and round patches deep in the white matter, of the same brightness as oedema.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nanocnn.data.phantoms.brain import Push, Tissue
from nanocnn.data.phantoms.shapes import Grid, Image, cover

Vector = NDArray[np.float64]
OEDEMA, CORE = 1, 2
RADIUS_MM = (13.0, 22.0)
WAVES = 8
MOST_SPOTS = 26


class Glioma(NamedTuple):
    """Where the tumour lies and how it is built; mm, in the patient's upright coordinates."""

    x: float
    y: float
    z: float
    radius: float
    reach: float
    rim: float
    waves: Vector
    phases: Vector


class Spots(NamedTuple):
    """Bright spots of white matter, (S,) arrays in mm."""

    x: Vector
    y: Vector
    z: Vector
    radius: Vector
    stretch: Vector


def random_glioma(rng: np.random.Generator, difficulty: float) -> Glioma:
    """Draw a tumour in the white matter of either hemisphere; the harder, the smaller."""
    u = rng.uniform
    radius = u(*RADIUS_MM) * (1.0 - 0.55 * difficulty)
    return Glioma(
        x=u(24.0, 42.0) * float(rng.choice([-1.0, 1.0])),
        y=u(-42.0, 44.0),
        z=u(2.0, 32.0),
        radius=radius,
        reach=radius + u(7.0, 15.0) * (1.0 - 0.4 * difficulty),
        rim=radius * u(0.3, 0.6),
        waves=rng.normal(0.0, 2.2 / radius, (3, WAVES, 3)),
        phases=u(0.0, 2 * np.pi, (3, WAVES)),
    )


def push_of(glioma: Glioma, z: float) -> Push:
    """Return how far the tumour shifts the slice at height `z` aside."""
    near = float(np.exp(-0.5 * ((z - glioma.z) / glioma.reach) ** 2))
    return Push(glioma.x, glioma.y, 0.33 * glioma.radius * near, 1.2 * glioma.reach)


def random_spots(rng: np.random.Generator, difficulty: float) -> Spots:
    """Draw the spots of one patient: the harder, the more and larger ones there may be."""
    u = rng.uniform
    burden = rng.random() * (0.15 + 0.85 * difficulty)
    side = rng.choice([-1.0, 1.0], MOST_SPOTS)
    # Caps on the horns of the ventricles in front and behind, and others anywhere beside them.
    kind = rng.choice(3, MOST_SPOTS, p=(0.2, 0.2, 0.6))
    x = np.choose(kind, [15.0, 29.0, u(22.0, 46.0, MOST_SPOTS)])
    y = np.choose(kind, [-39.0, 46.0, u(-46.0, 48.0, MOST_SPOTS)])
    small, large = u(2.0, 5.0 + 5.0 * burden, MOST_SPOTS), u(5.0, 10.0, MOST_SPOTS)
    every = Spots(
        x=side * (x + rng.normal(0.0, 2.0, MOST_SPOTS)),
        y=y + rng.normal(0.0, 3.0, MOST_SPOTS),
        z=u(-6.0, 40.0, MOST_SPOTS),
        radius=np.where(kind == 2, small, large),
        stretch=u(0.7, 1.5, MOST_SPOTS),
    )
    return Spots(*(a[: round(MOST_SPOTS * burden)] for a in every))


class Lesions(NamedTuple):
    """How far each pixel is filled by each kind, (size, size) float32 in [0, 1], in drawing order.

    `core` includes `dead`, its middle.
    """

    spots: Image
    oedema: Image
    core: Image
    dead: Image


def draw_lesions(
    grid: Grid, tissue: Tissue, spots: Spots, glioma: Glioma | None, z: float
) -> Lesions:
    """Return what the slice at height `z` shows of the spots, and of the glioma if there is one."""
    filled = _spots(grid, tissue, spots, z)
    if glioma is None:
        nothing = np.zeros_like(filled)
        return Lesions(filled, nothing, nothing, nothing)
    return Lesions(filled, *_glioma(grid, tissue, glioma, z))


def _glioma(grid: Grid, tissue: Tissue, glioma: Glioma, z: float) -> tuple[Image, Image, Image]:
    """Return the covers of oedema, core (with its dead middle) and the dead middle alone."""
    u, v = tissue.x - np.float32(glioma.x), tissue.y - np.float32(glioma.y)
    away = np.sqrt(u * u + v * v + np.float32((z - glioma.z) ** 2))
    ripple = np.zeros((3, *away.shape), np.float32)
    for k, (waves, phases) in enumerate(zip(glioma.waves, glioma.phases, strict=True)):
        for (kx, ky, kz), phase in zip(waves, phases, strict=True):
            turn = np.float32(phase + kz * (z - glioma.z))
            ripple[k] += np.sin(np.float32(kx) * u + np.float32(ky) * v + turn)
    ripple *= np.float32(0.09 * glioma.radius)
    core = np.minimum(np.float32(glioma.radius) - away + ripple[0], tissue.brain)
    dead = np.float32(glioma.radius - glioma.rim) - away + ripple[0] + 0.6 * ripple[1]
    reach = np.float32(glioma.reach) - away + 1.3 * ripple[2]
    oedema = cover(reach, grid.pixel_mm, 2.0) * tissue.white
    solid = cover(core, grid.pixel_mm)
    return oedema, solid, np.minimum(solid, cover(dead, grid.pixel_mm, 1.5))


def _spots(grid: Grid, tissue: Tissue, spots: Spots, z: float) -> Image:
    """Return the cover of the spots that the slice meets, within white matter."""
    filled = np.zeros_like(tissue.white)
    for x, y, at, radius, stretch in zip(*spots, strict=True):
        if abs(z - at) >= radius:
            continue
        r = np.sqrt(radius**2 - (z - at) ** 2)
        u, v = tissue.x - np.float32(x), tissue.y - np.float32(y)
        away = np.sqrt(u * u * np.float32(stretch) + v * v * np.float32(1.0 / stretch))
        np.maximum(filled, cover(np.float32(r) - away, grid.pixel_mm, 2.0), out=filled)
    filled *= tissue.white
    return filled
