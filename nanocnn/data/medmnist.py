"""Read an .npz file in the MedMNIST format.

The format: `train_images`, `train_labels`, `val_images`, `val_labels`, `test_images`,
`test_labels`; images (N, H, W) or (N, H, W, 3), labels (N, 1) integers from 0.

Yang et al., "MedMNIST v2: a large-scale lightweight benchmark for 2D and 3D biomedical image
classification", Scientific Data 10, 41 (2023).
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .dataset import check_images, check_label_range, check_labels
from .errors import DataError

PARTS = ("train", "val", "test")


class NpzContents(NamedTuple):
    """All parts one after the other."""

    images: NDArray[Any]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    split: list[str]


def read_npz(path: Path) -> NpzContents:
    """Read all parts into memory, in the type that the file has. The "val" part may be missing.

    Nothing in the file is executed: arrays of Python objects are refused.
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
    return _assemble(arrays, path.name)


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
    return NpzContents(images, np.concatenate(labels), classes, split)


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
