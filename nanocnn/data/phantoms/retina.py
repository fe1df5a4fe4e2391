"""The healthy retina of a right eye: background, disc, macula, vessels, as layers of colour.

x runs to the right of the photograph (in a right eye towards the nose), y downwards; both are in mm
on the retina from the middle of the field, of which 45 degrees are about 13 mm.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nanocnn.data.phantoms.retinal_vessels import Eye, random_trees
from nanocnn.data.phantoms.shapes import Grid, Image, box, cover, ellipse, union_of_discs
from nanocnn.data.phantoms.texture import smooth_field

FIELD_OF_VIEW_MM = 13.6
FIELD_MM = 6.55
FINE_MM = 0.045  # thinner vessels hold half the blood
DISC_MM = (0.80, 0.92)
# What blood of a full vessel's thickness takes from red, green and blue: optical density.
BLOOD = np.array([0.30, 0.95, 0.70], np.float32)
LIGHT_BACK, DARK_BACK = (0.86, 0.46, 0.25), (0.60, 0.25, 0.11)
DISC_COLOUR, CUP_COLOUR = (1.10, 0.82, 0.44), (1.15, 1.00, 0.70)

MOST_DRUSEN, MOST_SPECKS = 22, 10
DRUSEN_COLOUR = np.array([0.9, 0.81, 0.47], np.float32)
SPECK_COLOUR = np.array([0.25, 0.10, 0.06], np.float32)


class Colouring(NamedTuple):
    """What both eyes of one patient share."""

    pigment: float
    tessellation: float
    cup: float
    tortuosity: float


class Retina(NamedTuple):
    """One eye before lesions and camera.

    Attributes
    ----------
    eye : Eye
    colour : (size, size, 3) float32 array        what is reflected where there is no blood
    blood : (size, size) float32 array        thickness of blood in the way of the light
    vessels : (size, size) bool array
    """

    eye: Eye
    colour: Image
    blood: Image
    vessels: NDArray[np.bool_]


def random_colouring(rng: np.random.Generator) -> Colouring:
    """Draw one patient."""
    u = rng.uniform
    return Colouring(
        pigment=u(0.0, 1.0), tessellation=u(0.0, 1.0), cup=u(0.3, 0.6), tortuosity=u(0.6, 1.6)
    )


def draw_retina(
    grid: Grid, patient: Colouring, rng: np.random.Generator, grain: np.random.Generator
) -> Retina:
    """Draw one right eye of the patient; `grain` is for what is drawn pixel by pixel."""
    u = rng.uniform
    fovea = (u(-0.6, 0.0), u(-0.3, 0.4))
    eye = Eye((fovea[0] + u(4.2, 4.7), fovea[1] - u(0.1, 0.7)), fovea, patient.tortuosity)
    colour = _background(grid, patient, grain)
    _draw_macula(colour, grid, eye, patient)
    _draw_disc(colour, grid, eye, patient, rng)
    blood = np.zeros((grid.size, grid.size), np.float32)
    seen = np.zeros_like(blood)
    for vein, points in enumerate(random_trees(eye, FIELD_MM, rng)):
        for thin in (True, False):
            chosen = points[(points[:, 2] < FINE_MM) == thin]
            inside = union_of_discs(grid, chosen, grid.pixel_mm)
            full = (0.95 if vein else 0.65) * (0.5 if thin else 1.0)
            np.maximum(blood, cover(inside, grid.pixel_mm, 1.4) * np.float32(full), out=blood)
            np.maximum(seen, cover(inside, grid.pixel_mm), out=seen)
        if not vein:
            _draw_reflex(colour, grid, inside)
    return Retina(eye, colour, blood, seen > 0.4)


def _background(grid: Grid, patient: Colouring, grain: np.random.Generator) -> Image:
    """Pigment, and the choroid's broad vessels that shine through where there is little of it."""
    light, dark = np.array(LIGHT_BACK, np.float32), np.array(DARK_BACK, np.float32)
    base = light + np.float32(patient.pigment) * (dark - light)
    mottle = smooth_field(grain, grid.size, 0.9 / grid.pixel_mm)
    # Bands along the zero lines of a smooth field: pale columns between darker choroidal veins.
    veins = np.abs(smooth_field(grain, grid.size, 0.33 / grid.pixel_mm)) - np.float32(0.8)
    away = np.hypot(grid.x, grid.y) / np.float32(FIELD_MM)
    tint = np.float32(0.05) * mottle
    tint += np.float32(0.09 * patient.tessellation) * veins * np.minimum(away, 1.0)
    shades = np.array([0.8, 1.3, 1.5], np.float32)
    colour: Image = base * (1.0 + tint[:, :, None] * shades)
    return colour


def _draw_macula(colour: Image, grid: Grid, eye: Eye, patient: Colouring) -> None:
    """Darken towards the fovea; its yellow pigment takes most of the blue and some green."""
    r2 = (grid.x - np.float32(eye.fovea[0])) ** 2 + (grid.y - np.float32(eye.fovea[1])) ** 2
    wide, narrow = np.exp(r2 * np.float32(-0.5 / 0.95**2)), np.exp(r2 * np.float32(-0.5 / 0.28**2))
    density = np.float32(0.75) * wide + np.float32(0.35) * narrow
    colour *= np.exp(-density[:, :, None] * np.array([0.28, 0.50, 0.42], np.float32))


def _draw_disc(
    colour: Image, grid: Grid, eye: Eye, patient: Colouring, rng: np.random.Generator
) -> None:
    """The optic disc with its paler cup, and a faint glow of nerve fibres round it."""
    x, y = grid.x - np.float32(eye.disc[0]), grid.y - np.float32(eye.disc[1])
    glow = np.exp((x * x + y * y) * np.float32(-0.5 / 1.7**2)) * np.float32(0.10)
    colour += glow[:, :, None] * np.array([0.8, 1.0, 0.7], np.float32)
    a, b = DISC_MM[0] * rng.uniform(0.93, 1.1), DISC_MM[1] * rng.uniform(0.93, 1.1)
    shade = np.float32(1.0 - 0.2 * patient.pigment)
    where = box(grid, eye.disc, 1.5)
    x, y = x[:, where[1]], y[where[0]]
    rim = ellipse(x, y, a, b)
    cup = ellipse(x + np.float32(0.12), y, a * patient.cup, b * patient.cup)
    for inside, tone, soft in ((rim, DISC_COLOUR, 0.16), (cup, CUP_COLOUR, 0.28)):
        filled = cover(inside, grid.pixel_mm, max(1.0, soft / grid.pixel_mm))[:, :, None]
        colour[where] += filled * (shade * np.array(tone, np.float32) - colour[where])


def _draw_reflex(colour: Image, grid: Grid, inside: Image) -> None:
    """The line of light along the middle of wider arteries."""
    line = cover(inside - np.float32(0.045), grid.pixel_mm) * np.float32(0.22)
    colour += line[:, :, None] * np.array([0.9, 0.8, 0.6], np.float32)


def draw_marks(
    colour: Image, grid: Grid, eye: Eye, difficulty: float, rng: np.random.Generator
) -> None:
    """Add what is no retinopathy but looks a little like it: pale drusen and specks of pigment."""
    for most, tone, spread in ((MOST_DRUSEN, DRUSEN_COLOUR, 3.2), (MOST_SPECKS, SPECK_COLOUR, 5.0)):
        count = round(most * difficulty * rng.random())
        r, turn = spread * np.sqrt(rng.random(most)), rng.uniform(0, 2 * np.pi, most)
        sizes, depths = rng.uniform(0.08, 0.2, most), rng.uniform(0.25, 0.55, most)
        marks = np.column_stack([r * np.cos(turn), r * np.sin(turn), sizes, depths])
        for dx, dy, sigma, depth in marks[:count].tolist():
            where = box(grid, (eye.fovea[0] + dx, eye.fovea[1] + dy), 3.0 * sigma)
            x = grid.x[:, where[1]] - np.float32(eye.fovea[0] + dx)
            y = grid.y[where[0]] - np.float32(eye.fovea[1] + dy)
            filled = depth * np.exp((x * x + y * y) * (-0.5 / sigma**2))[:, :, None]
            colour[where] += filled * (tone - colour[where])
