"""From a list of files to a data set: every layout on the disk becomes a `Listing` first."""

from __future__ import annotations

import itertools
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .dataset import ImageDataset
from .dicom import DicomFrame
from .errors import DataError
from .kinds import kind_of
from .nifti import NiftiSlice
from .readers import Entry, Options, Reader, below, find_images, find_masks, sort_series

UNLABELLED = ("unlabelled",)  # the one class of files that come without labels


class Listing(NamedTuple):
    """Files that were found, with what is known of each; a file may hold several images."""

    name: str  # what errors call the source
    paths: list[Path]
    labels: list[int]
    classes: tuple[str, ...]
    split: list[str]  # empty: not divided into parts
    ignored: list[str]
    groups: list[str] | None = None
    masks: list[Path] | None = None
    in_order: bool = False  # the order is the user's: DICOM files are not sorted into series


def build_dataset(
    listing: Listing,
    options: Options,
    size: int | tuple[int, int] | None,
    channels: int | None,
) -> ImageDataset:
    """Find the images in all files and put them together."""
    entries: list[Entry] = []
    masks: list[Reader] = []
    counts: list[int] = []
    ignored = list(listing.ignored)
    for i, path in enumerate(listing.paths):
        found = _images_at(path, options)
        if not found:
            ignored.append(below(path, options.root))
        if listing.masks is not None:
            mask = listing.masks[i]
            masks += find_masks(mask, found, options, below(mask, options.root))
        if listing.groups is not None:
            found = [entry._replace(group=listing.groups[i]) for entry in found]
        entries += found
        counts.append(len(found))
    labels = np.repeat(np.asarray(listing.labels, np.int64), counts)
    split = np.repeat(np.asarray(listing.split, np.str_), counts) if listing.split else None
    _check_classes(labels, listing)
    _check_options(entries, options)
    if not listing.in_order and not masks:
        entries = _sort_within_classes(entries, labels, split)
    _warn_of_ignored(listing.name, ignored)
    return ImageDataset(
        [entry.reader for entry in entries],
        labels,
        classes=listing.classes,
        split=split,
        groups=_groups(entries, options),
        masks=masks if listing.masks is not None else None,
        spacing=_spacing(entries),
        size=size,
        channels=channels,
        root=options.root,
        ignored=ignored,
    )


def _images_at(path: Path, options: Options) -> list[Entry]:
    """Return the images of a file, or of the series in a folder that a table names."""
    if not path.is_dir():
        return find_images(path, options)
    files = [file for file in sorted(path.rglob("*")) if file.is_file() and kind_of(file)]
    return sort_series([entry for file in files for entry in find_images(file, options)])


def _sort_within_classes(
    entries: list[Entry], labels: NDArray[np.int64], split: NDArray[np.str_] | None
) -> list[Entry]:
    """Sort series by position; images of one class and part lie together before and after."""
    change = labels[1:] != labels[:-1]
    if split is not None:
        change |= split[1:] != split[:-1]
    ends = [0, *(np.flatnonzero(change) + 1).tolist(), len(entries)]
    runs = (entries[a:b] for a, b in itertools.pairwise(ends))
    return [entry for run in runs for entry in sort_series(run)]


def _groups(entries: list[Entry], options: Options) -> list[str] | None:
    """Return the patient or volume of each image; a file without one is a group of its own."""
    if all(entry.group is None for entry in entries):
        return None
    return [entry.group or below(entry.reader.path, options.root) for entry in entries]


def _spacing(entries: list[Entry]) -> NDArray[np.float64] | None:
    if all(entry.spacing is None for entry in entries):
        return None
    unknown = (np.nan, np.nan)
    return np.array([entry.spacing or unknown for entry in entries], np.float64)


def _check_classes(labels: NDArray[np.int64], listing: Listing) -> None:
    counts = np.bincount(labels, minlength=len(listing.classes))
    if not counts.all():
        empty = listing.classes[int(np.argmin(counts))]
        which = "there is no image" if len(counts) == 1 else f"class {empty!r} has no images"
        raise DataError(
            f"{listing.name}: {which}: DICOM files may hold reports or plans instead; add images"
        )


def _check_options(entries: list[Entry], options: Options) -> None:
    """Raise for an option that no image makes use of: it was meant for another source."""
    if options.lenient:
        return
    nifti = any(isinstance(entry.reader, NiftiSlice) for entry in entries)
    dicom = any(isinstance(entry.reader, DicomFrame) for entry in entries)
    if options.window is not None and not nifti and not dicom:
        raise DataError("window= is for DICOM and NIfTI files, and there are none; leave it out")
    if options.axis is not None and not nifti:
        raise DataError("axis= is for volumes (NIfTI, 3-D .npz), and there are none; leave it out")


def _warn_of_ignored(name: str, ignored: list[str]) -> None:
    if ignored:
        shown = ", ".join(ignored[:3]) + (", ..." if len(ignored) > 3 else "")
        warnings.warn(
            f"{name}: {len(ignored)} entries that are not images in a class folder, or in another "
            f"known place, were ignored: {shown} (all of them: dataset.ignored)",
            stacklevel=4,
        )
