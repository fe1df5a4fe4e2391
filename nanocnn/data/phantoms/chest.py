"""The chest wall, lungs, ribs, spine and heart of one axial slice, as smooth implicit shapes.

x runs to the right of the image (the patient's left), y towards the patient's back.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nanocnn.data.phantoms.shapes import Grid, Image, box, ellipse, paint, round_min, superellipse

FIELD_OF_VIEW_MM = 300.0
LUNG_EDGE = 2.0  # pixels; breathing blurs it, and a small network learns beside it more easily
AIR, FAT, MUSCLE, MARROW, CORTEX = -1000.0, -100.0, 50.0, 220.0, 700.0


class Chest(NamedTuple):
    """What one patient's slices have in common; lengths in mm, densities in HU."""

    half_width: float
    half_depth: float
    squareness: float
    fat: float
    wall: float
    heart: float
    heart_x: float
    heart_y: float
    septum: float
    spine: float
    spine_y: float
    lung_hu: float
    gravity_hu: float
    rib_phase: float
    rib_step: float
    tilt: float
    shift_x: float
    shift_y: float
    table_gap: float
    table_hu: float
    level: float


def random_chest(rng: np.random.Generator) -> Chest:
    """Draw one patient."""
    u = rng.uniform
    depth = u(96, 116)
    return Chest(
        half_width=u(124, 146),
        half_depth=depth,
        squareness=u(2.2, 2.9),
        fat=u(5, 16),
        wall=u(17, 24),
        heart=u(36, 48),
        heart_x=u(12, 26),
        heart_y=u(-24, -10),
        septum=u(7, 14),
        spine=u(15, 20),
        spine_y=depth * u(0.45, 0.51),
        lung_hu=u(-890, -820),
        gravity_hu=u(10, 60),
        rib_phase=u(0, 1),
        rib_step=u(0.34, 0.46),
        tilt=u(-0.07, 0.07),
        shift_x=u(-6, 6),
        shift_y=u(-8, 2),
        table_gap=u(1, 9),
        table_hu=u(-500, 150),
        level=u(0.2, 0.8),
    )


def another_slice(chest: Chest, rng: np.random.Generator) -> Chest:
    """Move up or down the same patient: the heart, the lungs' width and the ribs' places change."""
    level = float(np.clip(chest.level + rng.uniform(-0.25, 0.25), 0.0, 1.0))
    return chest._replace(
        level=level,
        heart=chest.heart * (0.70 + 0.45 * level),
        half_width=chest.half_width * (0.95 + 0.05 * level),
        rib_phase=chest.rib_phase + rng.uniform(0, 1),
        septum=chest.septum * rng.uniform(0.9, 1.1),
        spine=chest.spine * rng.uniform(0.95, 1.05),
    )


def _paint_ellipse(
    hu: Image,
    grid: Grid,
    centre: tuple[float, float],
    axes: tuple[float, float],
    turn: float,
    value: float,
    rim: float | None = None,
) -> None:
    """Blend a turned ellipse, with a rim of 1.8 mm if asked, into its own bounding box alone."""
    rows, columns = box(grid, centre, max(axes) + 2.0 * grid.pixel_mm)
    x, y = grid.x[:, columns] - np.float32(centre[0]), grid.y[rows] - np.float32(centre[1])
    c, s = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    inside = ellipse(c * x + s * y, c * y - s * x, *axes)
    if rim is not None:
        paint(hu[rows, columns], inside, rim, grid.pixel_mm)
        inside -= np.float32(1.8)
    paint(hu[rows, columns], inside, value, grid.pixel_mm)


def draw_chest(grid: Grid, chest: Chest, rng: np.random.Generator) -> tuple[Image, Image]:
    """Draw the slice without its vessels, lesions and noise.

    Returns
    -------
    hu : (size, size) float32    Hounsfield units
    depth : (size, size) float32    mm from the lungs' surface, positive inside a lung
    """
    c, s = np.float32(np.cos(chest.tilt)), np.float32(np.sin(chest.tilt))
    x0, y0 = grid.x - np.float32(chest.shift_x), grid.y - np.float32(chest.shift_y)
    x, y = c * x0 + s * y0, c * y0 - s * x0
    a, b = chest.half_width, chest.half_depth
    hu = np.full((grid.size, grid.size), AIR, np.float32)
    _draw_table(hu, grid, chest)
    body = superellipse(x, y, a, b, chest.squareness)
    paint(hu, body, FAT, grid.pixel_mm)
    paint(hu, body - np.float32(chest.fat), MUSCLE, grid.pixel_mm)
    lung = _lungs(x, y, body, chest)
    air = (chest.lung_hu + chest.gravity_hu * (y / b)).astype(np.float32)
    paint(hu, lung, air, grid.pixel_mm, LUNG_EDGE)
    _draw_airways(hu, grid, chest)
    _draw_bones(hu, grid, chest, rng)
    return hu, lung


def _draw_table(hu: Image, grid: Grid, chest: Chest) -> None:
    """The scanner's table: two thin shells behind the back, the upper one hollowed."""
    below = grid.y - np.float32(chest.shift_y + chest.half_depth + chest.table_gap)
    for shell in (below + grid.x**2 * np.float32(7e-4), below - np.float32(20.0)):
        inside = np.minimum(np.float32(1.4) - np.abs(shell), np.float32(125.0) - np.abs(grid.x))
        paint(hu, inside, chest.table_hu, grid.pixel_mm)


def _lungs(x: Image, y: Image, body: Image, chest: Chest) -> Image:
    """The inside of the ribs, less the heart, the septum between the lungs, and the spine."""
    lung: Image = body - np.float32(chest.fat + chest.wall)
    heart = ellipse(
        x - np.float32(chest.heart_x),
        y - np.float32(chest.heart_y),
        chest.heart * 1.15,
        chest.heart,
    )
    # The mediastinum is narrow behind the breastbone and widens round the great vessels.
    wide = chest.septum + 10.0 * np.exp(-(((y - 8.0) / 30.0) ** 2)).astype(np.float32)
    septum = wide - np.abs(x)
    spine = ellipse(x, y - np.float32(chest.spine_y + 6.0), chest.spine + 9.0, chest.spine + 14.0)
    aorta = ellipse(x - np.float32(chest.spine + 3.0), y - np.float32(chest.spine_y - 16.0), 13, 13)
    for organ in (heart, septum, spine, aorta):
        lung = round_min(lung, -organ, 12.0)
    return lung


def _place(chest: Chest, x: float, y: float) -> tuple[float, float]:
    """Turn and move a point of the upright, centred chest to where it lies in the image."""
    c, s = np.cos(chest.tilt), np.sin(chest.tilt)
    return float(c * x - s * y + chest.shift_x), float(s * x + c * y + chest.shift_y)


def _draw_airways(hu: Image, grid: Grid, chest: Chest) -> None:
    """The windpipe in the upper slices, the two main bronchi below it, none further down."""
    if chest.level < 0.3:
        _paint_ellipse(hu, grid, _place(chest, 0.0, 14.0), (8.0, 9.0), 0.0, AIR)
    elif chest.level < 0.6:
        for side in (-1.0, 1.0):
            _paint_ellipse(hu, grid, _place(chest, 15.0 * side, 17.0), (7.5, 5.5), 0.5 * side, AIR)


def _draw_bones(hu: Image, grid: Grid, chest: Chest, rng: np.random.Generator) -> None:
    def bone(px: float, py: float, axes: tuple[float, float], turn: float = 0.0) -> None:
        _paint_ellipse(hu, grid, _place(chest, px, py), axes, turn + chest.tilt, MARROW, CORTEX)

    inset = chest.fat + 0.62 * chest.wall
    a, b, power = chest.half_width - inset, chest.half_depth - inset, chest.squareness
    for side in (-1.0, 1.0):
        angle = -1.25 + chest.rib_step * (chest.rib_phase % 1.0)
        while angle < 1.2:
            cosine, sine = np.cos(angle), np.sin(angle)
            r = (abs(cosine / a) ** power + abs(sine / b) ** power) ** (-1.0 / power)
            # The outline's tangent: the ribs lie along it, seen longer where they run in plane.
            gx = (abs(cosine * r) / a) ** (power - 1.0) / a * np.sign(cosine)
            gy = (abs(sine * r) / b) ** (power - 1.0) / b * np.sign(sine)
            turn = float(np.arctan2(gx, -gy)) * side
            axes = (rng.uniform(7.0, 15.0), rng.uniform(3.4, 4.6))
            bone(side * r * cosine, r * sine, axes, turn)
            angle += chest.rib_step * rng.uniform(0.85, 1.15)
    v, y = chest.spine, chest.spine_y + 4.0
    bone(0.0, y, (v, 0.80 * v))
    _paint_ellipse(
        hu, grid, _place(chest, 0.0, y + 1.35 * v), (0.52 * v, 0.45 * v), 0.0, MUSCLE - 20.0
    )
    bone(0.0, y + 1.95 * v, (4.0, 0.45 * v))
    for side in (-1.0, 1.0):
        bone(side * 1.25 * v, y + 1.25 * v, (0.75 * v, 3.6), 0.45 * side)
    bone(0.0, -chest.half_depth + chest.fat + 0.45 * chest.wall, (15.0, 4.6))
