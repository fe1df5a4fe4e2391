"""Nodules slice by slice: what a part of the data is, read from a file."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

import nanocnn as nc

PARTS = ("train", "val", "test")  # 0, 1 and 2 in the file
SMALLEST = 40
NEEDED = ("images", "labels", "malignancy", "nodule", "exam", "split")


class Part(NamedTuple):
    """Slices of nodules, each nodule with all its slices.

    Attributes
    ----------
    images : (N, 64, 64, 1) float32 array in [0, 1]     0 outside of the nodule
    labels : (N,) int64 array       0 benign, 1 malignant
    ratings : (N,) int array        1 and 2 benign, 4 and 5 malignant; 2 and 4 are less sure
    nodules, patients : (N,) int arrays     equal numbers, equal nodule or patient
    diameters : (N,) float32 array in mm, or None       of phantoms: as wide as it was drawn
    """

    images: np.ndarray
    labels: np.ndarray
    ratings: np.ndarray
    nodules: np.ndarray
    patients: np.ndarray
    diameters: np.ndarray | None = None

    def first_nodules(self, limit: int | None) -> Part:
        """Return the part with no more than `limit` nodules, all slices of each."""
        if limit is None:
            return self
        # As many of both kinds, or a small part may hold one only.
        kept: list[int] = []
        for label in (0, 1):
            of_kind = np.unique(self.nodules[self.labels == label])
            kept += of_kind[: (limit + 1 - label) // 2].tolist()
        return self.take(np.isin(self.nodules, kept))

    def take(self, chosen: np.ndarray) -> Part:
        """Return the chosen slices."""
        return Part(*(None if field is None else field[chosen] for field in self))

    def areas(self) -> np.ndarray:
        """Return how many pixels of each slice show the nodule: the whole baseline."""
        return (self.images > 0).sum(axis=(1, 2, 3)).astype(np.float64)


class Data(NamedTuple):
    """Three parts that share no patient. The test part of real data is there only if asked for."""

    train: Part
    val: Part
    test: Part | None


def read(path: str | Path, with_test: bool = False) -> Data:
    """Read an .npz file made as `lidc_nodule_64.npz` is."""
    name = Path(path).name
    try:
        # Opened here: NumPy leaves a file open that turns out to be no archive.
        with open(path, "rb") as file:
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise ValueError("it holds a bare array")
            if missing := [key for key in NEEDED if key not in archive.files]:
                raise ValueError(f"it has no {', '.join(missing)}")
            arrays = {key: archive[key] for key in NEEDED}
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise nc.data.DataError(
            f"file {name!r} cannot be read ({error}); needed is an .npz archive of "
            f"{', '.join(NEEDED)}"
        ) from None
    parts = [
        _part({key: array[arrays["split"] == number] for key, array in arrays.items()}, where, name)
        if where != "test" or with_test
        else None
        for number, where in enumerate(PARTS)
    ]
    return Data(*parts)


def _part(found: dict[str, np.ndarray], where: str, name: str) -> Part:
    images, labels, what = found["images"], found["labels"], f"the {where} part of {name!r}"
    if images.ndim != 3 or images.dtype != np.uint8 or min(images.shape[1:]) < SMALLEST:
        raise nc.data.DataError(
            f"images of {what} are {images.shape} {images.dtype}; needed are (N, H, W) uint8 of "
            f"{SMALLEST} pixels a side or more"
        )
    if set(np.unique(labels).tolist()) != {0, 1}:
        raise nc.data.DataError(
            f"labels of {what} are {np.unique(labels).tolist()}; needed are 0 (benign) and 1 "
            "(malignant), both of them and nothing else"
        )
    ratings = found["malignancy"]
    if not np.array_equal(np.isin(ratings, (1, 2)), labels == 0) or ratings.max() > 5:
        raise nc.data.DataError(
            f"malignancy and labels of {what} disagree; 1 and 2 go with 0, 4 and 5 with 1"
        )
    if not images.any(axis=(1, 2)).all():
        raise nc.data.DataError(f"some images of {what} are empty; each must show its nodule")
    return Part(
        images=images[..., None].astype(np.float32) / 255,
        labels=labels.astype(np.int64),
        ratings=ratings.astype(np.int64),
        nodules=found["nodule"].astype(np.int64),
        patients=found["exam"].astype(np.int64),
    )
