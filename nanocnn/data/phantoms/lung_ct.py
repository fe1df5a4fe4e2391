"""Synthetic axial chest CT slices, with and without a lung nodule."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nanocnn.data.phantoms.chest import (
    FIELD_OF_VIEW_MM,
    LUNG_EDGE,
    Chest,
    another_slice,
    draw_chest,
    random_chest,
)
from nanocnn.data.phantoms.nodules import choose_sites, draw_benign, draw_nodule
from nanocnn.data.phantoms.series import check_series, patient_ids
from nanocnn.data.phantoms.shapes import Grid, Image, cover, make_grid
from nanocnn.data.phantoms.texture import ct_noise, hounsfield_window
from nanocnn.data.phantoms.vessels import draw_vessels

WINDOW_CENTRE_HU = -400.0
WINDOW_WIDTH_HU = 1400.0
NOISE_HU = (12.0, 20.0)
UNEVEN_HU = 14.0


class LungCT(NamedTuple):
    """Synthetic slices, two of each patient, in the order of the patients.

    Attributes
    ----------
    images : (n, size, size) float32 array in [0, 1]
    labels : (n,) int64 array        0 normal, 1 cancer
    masks : (n, size, size) bool array        the nodule's body; empty where the label is 0
    patients : (n,) int64 array        the same number, the same patient; see `lung_ct`
    diameters : (n,) float32 array        mm; of the nodule, or of the benign opacity in its stead
    """

    images: NDArray[np.float32]
    labels: NDArray[np.int64]
    masks: NDArray[np.bool_]
    patients: NDArray[np.int64]
    diameters: NDArray[np.float32]


def lung_ct(n: int, seed: int, size: int = 128, *, patients_from: int = 0) -> LungCT:
    """Make synthetic axial chest CT slices: half with one nodule, all with benign opacities.

    These are drawings, not scans. They are for learning, testing and timing; nothing found out on
    them holds for patients.

    Parameters
    ----------
    n : int
        How many slices.
    seed : int
        From 0 to 2**31 - 1. The same seed gives the same bits.
    size : int
        Pixels a side, at least 64; the field of view is 300 mm whatever the size.
    patients_from : int
        The number of the first patient. Slice k is of patient ``patients_from + k // 2``.

    Returns
    -------
    phantoms : LungCT
        Grey images in the window centre -400 HU, width 1400 HU: 0 is -1100 HU and below, 1 is
        300 HU and above.

    Raises
    ------
    TypeError
        If an argument is not a whole number.
    ValueError
        If an argument is out of its range.

    Notes
    -----
    *Patients.* Each has two slices: one through the nodule (label 1), one beside it (label 0), in
    random order. So the classes differ in number by at most one, and anatomy says nothing of
    the label. A slice depends on seed, patient and its place in the pair, never on `n`. A patient's
    id is ``seed * 2**32 + number``: other seeds, or the same seed with `patients_from` past
    the last patient, give other patients. So two ways to share none between training and test are

    >>> train, test = lung_ct(10, seed=0), lung_ct(4, seed=0, patients_from=5)
    >>> train, test = lung_ct(10, seed=0), lung_ct(4, seed=1)

    *What differs.* Each slice has one to three opacities; in a slice of label 1 one of them is the
    nodule, lobulated, spiculated and full of lucencies. The others are benign: smooth, round or
    oval, half of them calcified at the core. Both kinds draw diameter (28 to 44 mm), density
    (0 to 150 HU), calcium and site from the same distributions, and a benign opacity is made of
    exactly the pixels that a nodule there might have had, sorted from the middle outwards. So
    brightness, area, mass and histogram tell the classes apart no better than chance, while
    margin and texture do. A detector of fine texture made by hand for these drawings does well too.

    *Where it departs from real CT.* The nodules are large (above 30 mm a radiologist says mass),
    their spicules and lucencies stronger and more regular than in life, where besides some cancers
    are smooth and some granulomas spiculated. The lungs' surface and the vessels along the plane
    are two pixels soft, all else one. The vessels are flat trees without airways beside them; there
    are no fissures, emphysema, effusion, motion or streaks; fat, muscle, heart and bone are plain
    ovals of one density.
    """
    n, seed, size, patients_from = check_series("lung_ct", n, seed, size, patients_from, 2)
    grid = make_grid(size, FIELD_OF_VIEW_MM)
    result = LungCT(
        images=np.empty((n, size, size), np.float32),
        labels=np.empty(n, np.int64),
        masks=np.zeros((n, size, size), np.bool_),
        patients=patient_ids(n, seed, patients_from, 2),
        diameters=np.empty(n, np.float32),
    )
    for k in range(n):
        number, place = patients_from + k // 2, k % 2
        # Stream 0 of a patient is the anatomy, streams 1 and 2 the slices.
        rng = np.random.default_rng([seed, number, 0])
        chest = random_chest(rng)
        result.labels[k] = rng.integers(2) ^ place
        rng = np.random.default_rng([seed, number, 1 + place])
        result.images[k], result.diameters[k] = _draw_slice(
            grid, chest, result.masks[k] if result.labels[k] else None, rng
        )
    return result


def _draw_slice(
    grid: Grid, patient: Chest, mask: NDArray[np.bool_] | None, rng: np.random.Generator
) -> tuple[Image, float]:
    """Return one slice and its first opacity's diameter: a nodule if there is a mask to fill."""
    chest = another_slice(patient, rng)
    hu, depth = draw_chest(grid, chest, rng)
    draw_vessels(hu, grid, chest, depth, rng)
    sites = choose_sites(rng, grid, depth, int(rng.integers(1, 4)))
    lung = cover(depth, grid.pixel_mm, LUNG_EDGE)
    for site in sites:
        if mask is not None and site is sites[0]:
            draw_nodule(hu, mask, lung, grid, site, rng)
        else:
            draw_benign(hu, lung, grid, site, rng)
    hu += ct_noise(rng, grid.size, grid.pixel_mm, noise=rng.uniform(*NOISE_HU), uneven=UNEVEN_HU)
    return hounsfield_window(hu, WINDOW_CENTRE_HU, WINDOW_WIDTH_HU), sites[0].diameter
