"""Opening files as a preparation says, labelled or not, and data sets once more."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .axes import check_axis
from .dataset import ImageDataset
from .errors import DataError
from .folders import is_junk
from .images import check_size
from .kinds import kind_of
from .listing import UNLABELLED, Listing, build_dataset
from .preparation import Preparation, StrPath
from .source import open_source, options_of
from .windows import check_window


def open_prepared(
    path: StrPath | Sequence[StrPath], preparation: Preparation, key: bytes | str | None
) -> ImageDataset:
    """Open files; see `Preparation.open`."""
    if isinstance(path, str | os.PathLike):
        place = Path(path)
        files, root = _pictures(place), place if place.is_dir() else place.parent
    else:
        files, place = [Path(file) for file in path], None
        if not files:
            raise DataError("no files given; needed is one path or more")
        root = files[0].parent
    options = options_of(preparation, root, key)._replace(lenient=True)
    if place is not None and not files:
        return open_source(place, preparation, options)
    name = "the list of files" if place is None else f"{place.name!r}"
    labels = [0] * len(files)
    listing = Listing(name, files, labels, UNLABELLED, [], [], in_order=place is None)
    dataset = build_dataset(listing, options, preparation.size, preparation.channels)
    dataset.preparation = preparation
    return dataset


def _pictures(place: Path) -> list[Path]:
    """Return a picture, or a folder's files if it holds pictures and no subfolders; else nothing.

    `nanocnn.data.open` does not take these, as they have no labels.
    """
    if not place.is_dir():
        return [place] if place.is_file() and kind_of(place) == "picture" else []
    entries = sorted(entry for entry in place.iterdir() if not is_junk(entry.name))
    files = [entry for entry in entries if kind_of(entry) is not None]
    if any(map(Path.is_dir, entries)) or "picture" not in map(kind_of, files):
        return []
    return files


def reopen(dataset: ImageDataset, preparation: Preparation) -> ImageDataset:
    """Return a data set of the same files, opened otherwise; see `Preparation.reopen`."""
    if dataset.preparation == preparation:
        return dataset
    changes: dict[str, Any] = {"preparation": preparation}
    if preparation.size is not None:
        changes["_size"] = check_size(preparation.size)
    if preparation.channels is not None:
        changes["_channels"] = preparation.channels
    if isinstance(dataset._images, list):
        changes["_images"] = [_reader(reader, preparation) for reader in dataset._images]
    return dataset._with(**changes)


def _reader(reader: Any, preparation: Preparation) -> Any:
    """Return a reader with the preparation's window; raise DataError if its axis is another."""
    window, axis = check_window(preparation.window), check_axis(preparation.axis)
    fields = getattr(reader, "_fields", ())
    if axis is not None and "axis" in fields and reader.axis != axis:
        raise DataError(
            f"the data set holds slices along axis {reader.axis}, the preparation cuts along axis "
            f"{axis}; open the files with preparation.open(path)"
        )
    return reader._replace(window=window) if window and "window" in fields else reader
