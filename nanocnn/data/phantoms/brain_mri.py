"""Synthetic axial MRI slices of the head, with and without a glioma."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nanocnn.data.phantoms.brain import FIELD_OF_VIEW_MM, Head, Tissue, draw_head, random_head
from nanocnn.data.phantoms.glioma import (
    CORE,
    OEDEMA,
    Glioma,
    Lesions,
    Spots,
    draw_lesions,
    push_of,
    random_glioma,
    random_spots,
)
from nanocnn.data.phantoms.series import check_series, even_share, fraction, patient_ids, whole
from nanocnn.data.phantoms.shapes import Grid, Image, make_grid
from nanocnn.data.phantoms.texture import bias_field, rician_noise, smooth_field

SPACING_MM = 4.0
MOST_SLICES = 16
GRAIN_MM, GRAIN = 5.0, 0.025
FLAIR = {
    "skin": 0.40, "fat": 0.66, "muscle": 0.30, "bone": 0.04, "marrow": 0.34,
    "csf": 0.07, "grey": 0.47, "white": 0.37, "deep": 0.43,
    "spots": 0.74, "oedema": 0.78, "core": 0.66, "dead": 0.34,
}  # fmt: skip
T1 = {
    "skin": 0.42, "fat": 0.92, "muscle": 0.40, "bone": 0.05, "marrow": 0.55,
    "csf": 0.12, "grey": 0.46, "white": 0.68, "deep": 0.53,
    "spots": 0.52, "oedema": 0.46, "core": 0.40, "dead": 0.20,
}  # fmt: skip
SIGNALS = {"flair": FLAIR, "t1": T1, "t1ce": {**T1, "core": 0.98}}


class BrainMRI(NamedTuple):
    """Synthetic slices, the same number of each patient, in the order of the patients.

    Attributes
    ----------
    images : (n, size, size) float32 array in [0, 1]
    labels : (n,) int64 array        0 no tumour, 1 glioma
    masks : (n, size, size) uint8 array        0 background, 1 oedema, 2 tumour core
    patients : (n,) int64 array        the same number, the same patient; see `brain_mri`
    """

    images: NDArray[np.float32]
    labels: NDArray[np.int64]
    masks: NDArray[np.uint8]
    patients: NDArray[np.int64]


class Patient(NamedTuple):
    """All that the slices of one patient share; `glioma` is where one lies, if `ill`."""

    head: Head
    glioma: Glioma
    spots: Spots
    ill: bool
    bias: Image


def brain_mri(
    n: int,
    seed: int = 0,
    size: int = 128,
    *,
    sequence: str = "flair",
    difficulty: float = 0.5,
    prevalence: float = 0.5,
    slices: int = 4,
    patients_from: int = 0,
) -> BrainMRI:
    r"""Make synthetic axial MRI slices of heads, some of which have a glioma with oedema.

    These are drawings, not scans. They are for learning, testing and timing; nothing found out on
    them holds for patients.

    Parameters
    ----------
    n : int
        How many slices.
    seed : int
        From 0 to 2**31 - 1. The same seed gives the same bits.
    size : int
        Pixels a side, at least 64; the field of view is 228 mm whatever the size.
    sequence : {"flair", "t1", "t1ce"}
        What is bright: on FLAIR, oedema; on T1, fat and white matter; on T1 with contrast agent
        (t1ce) also the tumour's living rim. Patients, places and masks are the same on all three.
    difficulty : float
        From 0 to 1; see Notes.
    prevalence : float
        Share of the patients who have a glioma, from 0 to 1.
    slices : int
        Slices of each patient, 1 to 16, neighbours 4 mm apart.
    patients_from : int
        The number of the first patient. Slice k is of patient ``patients_from + k // slices``.

    Returns
    -------
    phantoms : BrainMRI

    Raises
    ------
    TypeError
        If an argument is not a number, or not a whole number where one is needed.
    ValueError
        If an argument is out of its range.

    Examples
    --------
    Three sequences as the three channels of one image:

    >>> parts = [brain_mri(4, sequence=s) for s in ("t1", "t1ce", "flair")]
    >>> np.stack([part.images for part in parts], axis=-1).shape
    (4, 128, 128, 3)

    Notes
    -----
    *Signal.* With :math:`p_k` the part of a pixel that tissue k fills, :math:`s_k` the tissue's
    brightness on the sequence, g the scanner's gain (0.8 to 1.1), :math:`B` the coils' uneven
    sensitivity and :math:`n_1, n_2` standard normal, an image is

    .. math:: I = \left| g\, B \sum_k p_k s_k + \sigma (n_1 + i\, n_2) \right|

    cut at 1: Rician noise of :math:`\sigma = 0.012 + 0.05\, d` at the difficulty d.

    *Patients.* A slice depends on seed, patient and its place in the patient, never on `n`. The ids
    are made as in `lung_ct`, so other seeds, or `patients_from` past the last patient, give other
    patients. The patients with a glioma are spread evenly over the numbers, so of any
    patients in a row their share is `prevalence` to within a patient or two. The slices of a
    patient lie round the middle of the tumour, or of the place where one would be if there were
    one; so anatomy and height say nothing of the label. With many slices a small tumour ends before
    they do: a slice that it does not reach has an empty mask and the label 0.

    *What differs.* A glioma is a lobulated core, solid round a dead middle, that pushes the brain
    aside, in oedema that spreads along white matter and spares cortex and nuclei. All patients,
    with and without one, may have spots in their white matter about as bright as oedema, such as
    ageing leaves. At difficulty d, all lesions keep 1 - 0.6 d of their contrast to white matter,
    the core's radius (13 to 22 mm) shrinks to 1 - 0.55 d of itself, there may be 4 + 22 d spots,
    and :math:`\log B` runs over 0.15 + 0.5 d to both sides at most. The heads stay the same.

    *Where it departs from real MRI.* One kind of tumour, one round lump each, never in the
    brainstem or across the midline; sulci are drawn curves that follow no atlas; no eyes, vessels,
    cerebellum, haemorrhage, motion or ghosts; each tissue has one brightness on all heads.
    """
    name = "brain_mri"
    slices = whole(name, "slices", slices, 1, MOST_SLICES)
    n, seed, size, patients_from = check_series(name, n, seed, size, patients_from, slices)
    difficulty = fraction(name, "difficulty", difficulty)
    prevalence = fraction(name, "prevalence", prevalence)
    if sequence not in SIGNALS:
        raise ValueError(f"sequence is {sequence!r}; {name} draws {', '.join(SIGNALS)}")
    grid = make_grid(size, FIELD_OF_VIEW_MM)
    result = BrainMRI(
        images=np.empty((n, size, size), np.float32),
        labels=np.empty(n, np.int64),
        masks=np.zeros((n, size, size), np.uint8),
        patients=patient_ids(n, seed, patients_from, slices),
    )
    for k in range(n):
        number, place = patients_from + k // slices, k % slices
        if place == 0:
            # Stream 0 of a patient is the head and its lesions, the others are the slices.
            rng = np.random.default_rng([seed, number, 0])
            ill = even_share(seed, number) < prevalence
            patient = _random_patient(grid, ill, difficulty, rng)
        rng = np.random.default_rng([seed, number, 1 + place])
        z = patient.glioma.z + SPACING_MM * (place - 0.5 * (slices - 1))
        result.images[k], result.masks[k] = _draw_slice(
            grid, patient, z, SIGNALS[sequence], difficulty, rng
        )
        result.labels[k] = result.masks[k].any()
    return result


def _random_patient(grid: Grid, ill: bool, difficulty: float, rng: np.random.Generator) -> Patient:
    half = 0.5 * FIELD_OF_VIEW_MM
    gain = np.float32(rng.uniform(0.8, 1.1))
    return Patient(
        bias=gain * bias_field(rng, grid.x / half, grid.y / half, 0.15 + 0.5 * difficulty),
        head=random_head(rng),
        glioma=random_glioma(rng, difficulty),
        spots=random_spots(rng, difficulty),
        ill=ill,
    )


def _draw_slice(
    grid: Grid,
    patient: Patient,
    z: float,
    signals: dict[str, float],
    difficulty: float,
    rng: np.random.Generator,
) -> tuple[Image, NDArray[np.uint8]]:
    """Return one slice and its mask."""
    glioma = patient.glioma if patient.ill else None
    tissue = draw_head(grid, patient.head, z, push_of(glioma, z) if glioma else None)
    lesions = draw_lesions(grid, tissue, patient.spots, glioma, z)
    signal = _mix(tissue, lesions, signals, 1.0 - 0.6 * difficulty)
    signal *= 1.0 + np.float32(GRAIN) * smooth_field(rng, grid.size, GRAIN_MM / grid.pixel_mm)
    signal *= patient.bias
    image = rician_noise(signal, 0.012 + 0.05 * difficulty, rng)
    mask = np.where(lesions.oedema > 0.5, np.uint8(OEDEMA), np.uint8(0))
    mask[lesions.core > 0.5] = CORE
    return np.minimum(image, 1.0), mask


def _mix(tissue: Tissue, lesions: Lesions, signals: dict[str, float], contrast: float) -> Image:
    """Paint the tissues over each other, then the lesions with less contrast to white matter."""
    signal = np.zeros_like(tissue.white)
    for name, filled in tissue.layers:
        signal += filled * (signals[name] - signal)
    white = signals["white"]
    for name, filled in lesions._asdict().items():
        signal += filled * (white + contrast * (signals[name] - white) - signal)
    return signal
