"""Synthetic photographs of the fundus, with diabetic retinopathy of five grades."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nanocnn.data.phantoms.retina import (
    BLOOD,
    FIELD_MM,
    FIELD_OF_VIEW_MM,
    Colouring,
    draw_marks,
    draw_retina,
    random_colouring,
)
from nanocnn.data.phantoms.retinopathy import (
    EXUDATE_COLOUR,
    choose_sites,
    draw_lesions,
    random_counts,
)
from nanocnn.data.phantoms.series import check_series, even_share, fraction, patient_ids
from nanocnn.data.phantoms.shapes import Grid, Image, cover, make_grid
from nanocnn.data.phantoms.texture import blur

N_GRADES = 5
BETWEEN_EYES = 0.1


class Fundus(NamedTuple):
    """Synthetic photographs, the right and the left eye of each patient in turn.

    Attributes
    ----------
    images : (n, size, size, 3) float32 array in [0, 1]        red, green, blue
    labels : (n,) int64 array        grade of retinopathy, 0 to 4; see `fundus`
    vessels : (n, size, size) bool array        arteries and veins of the retina
    masks : (n, size, size) uint8 array
        0 background, 1 microaneurysm, 2 haemorrhage, 3 exudate, 4 new vessels
    patients : (n,) int64 array        the same number, the same patient; see `lung_ct`
    eyes : (n,) str array        "right" or "left"
    counts : (n, 4) int64 array        how many lesions of each kind, in the order of the masks
    """

    images: NDArray[np.float32]
    labels: NDArray[np.int64]
    vessels: NDArray[np.bool_]
    masks: NDArray[np.uint8]
    patients: NDArray[np.int64]
    eyes: NDArray[np.str_]
    counts: NDArray[np.int64]


class Camera(NamedTuple):
    """How bright and in what tint one patient was photographed.

    `slope` is how much brighter the right and the lower edge are than the middle.
    """

    exposure: Image
    vignette: float
    slope: tuple[float, float] = (0.0, 0.0)


def fundus(
    n: int,
    seed: int = 0,
    size: int = 128,
    *,
    difficulty: float = 0.5,
    prevalence: Sequence[float] = (0.2, 0.2, 0.2, 0.2, 0.2),
    patients_from: int = 0,
) -> Fundus:
    r"""Make synthetic photographs of the fundus with diabetic retinopathy of the grades 0 to 4.

    These are drawings, not photographs. They are for learning, testing and timing; nothing found
    out on them holds for patients.

    Parameters
    ----------
    n : int
        How many photographs.
    seed : int
        From 0 to 2**31 - 1. The same seed gives the same bits.
    size : int
        Pixels a side, at least 64; the field is 45 degrees, 13.1 mm of retina, whatever the size.
    difficulty : float
        From 0 to 1; see Notes.
    prevalence : five floats that add up to 1
        Share of the photographs of each grade.
    patients_from : int
        The number of the first patient. Photograph k is of patient ``patients_from + k // 2``, of
        the right eye if k is even.

    Returns
    -------
    phantoms : Fundus

    Raises
    ------
    TypeError
        If an argument is not a number, or not a whole number where one is needed.
    ValueError
        If an argument is out of its range.

    Notes
    -----
    *Light.* Where :math:`r_c` is what the healthy retina reflects in channel c, b the thickness of
    blood in the way, :math:`a_c` its optical density (0.30, 0.95, 0.70 for red, green, blue), e the
    cover of exudate of the colour :math:`E_c`, and :math:`L_c` the uneven light of the camera,

    .. math:: I_c = L_c \left[ (1 - e)\, r_c\, e^{-a_c b} + e\, E_c \right]

    is blurred, given noise and cut to [0, 1]. A microaneurysm or a haemorrhage has b = 1.05 at
    difficulty 0, and so takes 63 % of the green light.

    *Grades.* The international clinical scale (C. P. Wilkinson et al., Ophthalmology 110 (2003),
    1677-1682), simplified until numbers of lesions decide alone; the first rule that fits:

    ===  =============  =============================================================
    4    proliferative  any new vessels
    3    severe         at least 5 haemorrhages in each of four quadrants about the fovea
    2    moderate       any haemorrhage or exudate
    1    mild           microaneurysms alone
    0    none           nothing
    ===  =============  =============================================================

    The scale says more than 20 haemorrhages a quadrant, of a wider field than is drawn here; venous
    beading, microvascular abnormalities, vitreous haemorrhage and macular oedema are left out.

    *Patients.* A photograph depends on seed, patient and eye, never on `n`. The ids are made as in
    `lung_ct`, so other seeds, or `patients_from` past the last patient, give other patients. Both
    eyes of a patient share pigment, light and the vessels' winding, and have the same or a
    neighbouring grade; their vessels are others, as in life.

    *What differs.* At difficulty d, lesions keep 1 - 0.5 d of their blood or whiteness and
    1 - 0.26 d of their radius; blur (0.03 + 0.08 d mm), noise (0.008 + 0.022 d) and the slope of
    the light grow; and there may be 22 d drusen, pale, and 10 d specks of pigment, dark, which are
    no lesions, whatever the grade. Exposure and pigment vary far more than lesions change the mean.

    *Where it departs from life.* Vessels, microaneurysms and exudates are drawn about twice as
    large, for a pixel of 0.1 mm to show them; lesions touch neither each other nor the disc, so
    that they can be counted; no cotton-wool spots, laser scars, haze, lashes or reflections.
    """
    name = "fundus"
    n, seed, size, patients_from = check_series(name, n, seed, size, patients_from, 2)
    difficulty = fraction(name, "difficulty", difficulty)
    steps = _check_prevalence(prevalence)
    grid = make_grid(size, FIELD_OF_VIEW_MM)
    result = Fundus(
        images=np.empty((n, size, size, 3), np.float32),
        labels=np.empty(n, np.int64),
        vessels=np.empty((n, size, size), np.bool_),
        masks=np.empty((n, size, size), np.uint8),
        patients=patient_ids(n, seed, patients_from, 2),
        eyes=np.array(["right", "left"])[np.arange(n) % 2],
        counts=np.empty((n, 4), np.int64),
    )
    for k in range(n):
        number, place = patients_from + k // 2, k % 2
        # Stream 0 of a patient is what both eyes share, streams 1 and 2 are the eyes.
        rng = np.random.default_rng([seed, number, 0])
        patient, camera = random_colouring(rng), _random_camera(rng)
        rng = np.random.default_rng([seed, number, 1 + place])
        severity = even_share(seed, number) + rng.uniform(-BETWEEN_EYES, BETWEEN_EYES)
        # Reflected at both ends, it still fills [0, 1] evenly.
        grade = int(np.searchsorted(steps, 1.0 - abs(1.0 - abs(severity)), side="right"))
        result.labels[k] = grade
        _draw_eye(result, k, grid, patient, camera, difficulty, rng)
    return result


def _check_prevalence(prevalence: Sequence[float]) -> NDArray[np.float64]:
    """Return where in [0, 1] the grades 1 to 4 begin."""
    try:
        shares = [fraction("fundus", "a share of prevalence", share) for share in prevalence]
    except TypeError:
        raise TypeError(f"prevalence is {prevalence!r}; fundus needs five numbers") from None
    if len(shares) != N_GRADES or not math.isclose(sum(shares), 1.0, abs_tol=1e-6):
        raise ValueError(
            f"prevalence is {prevalence!r}; fundus needs five shares, of grade 0 to 4, that add up "
            "to 1"
        )
    starts: NDArray[np.float64] = np.cumsum(shares[:-1])
    # Rounding must not leave a last grade that nobody is to have.
    starts[starts > 1.0 - 1e-6] = 2.0
    return starts


def _draw_eye(
    result: Fundus,
    k: int,
    grid: Grid,
    patient: Colouring,
    camera: Camera,
    difficulty: float,
    rng: np.random.Generator,
) -> None:
    """Fill in photograph `k`, of the grade that its label says."""
    counts = random_counts(int(result.labels[k]), rng)
    # Its own stream, since it is asked for more numbers the more pixels there are.
    grain = rng.spawn(1)[0]
    turn, slope = rng.uniform(0, 2 * np.pi), (0.12 + 0.3 * difficulty) * rng.uniform(0.2, 1.0)
    camera = camera._replace(slope=(slope * np.cos(turn), slope * np.sin(turn)))
    retina = draw_retina(grid, patient, rng, grain)
    sites = choose_sites(counts, retina.eye, 1.15 - 0.3 * difficulty, rng)
    draw_marks(retina.colour, grid, retina.eye, difficulty, rng)
    exudate, mask = draw_lesions(grid, retina, sites, 1.0 - 0.5 * difficulty, rng)
    light = retina.blood[:, :, None] * -BLOOD
    np.exp(light, out=light)
    light *= retina.colour
    shade = np.float32(1.0 - 0.25 * patient.pigment)
    light += exudate[:, :, None] * (shade * EXUDATE_COLOUR - light)
    # All eyes are drawn as right ones; a left one is the mirror image.
    way = slice(None, None, -1 if k % 2 else 1)
    result.images[k] = _photograph(grid, light[:, way], camera, difficulty, grain)
    result.vessels[k], result.masks[k] = retina.vessels[:, way], mask[:, way]
    n_haemorrhages = sum(counts.haemorrhages)
    result.counts[k] = counts.microaneurysms, n_haemorrhages, counts.exudates, counts.new_vessels


def _random_camera(rng: np.random.Generator) -> Camera:
    exposure = rng.uniform(0.75, 1.15) * rng.uniform(0.93, 1.07, 3)
    return Camera(exposure.astype(np.float32), rng.uniform(0.2, 0.5))


def _photograph(
    grid: Grid, scene: Image, camera: Camera, difficulty: float, rng: np.random.Generator
) -> Image:
    """Light the scene unevenly, blur it, add noise, and look through the camera's round field."""
    x, y = grid.x / np.float32(FIELD_MM), grid.y / np.float32(FIELD_MM)
    light = 1.0 - np.float32(camera.vignette) * (x * x + y * y)
    light += np.float32(camera.slope[0]) * x + np.float32(camera.slope[1]) * y
    image = scene * light[:, :, None]
    image *= camera.exposure
    image = blur(image, (0.03 + 0.08 * difficulty) / grid.pixel_mm)
    noise = rng.standard_normal(image.shape, np.float32)
    noise *= np.float32(0.008 + 0.022 * difficulty)
    image += noise
    np.clip(image, 0.0, 1.0, out=image)
    image *= cover(np.float32(FIELD_MM) - np.hypot(grid.x, grid.y), grid.pixel_mm)[:, :, None]
    return image
