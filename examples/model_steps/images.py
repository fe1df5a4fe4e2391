"""The images: three parts of synthetic patients, or of a data set."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import nanocnn as nc

SYNTHETIC = "synthetic images (phantoms), not patients"
PHANTOMS = {"train": 400, "val": 600, "test": 600}
SLICES = 2  # of each patient
SIZE = 64
DIFFICULTY = 0.7
PREVALENCE = 0.3
SPLIT_SEED = 0  # not the seed of a run: all runs see the same parts


class Part(NamedTuple):
    """Images (N, H, W, C) float32 in [0, 1], labels (N,), and whose they are, if known."""

    images: NDArray[np.float32]
    labels: NDArray[np.int64]
    patients: NDArray[Any] | None


class Data(NamedTuple):
    """Three parts that share no patient."""

    train: Part
    val: Part
    test: Part
    classes: tuple[str, ...]
    note: str | None


def draw_phantoms(limit: int | None) -> Data:
    """Draw slices of heads, some of which have a tumour: few for training, many to measure on."""
    parts, patients = [], 0
    for n in PHANTOMS.values():
        n = min(n, limit or n)
        drawn = nc.data.phantoms.brain_mri(
            n, 0, SIZE, difficulty=DIFFICULTY, prevalence=PREVALENCE, slices=SLICES,
            patients_from=patients,
        )  # fmt: skip
        patients += -(-n // SLICES)
        parts.append(Part(drawn.images[..., np.newaxis], drawn.labels, drawn.patients))
    return Data(*parts, classes=("no tumour", "glioma"), note=SYNTHETIC)


def read_data(path: str, size: int, limit: int | None) -> Data:
    """Read a folder or an .npz file; what it does not split itself is split here."""
    dataset = nc.data.open(path)
    if dataset.paths is not None:  # files may be of any size
        dataset = nc.data.open(path, size=size)
    if dataset.has_masks or len(dataset.classes) < 2:
        raise nc.data.DataError(f"{path!r} has no classes; needed are images with labels")
    parts = []
    for indices in split(dataset):
        if limit is not None and limit < len(indices):
            few = (limit / len(indices), 1 - limit / len(indices))
            indices = indices[nc.data.stratified_split(dataset.labels[indices], few, 0)[0]]
        part = dataset.subset(indices)
        images, labels = part.arrays()
        parts.append(Part(images.reshape(*images.shape[:3], -1), labels, part.groups))
    return Data(*parts, classes=dataset.classes, note=None)


def split(dataset: nc.data.ImageDataset) -> list[NDArray[np.int64]]:
    """Return the indices of the three parts."""

    def divide(index: NDArray[np.int64], shares: tuple[float, ...]) -> list[NDArray[np.int64]]:
        groups = None if dataset.groups is None else dataset.groups[index]
        parts = nc.data.stratified_split(dataset.labels[index], shares, SPLIT_SEED, groups=groups)
        return [index[part] for part in parts]

    index = np.arange(len(dataset))
    if dataset.split is None:
        return divide(index, (0.7, 0.15, 0.15))
    train, val, test = (index[dataset.split == name] for name in ("train", "val", "test"))
    if not val.size:
        train, val = divide(train, (0.85, 0.15))
    return [train, val, test]
