"""Smooth implicit shapes on a grid of pixels: what all phantoms are drawn with.

Every shape is a function that is positive inside and falls off by about one per millimetre, so that
an edge can be drawn a pixel or two soft, shapes can be united and cut, and "how deep in a lung" is
known where a lesion is to be placed. x runs to the right of the image, y downwards; both are in mm
from the centre of the field of view.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]
Points = NDArray[np.float64]


class Grid(NamedTuple):
    """The pixel centres of a square image, in mm."""

    size: int
    pixel_mm: float
    x: Image
    y: Image


def make_grid(size: int, field_of_view_mm: float) -> Grid:
    """Return the grid of `size` by `size` pixels over the field of view."""
    pixel_mm = field_of_view_mm / size
    axis = ((np.arange(size) - 0.5 * (size - 1)) * pixel_mm).astype(np.float32)
    return Grid(size, pixel_mm, axis[None, :], axis[:, None])


def superellipse(x: Image, y: Image, a: float, b: float, power: float) -> Image:
    """Return the inside of an ellipse of half axes a and b whose corners `power` squares."""

    def raised(t: Image) -> Image:
        # exp and log of float32 are several times faster than its powers.
        result: Image = np.exp(np.float32(power) * np.log(np.abs(t) + np.float32(1e-6)))
        return result

    rho = np.exp(np.log(raised(x / a) + raised(y / b)) * np.float32(1.0 / power))
    # (1 - rho) times the mean radius is close enough to a distance near the outline.
    inside: Image = (1.0 - rho) * np.float32(0.5 * (a + b))
    return inside


def ellipse(x: Image, y: Image, a: float, b: float) -> Image:
    """Return the inside of an ellipse of half axes a and b."""
    rho = np.sqrt((x / a) ** 2 + (y / b) ** 2)
    inside: Image = (1.0 - rho) * np.float32(min(a, b))
    return inside


def round_min(f: Image, g: Image, radius: float) -> Image:
    """The smaller of two shape functions, with corners rounded over about `radius` mm."""
    h = np.maximum(np.float32(radius) - np.abs(f - g), 0.0)
    rounded: Image = np.minimum(f, g) - h * h * np.float32(0.25 / radius)
    return rounded


def cover(inside: Image, pixel_mm: float, soft: float = 1.0) -> Image:
    """Return how far each pixel is filled by a shape, in [0, 1]; its edge is `soft` pixels wide."""
    filled: Image = inside * np.float32(1.0 / (soft * pixel_mm)) + np.float32(0.5)
    # Twice as fast as np.clip on arrays as small as a rib.
    return np.minimum(np.maximum(filled, 0.0, out=filled), 1.0, out=filled)


def paint(
    image: Image, inside: Image, value: float | Image, pixel_mm: float, soft: float = 1.0
) -> None:
    """Blend `value` into `image` where the shape is."""
    image += cover(inside, pixel_mm, soft) * (value - image)


def box(grid: Grid, centre: tuple[float, float], reach: float) -> tuple[slice, slice]:
    """Return the rows and columns within `reach` mm of (x, y), cut at the image's border."""
    half = 0.5 * (grid.size - 1)
    column, row = centre[0] / grid.pixel_mm + half, centre[1] / grid.pixel_mm + half
    r = reach / grid.pixel_mm
    return (
        slice(max(int(row - r), 0), max(int(row + r) + 2, 0)),
        slice(max(int(column - r), 0), max(int(column + r) + 2, 0)),
    )


def near_points(grid: Grid, points: Points, reach: int) -> tuple[NDArray[np.int64], Image]:
    """Return the pixels round each point, and how far they are from it.

    Parameters
    ----------
    grid : Grid
    points : (P, 2) or wider array        x and y in mm; further columns are not looked at
    reach : int        pixels to each side

    Returns
    -------
    index : (P, K, K) int64 array        into the flattened image; K = 2 reach + 1
    away : (P, K, K) float32 array        distance in pixels
    """
    offset = np.arange(-reach, reach + 1)
    place = points[:, :2] / grid.pixel_mm + 0.5 * (grid.size - 1)
    nearest = np.clip(np.rint(place), reach, grid.size - 1 - reach).astype(np.int64)
    gap = (nearest[:, :, None] + offset - place[:, :, None]).astype(np.float32)
    away: Image = np.sqrt(gap[:, 0, None, :] ** 2 + gap[:, 1, :, None] ** 2)
    row, column = nearest[:, 1, None] + offset, nearest[:, 0, None] + offset
    return row[:, :, None] * grid.size + column[:, None, :], away


def union_of_discs(grid: Grid, points: Points, reach_mm: float) -> Image:
    """Return the inside of many discs at once, right up to `reach_mm` outside of each.

    Parameters
    ----------
    grid : Grid
    points : (P, 3) array        x, y and radius in mm
    reach_mm : float

    Returns
    -------
    inside : (size, size) float32 array        mm; further out than the reach it is -reach_mm
    """
    inside = np.full((grid.size, grid.size), -reach_mm, np.float32)
    # Wide discs are few: two sizes of neighbourhood save most of the work.
    wide = points[:, 2] > 2.0 * points[:, 2].sum() / max(len(points), 1)
    for part in (points[~wide], points[wide]):
        if len(part):
            reach = int((part[:, 2].max() + reach_mm) / grid.pixel_mm + 1.0)
            reach = min(reach, (grid.size - 1) // 2)
            index, away = near_points(grid, part, reach)
            depth = part[:, 2].astype(np.float32)[:, None, None] - away * np.float32(grid.pixel_mm)
            np.maximum.at(inside.reshape(-1), index.ravel(), depth.ravel())
    return inside
