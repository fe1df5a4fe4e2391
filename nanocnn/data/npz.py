"""Read an .npz file in the MedMNIST format.

The format: `train_images`, `train_labels`, `val_images`, `val_labels`, `test_images`,
`test_labels`; images (N, H, W) or (N, H, W, 3), volumes (N, D, H, W), labels (N, 1) integers
from 0.

Yang et al., "MedMNIST v2: a large-scale lightweight benchmark for 2D and 3D biomedical image
classification", Scientific Data 10, 41 (2023).
"""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .checks import check_images, check_label_range, check_labels
from .dataset import ImageDataset
from .errors import DataError

PARTS = ("train", "val", "test")


MAX_UNPACKED = 256 * 2**20  # bytes; beyond it, a file may not be packed more than MAX_RATIO times
MAX_RATIO = 200  # the binary shapes of VesselMNIST3D, the most packed of all, reach 120


class NpzContents(NamedTuple):
    """All parts one after the other."""

    images: NDArray[Any]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    split: list[str]
    groups: list[str] | None  # of slices, the volume


def open_npz(
    path: Path,
    *,
    size: int | tuple[int, int] | None,
    channels: int | None,
    axis: int | None,
    classes: Sequence[str] | None = None,
) -> ImageDataset:
    """Return the data set of an archive; `classes` are names in place of the labels' numbers."""
    contents = read_npz(path, axis)
    if classes is not None and len(classes) != len(contents.classes):
        raise DataError(
            f"file {path.name!r} has {len(contents.classes)} classes; needed are {len(classes)}"
        )
    return ImageDataset(
        contents.images,
        contents.labels,
        classes=contents.classes if classes is None else classes,
        split=contents.split,
        groups=contents.groups,
        size=size,
        channels=channels,
    )


def read_npz(path: Path, axis: int | None = None) -> NpzContents:
    """Read all parts into memory, in the type that the file has. The "val" part may be missing.

    Volumes are cut into slices along `axis` (0 if it is None), one group a volume. Nothing in the
    file is executed: arrays of Python objects are refused.
    """
    try:
        with open(path, "rb") as stream:
            archive = np.load(stream, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise DataError(
                    f"file {path.name!r} holds a bare array; needed is an .npz archive with "
                    "train_images and so on: save it with numpy.savez"
                )
            with archive:
                _check_packing(path)
                arrays = {key: archive[key] for key in _keys(archive.files, path.name)}
    except DataError:
        raise
    except Exception as error:  # zip, zlib, header and memory errors: all mean the same here
        reason = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, ValueError) and "allow_pickle" in reason:
            reason = "it holds Python objects, which are not loaded for safety"
        elif isinstance(error, zipfile.BadZipFile | EOFError):
            reason = f"it is damaged or cut short: {reason}"
        raise DataError(
            f"file {path.name!r} cannot be read ({reason}); "
            "needed is an .npz archive of plain arrays: download or save it again"
        ) from error
    for key, array in arrays.items():
        if not isinstance(array, np.ndarray):  # NumPy hands out other members as bytes
            raise DataError(f"file {path.name!r}: {key} is no array; save it with numpy.savez")
    volumes = _cut_volumes(arrays, axis, path.name)
    contents = _assemble(arrays, path.name)
    return contents._replace(groups=volumes)


def _check_packing(path: Path) -> None:
    """Raise if the archive would fill the memory out of a small file."""
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(info.file_size for info in archive.infolist())
        packed = sum(info.compress_size for info in archive.infolist())
    if unpacked > max(MAX_UNPACKED, MAX_RATIO * packed):
        raise DataError(
            f"file {path.name!r} unpacks to {unpacked >> 20} MB, "
            f"{unpacked // max(packed, 1)} times its size; save it with numpy.savez if you trust it"
        )


def _cut_volumes(arrays: dict[str, NDArray[Any]], axis: int | None, name: str) -> list[str] | None:
    """Replace volumes (N, D, H, W) or (N, D, H, W, C) by slices; return the volume of each slice.

    None, and nothing is changed, if the archive holds images.
    """
    first = arrays["train_images"]
    if first.ndim != 5 and not (first.ndim == 4 and first.shape[3] not in (1, 3)):
        if axis is not None:
            raise DataError(f"file {name!r} holds images, not volumes; leave out axis=")
        return None
    axis, groups, count = axis or 0, [], 0
    for part in (part for part in PARTS if f"{part}_images" in arrays):
        volumes = arrays[f"{part}_images"]
        if volumes.shape[1:] != first.shape[1:] or not all(first.shape):
            raise DataError(
                f"file {name!r}: {part}_images has the shape {volumes.shape} and train_images "
                f"{first.shape}; needed are volumes (N, D, H, W), all alike"
            )
        labels = check_labels(
            arrays[f"{part}_labels"], len(volumes), f"file {name!r}: {part}_labels"
        )
        slices = np.moveaxis(volumes, 1 + axis, 1)
        n = slices.shape[1]
        arrays[f"{part}_images"] = slices.reshape(-1, *slices.shape[2:])
        arrays[f"{part}_labels"] = np.repeat(labels, n)
        groups += [f"volume {count + k}" for k in range(len(volumes)) for _ in range(n)]
        count += len(volumes)
    return groups


def _keys(found: list[str], name: str) -> list[str]:
    has_val = "val_images" in found or "val_labels" in found
    parts = PARTS if has_val else ("train", "test")
    needed = [f"{part}_{what}" for part in parts for what in ("images", "labels")]
    missing = [key for key in needed if key not in found]
    if missing:
        raise DataError(
            f"file {name!r} has no {', '.join(missing)} (it has {', '.join(found[:8]) or 'nothing'}"
            "); the MedMNIST format is train_images, train_labels, and likewise val_ and test_"
        )
    return needed


def _assemble(arrays: dict[str, NDArray[Any]], name: str) -> NpzContents:
    parts = [part for part in PARTS if f"{part}_images" in arrays]
    first = arrays["train_images"]
    labels, split = [], []
    n_classes = 0
    for part in parts:
        images = arrays[f"{part}_images"]
        what = f"file {name!r}: {part}_images"
        check_images(images, what)
        if not len(images):
            raise DataError(f"{what} is empty; every part needs images")
        if images.shape[1:] != first.shape[1:] or images.dtype != first.dtype:
            raise DataError(
                f"{what} is {images.shape[1:]} {images.dtype} but train_images is "
                f"{first.shape[1:]} {first.dtype}; all parts must be alike: convert one of them"
            )
        what = f"file {name!r}: {part}_labels"
        values = check_labels(arrays[f"{part}_labels"], len(images), what)
        if part == "train":
            n_classes = _count_classes(values, what)
        check_label_range(values, n_classes, what)
        labels.append(values)
        split += [part] * len(images)
    images = np.concatenate([arrays[f"{part}_images"] for part in parts])
    classes = tuple(str(k) for k in range(n_classes))
    return NpzContents(images, np.concatenate(labels), classes, split, None)


def _count_classes(labels: NDArray[np.int64], what: str) -> int:
    """Return K; the training part must hold every class from 0 to K-1."""
    found = np.unique(labels)
    if found.size == 1:
        raise DataError(
            f"{what} has one class only, {found[0]}; a classifier needs two or more: add images"
        )
    if found[0] != 0 or found[-1] != found.size - 1:
        shown = ", ".join(str(k) for k in found[:5]) + (", ..." if found.size > 5 else "")
        raise DataError(
            f"{what} has the labels {shown}; {found.size} classes must be numbered "
            f"0..{found.size - 1}: renumber the labels"
        )
    return found.size
