"""Fundus photographs with their vessels and fields of view: a file of real ones, or phantoms.

What was photographed is a round field; around it the frame is black. Nobody marked vessels there,
so these pixels count neither in training nor in any measure.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

import nanocnn as nc

PARTS = {"train": 0, "val": 1, "test": 2}
ARRAYS = ("images", "vessels", "vessels2", "fov", "patient", "split")
GREY = 0.5  # what `local_contrast` makes of an even surface, and of the frame


class Photographs(NamedTuple):
    """One part of the data.

    Attributes
    ----------
    images : (N, H, W, 3) float32 array in [0, 1]
    vessels : (N, H, W) bool array        as the first observer drew them
    field : (N, H, W) bool array        the field of view
    patients : (N,) array        both eyes of a patient share a name
    grades : (N,) int64 array or None        of retinopathy, 0 to 4
    second : (N, H, W) bool array or None        vessels as another observer drew them
    """

    images: NDArray[np.float32]
    vessels: NDArray[np.bool_]
    field: NDArray[np.bool_]
    patients: NDArray[np.int64]
    grades: NDArray[np.int64] | None = None
    second: NDArray[np.bool_] | None = None


def draw_phantoms(
    n: int, seed: int, first_patient: int, size: int = 128, difficulty: float = 0.3
) -> Photographs:
    """Draw synthetic photographs; those of other patients are other photographs."""
    drawn = nc.data.phantoms.fundus(
        n, seed, size, difficulty=difficulty, patients_from=first_patient
    )
    field = drawn.images.max(axis=-1) > 0
    return Photographs(drawn.images, drawn.vessels, field, drawn.patients, drawn.labels)


def read_photographs(path: str, part: str, limit: int | None = None) -> Photographs:
    """Read one part of a file in the format of `chasedb1_480.npz`, and nothing of the others.

    Arrays: images (N, H, W, 3) uint8; vessels, vessels2 (observers 1 and 2) and fov, bit-packed
    masks (N, H, W / 8); patient (N,); split (N,), 0 train, 1 val, 2 test.
    """
    with np.load(path, allow_pickle=False) as file:
        missing = [name for name in ARRAYS if name not in file.files]
        if missing:
            raise nc.data.DataError(
                f"{path} has no array {', '.join(missing)}; needed are {', '.join(ARRAYS)}, as in "
                "chasedb1_480.npz"
            )
        chosen = np.flatnonzero(file["split"] == PARTS[part])[:limit]
        if not chosen.size:
            raise nc.data.DataError(f"{path} has no photograph of the part {part!r}: see its split")
        images = file["images"][chosen]
        if images.ndim != 4 or images.shape[-1] != 3 or images.dtype != np.uint8:
            raise nc.data.DataError(
                f"{path}: images are {images.dtype} {images.shape}; needed are uint8 (N, H, W, 3)"
            )
        masks = [
            np.unpackbits(file[name][chosen], axis=-1).astype(bool)
            for name in ("vessels", "fov", "vessels2")
        ]
        patients = file["patient"][chosen].astype(np.int64)
    for mask in masks:
        if mask.shape != images.shape[:3]:
            raise nc.data.DataError(
                f"{path}: a mask has shape {mask.shape} and the images {images.shape[:3]}"
            )
    vessels, field, second = masks
    return Photographs(images / np.float32(255), vessels, field, patients, second=second)


def local_contrast(
    images: NDArray[np.float32], field: NDArray[np.bool_], share: float = 1 / 30
) -> NDArray[np.float32]:
    """Return how far each pixel is from the mean around it, in standard deviations around it.

    Light falls unevenly on a retina, and pigment differs from patient to patient; a vessel is what
    is darker than its neighbourhood. Mean and deviation are Gaussian-weighted over the pixels in
    the field of view, of a standard deviation of `share` of the side. From -3 to 3 deviations go to
    [0, 1], where augmentation takes place.
    """
    sigma = min(16.0, share * images.shape[1])
    blur = nc.data.transforms.Denoise(method="gaussian", strength=sigma)
    inside = field[..., None].astype(np.float32)
    seen = np.maximum(blur(inside), np.float32(1e-3))
    deviation = (images - blur(images * inside) / seen) * inside
    spread = np.sqrt(blur(deviation * deviation) / seen) + np.float32(0.01)  # noise is no contrast
    contrast: NDArray[np.float32] = np.clip(GREY + deviation / (6 * spread), 0, 1)
    return contrast
