"""`nanocnn.data.open`: one call for every source of images."""

from __future__ import annotations

import os
from pathlib import Path

from .dataset import ImageDataset
from .errors import DataError
from .folders import scan_folder
from .images import check_channels, check_size
from .medmnist import read_npz


def open(
    path: str | os.PathLike[str],
    *,
    size: int | tuple[int, int] | None = None,
    channels: int | None = None,
) -> ImageDataset:
    """Open a folder of images or an .npz file in the MedMNIST format.

    Parameters
    ----------
    path : one of
        - a folder with one subfolder per class: the classes are the sorted names of the subfolders;
        - a folder with `train/` and `test/` (and perhaps `val/`), each with a subfolder per class;
        - an `.npz` file with `train_images`, `train_labels`, and likewise `val_` and `test_`.
    size : (H, W), int or None      resize every image (an int means a square)
    channels : 1, 3 or None         make every image grey or RGB; None keeps what the files have

    Returns
    -------
    dataset : ImageDataset

    Raises
    ------
    DataError
        If there is nothing at `path`, it has another layout, a class is empty or alone, or labels
        or pixels are out of range. A damaged image raises when it is read, with its name.

    Examples
    --------
    >>> import nanocnn as nc
    >>> dataset = nc.data.open("scans", size=128, channels=3)         # doctest: +SKIP
    >>> image, label = dataset[0]                                     # doctest: +SKIP
    >>> x, y = dataset.part("train").arrays()                         # doctest: +SKIP
    """
    check_channels(channels)
    check_size(size)
    place = Path(path)
    wanted = "give a folder with one subfolder per class, or an .npz file in the MedMNIST format"
    if place.is_dir():
        found = scan_folder(place)
        return ImageDataset(
            found.paths,
            found.labels,
            classes=found.classes,
            split=found.split or None,
            size=size,
            channels=channels,
            root=place,
            ignored=found.ignored,
        )
    if not place.exists():
        what = "file" if place.suffix else "folder"
        raise DataError(f"no such {what}: {os.fspath(path)!r}; {wanted}")
    if place.suffix.lower() != ".npz":
        raise DataError(f"{place.name!r} is not a folder or an .npz file; {wanted}")
    archive = read_npz(place)
    return ImageDataset(
        archive.images,
        archive.labels,
        classes=archive.classes,
        split=archive.split,
        size=size,
        channels=channels,
    )
