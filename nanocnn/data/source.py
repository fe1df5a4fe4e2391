"""`nanocnn.data.open`: one call for every source of images."""

from __future__ import annotations

import os
from pathlib import Path

from .axes import check_axis
from .dataset import ImageDataset
from .errors import DataError
from .folders import scan_folder
from .kinds import kind_of
from .listing import UNLABELLED, Listing, build_dataset
from .npz import open_npz
from .pairs import scan_pairs
from .preparation import Preparation
from .privacy import check_key
from .readers import Options
from .table import scan_table
from .windows import check_window


def open(
    path: str | os.PathLike[str],
    *,
    size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    window: str | tuple[float, float] | None = None,
    axis: int | str | None = None,
    key: bytes | str | None = None,
    root: str | os.PathLike[str] | None = None,
) -> ImageDataset:
    """Open images, whatever holds them.

    Parameters
    ----------
    path : one of
        - a folder with one subfolder per class: the classes are the sorted names of the subfolders;
        - a folder with `train/` and `test/` (and perhaps `val/`), each with a subfolder per class;
        - a folder with `images/` and `masks/`, or `imagesTr/` and `labelsTr/`, files of the same
          name belonging together, or with these in `train/`, `val/`, `test/`: items are then
          (image, mask);
        - a CSV or JSON table with the columns path, label, and perhaps patient or group, split,
          mask: see `nanocnn.data.table`;
        - an `.npz` file with `train_images`, `train_labels`, and likewise `val_` and `test_`, of
          images or of volumes, which are cut into slices;
        - one DICOM or NIfTI file, or a folder of them without subfolders: their class is
          "unlabelled".
        Pictures, DICOM files (by frames) and NIfTI files (by slices) may stand in all folders and
        tables. DICOM series are sorted by position; patients and volumes become `dataset.groups`.
    size : (H, W), int or None      resize every image (an int means a square)
    channels : 1, 3 or None         make every image grey or RGB; None keeps what the files have
    window : str, (centre, width) or None
        Of DICOM and NIfTI files, in their own unit, Hounsfield's for CT: "lung", "brain", "bone",
        "soft tissue" or two numbers become the grey values 0 to 1. None: a DICOM file's own
        window, and the range of a whole NIfTI volume; see `nanocnn.data.dicom` and `.nifti`.
    axis : int, str or None
        Along which volumes are cut: "sagittal" (0), "coronal" (1) or "axial" (2, the default) of
        NIfTI files, turned to RAS; a number, by default 0, for `.npz` files, which are not turned.
    key : bytes, str or None
        Secret, 16 bytes or more: patient ids become HMAC-SHA256 pseudonyms under it, the same in
        every run. None: under a random key of this process. It is not kept.
    root : folder or None           that the paths of a table start from; None: the table's folder

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
    preparation = Preparation(size=size, channels=channels, window=window, axis=axis)
    place = Path(path)
    if root is not None and place.suffix.lower() not in (".csv", ".json"):
        raise DataError("root= is for tables; leave it out")
    folder = place if place.is_dir() else place.parent
    below = folder if root is None else Path(root)
    return open_source(place, preparation, options_of(preparation, below, key))


def options_of(preparation: Preparation, root: Path, key: bytes | str | None) -> Options:
    """Return what readers need to know."""
    window, axis = check_window(preparation.window), check_axis(preparation.axis)
    return Options(root, window, axis, check_key(key))


def open_source(place: Path, preparation: Preparation, options: Options) -> ImageDataset:
    """Open what `open` takes; the data set remembers how."""
    size, channels = preparation.size, preparation.channels
    if not place.exists():
        what = "file" if place.suffix else "folder"
        raise DataError(f"no such {what}: {os.fspath(place)!r}; {_WANTED}")
    if place.suffix.lower() == ".npz" and not place.is_dir():
        if options.window is not None and not options.lenient:
            raise DataError("window= is for DICOM and NIfTI files, not for .npz; leave it out")
        dataset = open_npz(place, size=size, channels=channels, axis=options.axis)
    else:
        dataset = build_dataset(_find(place, options), options, size, channels)
    dataset.preparation = preparation
    return dataset


_WANTED = (
    "give a folder with one subfolder per class, an .npz file in the MedMNIST format, a table "
    "(.csv, .json), or DICOM or NIfTI files"
)


def _find(place: Path, options: Options) -> Listing:
    if place.is_dir():
        return scan_pairs(place) or scan_folder(place)
    if place.suffix.lower() in (".csv", ".json"):
        return scan_table(place, options)
    if kind_of(place) not in ("dicom", "nifti"):
        raise DataError(f"{place.name!r} is not a folder or a file of a known kind; {_WANTED}")
    return Listing(f"file {place.name!r}", [place], [0], UNLABELLED, [], [])
