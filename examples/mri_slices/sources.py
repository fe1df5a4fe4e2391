"""Slices and their masks, split by patient or volume: phantoms, your own files, hippocampi."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import nanocnn as nc

PATIENTS = {"train": 100, "val": 30, "test": 30}  # synthetic ones
SLICES = 4  # of each
SLICE_DISTANCE_MM, FIELD_MM = 4.0, 228.0
SEQUENCES = ("flair", "t1", "t1ce")  # the channels; pictures show the first
FRACTIONS = (0.7, 0.15, 0.15)
AXIS = 0  # of the hippocampus volumes; chosen on their validation part, as is NEIGHBOURS
NEIGHBOURS = 1  # slices to each side that are channels beside the one that is segmented
FARTHEST = 4.0  # deviations from a volume's mean that a grey value keeps
EMPTY_KEPT = 3  # of the training slices without structure every third is: the rest says nothing new
HIPPOCAMPUS = ("background", "anterior hippocampus", "posterior hippocampus")

SYNTHETIC = "synthetic images (phantoms), not patients"
NO_TUMOUR = "healthy hippocampi on real MRI: a hippocampus is no tumour"


class Data(NamedTuple):
    """Parts that share no patient or volume; `groups` of each are its cases.

    Attributes
    ----------
    kind : str      "phantoms", "hippocampus" or "files": which recipe is for them
    name : str
    train, val : ImageDataset with masks
    test : the same, or None: not opened
    classes : names, class 0 first
    channel : int       that pictures show
    preparation : nanocnn.data.Preparation
    spacing, unit : (3,) mm between slices, rows and columns, or None; the unit of distances
    note : str          what the images are
    """

    kind: str
    name: str
    train: nc.data.ImageDataset
    val: nc.data.ImageDataset
    test: nc.data.ImageDataset | None
    classes: tuple[str, ...]
    channel: int
    preparation: nc.data.Preparation
    spacing: tuple[float, float, float] | None
    unit: str
    note: str


def open_data(path: str | None, seed: int, limit: int | None, size: int, test: bool) -> Data:
    """Draw phantoms, or open what is at `path`; the test part only if it is asked for."""
    if path is None:
        return phantoms(seed, limit, size, test)
    if is_hippocampus(Path(path)):
        return hippocampus(path, limit=limit, test=test)
    return files(path, seed, limit, size, test)


def phantoms(seed: int, limit: int | None, size: int, test: bool) -> Data:
    """Draw heads, most with a glioma: three sequences of each slice as its channels."""
    parts, first = [], 0
    for name, n in PATIENTS.items():
        n = min(n, limit or n)
        if name != "test" or test:
            parts.append(draw_patients(n, seed, first, size))
        first += n
    return Data(
        "phantoms",
        f"{SEQUENCES[0]} and others, {size}x{size}",
        *(parts if test else [*parts, None]),
        classes=("background", "oedema", "tumour core"),
        channel=0,
        preparation=nc.data.Preparation(transforms=nc.data.transforms.ZScore(per_image=True)),
        spacing=(SLICE_DISTANCE_MM, FIELD_MM / size, FIELD_MM / size),
        unit="mm",
        note=SYNTHETIC,
    )


def draw_patients(n: int, seed: int, first: int, size: int) -> nc.data.ImageDataset:
    """Draw some patients; a case is a patient with all slices."""
    drawn = [
        nc.data.phantoms.brain_mri(
            n * SLICES,
            seed,
            size,
            sequence=sequence,
            prevalence=0.9,
            slices=SLICES,
            patients_from=first,
        )
        for sequence in SEQUENCES
    ]
    cases = [f"{first + k // SLICES:03d}" for k in range(n * SLICES)]
    images = np.stack([part.images for part in drawn], axis=-1)
    return as_dataset(images, drawn[0].masks, cases)


def as_dataset(images: np.ndarray, masks: np.ndarray, cases: Sequence[str]) -> nc.data.ImageDataset:
    """Put images, masks and the cases that they belong to together."""
    return nc.data.ImageDataset(images, np.zeros(len(images), int), masks=masks, groups=cases)


def files(path: str, seed: int, limit: int | None, size: int, test: bool) -> Data:
    """Open folders of images and masks; what has no parts is split here, by patient or volume."""
    opened = nc.data.open(path, size=size, channels=1)
    if not opened.has_masks:
        raise nc.data.DataError(
            f"{Path(path).name!r} holds images without masks; needed is a folder with images/ and "
            "masks/, or imagesTr/ and labelsTr/, or a table with the column mask"
        )
    cases = opened.groups
    if cases is None:  # each image is a case
        cases = np.array([opened.name(i) for i in range(len(opened))])
    parts = []
    for name, indices in split_cases(opened, cases, seed).items():
        if name == "test" and not test:
            continue
        kept = indices[np.isin(cases[indices], np.unique(cases[indices])[:limit])]
        parts.append(as_dataset(*opened.subset(kept).arrays(), short_names(cases[kept])))
    highest = max(int(part.arrays()[1].max()) for part in parts)
    return Data(
        "files",
        Path(path).name,
        *(parts if test else [*parts, None]),
        classes=("background", *(f"class {k}" for k in range(1, max(highest, 1) + 1))),
        channel=0,
        preparation=nc.data.Preparation(
            size=size, channels=1, transforms=nc.data.transforms.ZScore(per_image=True)
        ),
        spacing=None,
        unit="pixels",
        note=f"images of {Path(path).name!r}",
    )


def split_cases(dataset: nc.data.ImageDataset, cases: np.ndarray, seed: int) -> dict[str, Any]:
    """Return the places of each part: the source's own parts, or 70, 15 and 15 % of the cases."""
    if dataset.split is None:
        parts = nc.data.stratified_split(dataset.labels, FRACTIONS, seed, groups=cases)
        return dict(zip(PATIENTS, parts, strict=True))
    index = np.arange(len(dataset))
    found = {name: index[dataset.split == name] for name in PATIENTS}
    if not found["val"].size:
        train, fractions = found["train"], (0.85, 0.15)
        kept, held_out = nc.data.stratified_split(
            dataset.labels[train], fractions, seed, groups=cases[train]
        )
        found |= {"train": train[kept], "val": train[held_out]}
    return found


def short_names(cases: np.ndarray) -> list[str]:
    """Return the names of files without what all have in common: folders and suffixes."""
    return [Path(case).name.split(".")[0] if "/" in case else case for case in cases.tolist()]


def is_hippocampus(path: Path) -> bool:
    """Tell whether an .npz file holds volumes with labels, true shapes and a split."""
    if path.suffix != ".npz" or not path.is_file():
        return False
    try:
        with np.load(path, allow_pickle=False) as file:
            return {"images", "labels", "shape", "split"} <= set(file.files)
    except (ValueError, OSError):
        return False  # `nanocnn.data.open` says what is wrong


def hippocampus(
    path: str | Path,
    *,
    axis: int = AXIS,
    neighbours: int = NEIGHBOURS,
    limit: int | None = None,
    test: bool = False,
) -> Data:
    """Cut the volumes of the Medical Segmentation Decathlon's hippocampus task into slices."""
    with np.load(path, allow_pickle=False) as file:
        volumes, labels = file["images"], file["labels"]
        shapes, split, ids = file["shape"], file["split"], file["case_id"]
    parts: list[Any] = [None, None, None]
    for k in range(3 if test else 2):
        chosen = np.flatnonzero(split == k)[:limit]
        images, masks, cases = [], [], []
        for i in chosen:
            n = int(shapes[i][axis])
            images.append(slices_of(volumes[i], shapes[i], axis, neighbours))
            masks.append(np.moveaxis(labels[i], axis, 0)[:n])
            cases += [f"{ids[i]:03d}"] * n
        parts[k] = as_dataset(np.concatenate(images), np.concatenate(masks), cases)
    parts[0] = thin_out(parts[0])
    half = 0.5 / FARTHEST
    channels = parts[0][0][0].shape[-1]
    scale = nc.data.transforms.ZScore(mean=(0.5,) * channels, std=(half,) * channels)
    return Data(
        "hippocampus",
        "MSD hippocampus, 2-D slices",
        *parts,
        classes=HIPPOCAMPUS,
        channel=neighbours,
        preparation=nc.data.Preparation(transforms=scale),
        spacing=None,
        unit="voxels",
        note=NO_TUMOUR,
    )


def thin_out(dataset: nc.data.ImageDataset) -> nc.data.ImageDataset:
    """Leave out most slices without a structure."""
    empty = np.array([not mask.any() for _, mask in dataset])
    return dataset.subset(~empty | (np.cumsum(empty) % EMPTY_KEPT == 0))


def slices_of(volume: np.ndarray, shape: np.ndarray, axis: int, neighbours: int) -> np.ndarray:
    """Return (slices, H, W, C) in [0, 1]: each with its neighbours, grey values a volume's own.

    MRI has no unit, so mean and deviation of the volume become 0.5 and 1/8; the outermost slices
    are their own neighbours.
    """
    inside = volume[tuple(map(slice, shape))].astype(np.float32)
    score = (volume - inside.mean()) / inside.std()
    grey = np.clip(0.5 + score * (0.5 / FARTHEST), 0, 1).astype(np.float32)
    n = int(shape[axis])
    grey = np.moveaxis(grey, axis, 0)[:n]
    places = np.arange(n)[:, None] + np.arange(-neighbours, neighbours + 1)
    return np.moveaxis(grey[np.clip(places, 0, n - 1)], 1, -1)
