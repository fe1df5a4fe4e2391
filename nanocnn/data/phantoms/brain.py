"""One axial slice of a head: which tissue fills how much of each pixel.

x runs to the right of the image (the patient's left), y towards the back of the head, z upwards
from the level of the thalami; all in mm. A slice is drawn in the patient's own upright coordinates,
which a smooth displacement bends a little, so that no two heads are alike and a tumour can push.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nanocnn.data.phantoms.cortex import Folds, fold_points, random_folds
from nanocnn.data.phantoms.shapes import (
    Grid,
    Image,
    Points,
    cover,
    ellipse,
    union_of_discs,
)

Vector = NDArray[np.float64]
FIELD_OF_VIEW_MM = 228.0
CORTEX_MM = 3.3
N_BENDS = 5


class Push(NamedTuple):
    """What a tumour does to the tissue round it: shift away from (x, y), most at `reach` mm."""

    x: float
    y: float
    shift: float
    reach: float


class Head(NamedTuple):
    """What one patient's slices have in common; lengths in mm, angles in radians."""

    half_width: float
    half_length: float
    egg: float
    skull: float
    scalp: float
    atrophy: float
    tilt: float
    shift_x: float
    shift_y: float
    bend_waves: Vector
    bend_shifts: Vector
    folds: Folds


def random_head(rng: np.random.Generator) -> Head:
    """Draw one patient; `atrophy` runs from 0, a young and full brain, to 1, an old one."""
    u = rng.uniform
    return Head(
        half_width=u(64.0, 70.0),
        half_length=u(78.0, 87.0),
        egg=u(0.06, 0.13),
        skull=u(5.5, 8.0),
        scalp=u(5.0, 9.0),
        atrophy=u(0.0, 1.0),
        tilt=u(-0.08, 0.08),
        shift_x=u(-4.0, 4.0),
        shift_y=u(-5.0, 5.0),
        # Each bend: frequencies along x, y and z, and a phase; then its shift along x and y.
        bend_waves=np.column_stack(
            [
                rng.normal(0.0, 0.026, (N_BENDS, 2)),
                rng.normal(0.0, 0.02, N_BENDS),
                u(0, 2 * np.pi, N_BENDS),
            ]
        ),
        bend_shifts=rng.normal(0.0, 0.9, (N_BENDS, 2)),
        folds=random_folds(rng),
    )


class Tissue(NamedTuple):
    """What a slice is made of.

    Attributes
    ----------
    layers : list of (name of the tissue, cover)
        To be painted in this order; each cover is a (size, size) float32 array in [0, 1].
    brain : (size, size) float32    mm from the brain's surface, positive inside
    white : (size, size) float32    how far each pixel is filled by white matter, in [0, 1]
    x, y : (size, size) float32    where each pixel lies in the patient's upright coordinates, mm
    """

    layers: list[tuple[str, Image]]
    brain: Image
    white: Image
    x: Image
    y: Image


def draw_head(grid: Grid, head: Head, z: float, push: Push | None) -> Tissue:
    """Return the tissues of the slice at height `z`."""
    px = grid.pixel_mm
    x, y = _upright(grid, head, z, push)
    surface = Surface(head, z)
    brain = surface.depth(x, y)
    gap = 1.5 + 2.5 * head.atrophy
    skin = brain + np.float32(gap + head.skull + head.scalp)
    bone = brain + np.float32(gap + head.skull)
    layers = [("skin", cover(skin, px)), ("fat", cover(skin - np.float32(1.8), px))]
    layers.append(("muscle", cover(_muscle(x, y, bone, surface, z), px)))
    layers.append(("bone", cover(bone, px)))
    layers.append(("marrow", cover(1.3 - np.abs(bone - np.float32(0.5 * head.skull)), px)))
    layers.append(("csf", cover(brain + np.float32(gap), px)))
    points = fold_points(head.folds, surface, z, head.atrophy)
    points[:, :2] = _in_image(points[:, 0], points[:, 1], head, z, push)
    sulci = union_of_discs(grid, points, CORTEX_MM + 2.0 + px)
    tissue = np.minimum(brain, -sulci)
    white = cover(tissue - np.float32(CORTEX_MM), px)
    deep, fluid = _deep_grey(x, y, z, px), _ventricles(grid, head, z, push)
    layers += [("grey", cover(tissue, px)), ("white", white), ("deep", deep), ("csf", fluid)]
    return Tissue(layers, brain, white * (1.0 - deep) * (1.0 - fluid), x, y)


class Surface:
    """The outline of the brain at height z: an ellipse, narrower in front."""

    def __init__(self, head: Head, z: float) -> None:
        shrink = float(np.sqrt(1.0 - (max(z, 0.0) / 72.0) ** 2))
        self.a, self.b, self.egg = head.half_width * shrink, head.half_length * shrink, head.egg

    def width(self, y: Image) -> Image:
        """Half the brain's greatest width, as it would be at y."""
        half: Image = np.float32(self.a) * (1.0 + np.float32(self.egg / self.b) * y)
        return half

    def depth(self, x: Image, y: Image) -> Image:
        """Distance from the outline in mm, positive inside; to first order, so best near it."""
        w = self.width(y)
        u, v = x / w, y / np.float32(self.b)
        rho = np.sqrt(u * u + v * v) + np.float32(1e-6)
        slope = np.sqrt((u / w) ** 2 + (v / np.float32(self.b)) ** 2) / rho + np.float32(1e-6)
        inside: Image = (1.0 - rho) / slope
        return inside

    def place(self, angle: Vector) -> tuple[Vector, Vector, Vector, Vector]:
        """Return points of the outline and unit vectors inwards; angle 0 is the front, pi back."""
        y = -self.b * np.cos(angle)
        w = self.a * (1.0 + self.egg * y / self.b)
        x = w * np.sin(angle)
        nx, ny = -x / w**2, -y / self.b**2
        length = np.hypot(nx, ny)
        return x, y, nx / length, ny / length


def _bend(x: Vector, y: Vector, head: Head, z: float, push: Push | None) -> tuple[Vector, Vector]:
    """Return by how much the patient's tissue at (x, y) lies off its upright place, in mm."""
    dx, dy = np.zeros_like(x + y), np.zeros_like(x + y)
    # Plain floats, for float32 coordinates to stay float32.
    for (kx, ky, kz, phase), (sx, sy) in zip(
        head.bend_waves.tolist(), head.bend_shifts.tolist(), strict=True
    ):
        wave = np.sin(kx * x + ky * y + (kz * z + phase))
        dx += sx * wave
        dy += sy * wave
    if push is not None:
        u, v = x - push.x, y - push.y
        # Nothing at the centre, `shift` at the distance `reach`, little far away.
        fall = np.exp((u * u + v * v) * (-0.5 / push.reach**2))
        fall *= push.shift * float(np.exp(0.5)) / push.reach
        # The skull gives no way.
        surface = Surface(head, z)
        fall *= np.clip(2.0 - 2.0 * ((x / surface.a) ** 2 + (y / surface.b) ** 2), 0.0, 1.0)
        dx += u * fall
        dy += v * fall
    return dx, dy


def _upright(grid: Grid, head: Head, z: float, push: Push | None) -> tuple[Image, Image]:
    """Return each pixel's place in the patient's upright coordinates."""
    c, s = np.float32(np.cos(head.tilt)), np.float32(np.sin(head.tilt))
    x0, y0 = grid.x - np.float32(head.shift_x), grid.y - np.float32(head.shift_y)
    x, y = c * x0 + s * y0, c * y0 - s * x0
    dx, dy = _bend(x, y, head, z, push)
    return x - dx, y - dy


def _in_image(x: Vector, y: Vector, head: Head, z: float, push: Push | None) -> Points:
    """Return where points of the upright patient lie in the image, (P, 2): `_upright` undone."""
    # The bends are small and smooth: evaluated once more where they lead, the rest is nothing.
    dx, dy = _bend(x, y, head, z, push)
    dx, dy = _bend(x + dx, y + dy, head, z, push)
    c, s = np.cos(head.tilt), np.sin(head.tilt)
    x, y = x + dx, y + dy
    return np.column_stack([c * x - s * y + head.shift_x, s * x + c * y + head.shift_y])


def _muscle(x: Image, y: Image, bone: Image, surface: Surface, z: float) -> Image:
    """The temporal muscles, outside the skull at the temples, in the lower slices alone."""
    thick = 6.0 - 0.2 * z
    if thick <= 0.5:
        return np.full_like(bone, -9.0)
    temple = 26.0 - np.abs(y + np.float32(0.38 * surface.b))
    shell = np.minimum(bone + np.float32(thick), np.float32(2.0) - bone)
    inside: Image = np.minimum(shell, np.minimum(temple * 0.35, np.abs(x) - np.float32(20.0)))
    return inside


# Each nucleus: x and y of its centre, half axes, turn, z of its centre and half height.
NUCLEI = {
    "caudate": (13.0, -21.0, 4.5, 10.0, -0.25, 4.0, 22.0),
    "putamen": (25.5, -4.0, 5.5, 17.0, -0.32, 0.0, 17.0),
    "pallidum": (19.5, -1.0, 3.5, 10.0, -0.55, -2.0, 12.0),
    "thalamus": (10.5, 15.0, 8.0, 14.0, -0.5, 2.0, 14.0),
}


def _deep_grey(x: Image, y: Image, z: float, px: float) -> Image:
    """The basal ganglia and thalami: ellipsoids to both sides of the internal capsule."""
    inside = np.full_like(x, -9.0)
    right = np.abs(x)
    for cx, cy, a, b, turn, cz, half in NUCLEI.values():
        scale2 = 1.0 - ((z - cz) / half) ** 2
        if scale2 < 0.04:
            continue
        scale, c, s = float(np.sqrt(scale2)), np.float32(np.cos(turn)), np.float32(np.sin(turn))
        u, v = right - np.float32(cx), y - np.float32(cy)
        one = ellipse(c * u + s * v, c * v - s * u, a * scale, b * scale)
        np.maximum(inside, one, out=inside)
    return cover(inside, px)


def _ventricles(grid: Grid, head: Head, z: float, push: Push | None) -> Image:
    """The lateral ventricles, horn, body and trigone on each side, and the third between them."""
    t = np.linspace(0.0, 1.0, 90)
    wide = 3.0 + 2.8 * head.atrophy
    x = 3.5 + 0.8 * wide + 9.0 * (1.0 - t) ** 5 + 20.0 * t**2.6
    y = -33.0 + 78.0 * t
    # Horns in front, trigones behind; the bodies join them only above the thalami.
    horn = 1.15 * np.exp(-(((t - 0.12) / 0.14) ** 2))
    trigone = 1.5 * np.exp(-(((t - 0.84) / 0.12) ** 2))
    body = np.clip((z - 7.0) / 8.0, 0.0, 1.0) * np.exp(-(((t - 0.45) / 0.33) ** 4))
    height = np.sqrt(max(0.0, 1.0 - (max(z - 8.0, 0.0) / 22.0) ** 2))
    radius = wide * height * np.maximum(np.maximum(horn, trigone), body) - 0.5
    points = [np.column_stack([side * x, y, radius]) for side in (-1.0, 1.0)]
    if z < 8.0:
        slit = np.linspace(2.0, 24.0, 26)
        thin = np.full(26, (0.9 + 1.3 * head.atrophy) * np.sqrt(1.0 - max(z, 0.0) / 8.0))
        points.append(np.column_stack([0.0 * slit, slit, thin]))
    all_points = np.concatenate(points)
    all_points = all_points[all_points[:, 2] > 0.3]
    all_points[:, :2] = _in_image(all_points[:, 0], all_points[:, 1], head, z, push)
    return cover(union_of_discs(grid, all_points, 0.5 * grid.pixel_mm + 0.1), grid.pixel_mm)
