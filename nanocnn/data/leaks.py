"""Do two data sets have an image or a patient in common? Cheap enough to ask before every training.

- Arrays: images of one type and shape whose pixels are all equal. 64 pixels of each are compared
  first, then all of those that agree; images of one colour do not count.
- Files: the same file, or one with the same bytes under another name. Only files of the same length
  are opened, and read as a whole only if 4 kB from their middle agree.
- Patients, volumes and other groups by their names. Names that were made up for volumes (numbers in
  an archive, file names) mean nothing elsewhere: they count within one source alone.

An array is not compared with files, nor are pictures that were saved again: `dataset.audit()` finds
these.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from .dataset import ImageDataset
from .equal_images import Rows, equal_files, equal_pixels
from .errors import DataError
from .kinds import stem_of
from .privacy import PERMANENT, TEMPORARY
from .readers import Reader

_SHOWN = 3


class LeakWarning(UserWarning):
    """Training and test data have images or patients in common."""


@dataclass(frozen=True)
class Leaks:
    """What two data sets have in common; true if there is anything.

    Attributes
    ----------
    images : tuple of (i, j)
        Image i of the first is image j of the second; each j once.
    names : tuple of str        of these images in the second
    groups : tuple of str       patients with images in both
    """

    images: tuple[tuple[int, int], ...]
    names: tuple[str, ...]
    groups: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.images or self.groups)

    def __str__(self) -> str:
        found = []
        for what, names in (("image", self.names), ("group", self.groups)):
            if names:
                shown = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
                found.append(f"{len(names)} {what}{'s' * (len(names) > 1)} ({shown})")
        return f"they share {' and '.join(found)}" if found else "nothing shared"


def check_leaks(train: Any, test: Any) -> Leaks:
    """Return the images and groups that two data sets have in common.

    Parameters
    ----------
    train, test : ImageDataset, DataLoader, (N, ...) array, list of N images, or pair (x, y)

    Returns
    -------
    leaks : Leaks

    Raises
    ------
    DataError
        If one of them is none of these.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).random((6, 8, 8, 1))
    >>> leaks = check_leaks(x[:4], x[3:])
    >>> print(leaks)
    they share 1 image (image 0)
    >>> leaks.images
    ((3, 0),)
    """
    first, second = _images_of(train), _images_of(test)
    images: list[tuple[int, int]] = []
    if isinstance(first, Rows) and isinstance(second, Rows):
        images = sorted(equal_pixels(first, second), key=lambda pair: pair[1])
    elif isinstance(first, list) and isinstance(second, list):
        images = sorted(equal_files(first, second), key=lambda pair: pair[1])
    dataset = _unwrap(test)
    named = dataset.name if isinstance(dataset, ImageDataset) else "image {}".format
    return Leaks(
        tuple(images), tuple(named(j) for _, j in images), tuple(_shared_groups(train, test))
    )


def warn_of_leaks(train: Any, validation: Any) -> None:
    """Warn in one line if what `fit` was given for training and validation is not apart."""
    pair = tuple(validation) if isinstance(validation, list) else validation
    try:
        leaks = check_leaks(train, pair)
    except DataError:  # data of the user's own kind, of which nothing is known
        return
    if leaks:
        warnings.warn(
            f"training and validation data are not apart: {leaks}; the validation will look better "
            "than it is: split with groups=, and see what dataset.audit() finds",
            LeakWarning,
            stacklevel=4,  # where the user calls model.fit
        )


def _unwrap(data: Any) -> Any:
    """Return what a loader loads, and the images of a pair."""
    data = getattr(data, "dataset", data)
    if isinstance(data, tuple) and len(data) == 2:
        return data[0]
    return data


def _images_of(data: Any) -> Rows | list[Reader]:
    data = _unwrap(data)
    if isinstance(data, ImageDataset):
        if isinstance(data._images, np.ndarray):
            return Rows(data._images, data._order)
        return [data._images[i] for i in data._order]
    try:
        images = np.asarray(data)
    except ValueError:  # NumPy on images of different sizes
        images = np.empty(0)
    if images.ndim < 2 or images.dtype.kind not in "fiub":
        raise DataError(
            f"a {type(data).__name__} cannot be compared; give a data set, a DataLoader, or "
            "(N, ...) images"
        )
    return Rows(images, np.arange(len(images)))


def _shared_groups(train: Any, test: Any) -> Iterable[str]:
    first, second = (getattr(data, "dataset", data) for data in (train, test))
    if not isinstance(first, ImageDataset) or not isinstance(second, ImageDataset):
        return ()
    if first.groups is None or second.groups is None:
        return ()
    shared = sorted(set(first.groups.tolist()) & set(second.groups.tolist()))
    if first._images is second._images:
        return shared
    return [name for name in shared if not (_is_local(first, name) and _is_local(second, name))]


def _is_local(dataset: ImageDataset, group: str) -> bool:
    """Tell whether a group's name was made up when its source was opened."""
    if group.startswith((PERMANENT, TEMPORARY)):
        return False
    if isinstance(dataset._images, np.ndarray):
        return group.startswith("volume ")
    assert dataset.groups is not None
    path = dataset._images[dataset._order[int(np.argmax(dataset.groups == group))]].path
    return PurePosixPath(group).name in (path.name, stem_of(path))
