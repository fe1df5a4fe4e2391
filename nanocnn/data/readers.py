"""From a file to the images in it, each as a small object that decodes itself when it is asked.

A reader is what a data set keeps for an image: a NamedTuple of a path and, where a file holds
several images, a number. It can be pickled, and takes a few hundred bytes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple, Protocol

from numpy.typing import NDArray

from .dicom import DicomFrame
from .dicom_header import summarise
from .errors import DataError
from .extras import require
from .images import read_pixels
from .kinds import Kind, kind_of, stem_of
from .masks import MaskFile
from .nifti import NiftiMask, NiftiSlice
from .nifti_header import read_volume
from .windows import Window

DEFAULT_AXIS = 2  # axial


class Reader(Protocol):
    """Where to find one image, and how to decode it."""

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def detail(self) -> str:
        """What tells the image from others of the file; empty if there are none."""

    def read(self, name: str) -> NDArray[Any]:
        """Decode the image; errors call it `name`."""


class Picture(NamedTuple):
    """A file that holds one image, such as PNG."""

    path: Path
    detail: str = ""

    def read(self, name: str) -> NDArray[Any]:
        """Return (H, W) or (H, W, 3): uint8, uint16, or float32 in [0, 1]."""
        return read_pixels(self.path, name)


class Options(NamedTuple):
    """What the user of `nanocnn.data.open` chose; the key is used at once and not kept."""

    root: Path
    window: Window | None = None
    axis: int | None = None
    key: bytes | None = None
    lenient: bool = False  # pass over an option that concerns none of the images


class Entry(NamedTuple):
    """One image that was found."""

    reader: Reader
    group: str | None = None
    spacing: tuple[float, float] | None = None
    order: tuple[Any, ...] = ()  # orientation, position, instance number, frame
    series: str = ""


def find_images(path: Path, options: Options, kind: Kind | None = None) -> list[Entry]:
    """Return the images of one file; none if it is a DICOM file without an image.

    A file whose header is damaged counts as one image, which says so when it is read.
    """
    kind = kind or kind_of(path)
    if kind == "dicom":
        return _find_frames(path, options)
    if kind == "nifti":
        return _find_slices(path, options)
    return [Entry(Picture(path))]


def find_masks(path: Path, images: list[Entry], options: Options, name: str) -> list[Reader]:
    """Return the masks that a file holds for the images of another one, in their order.

    Raises
    ------
    DataError
        If the two files hold different things. A damaged file counts as fitting, and says what it
        is when it is read.
    """
    slices = [entry.reader for entry in images if isinstance(entry.reader, NiftiSlice)]
    kind = kind_of(path)
    if kind == "nifti" and slices and len(slices) == len(images):
        depth = 1 + max(reader.number for reader in slices)
        found = _depth(path, slices[0].axis, name)
        if found not in (None, depth):
            raise DataError(
                f"mask {name!r} has {found} slices for an image of {depth}; give as many"
            )
        return [NiftiMask(path, reader.axis, reader.number) for reader in slices]
    if kind == "picture" and len(images) == 1 and not slices:
        return [MaskFile(path)]
    raise DataError(
        f"mask {name!r} cannot belong to an image file of another kind with {len(images)} images; "
        "needed is a picture for a picture, or a NIfTI volume for a NIfTI volume"
    )


def _depth(path: Path, axis: int, name: str) -> int | None:
    try:
        return read_volume(path, name).ras_shape[axis]
    except DataError:
        return None


def sort_series(entries: list[Entry]) -> list[Entry]:
    """Bring the files of each DICOM series into the order of their places in the body.

    Where the planes of a series are not parallel (scouts, views around an axis), the instance
    numbers count. Series, and files that are no DICOM, stay in the order in which they were found.
    """
    series: dict[str, list[Entry]] = {}
    for entry in entries:
        series.setdefault(entry.series or str(entry.reader.path), []).append(entry)
    return [entry for files in series.values() for entry in _sort_files(files)]


def _sort_files(files: list[Entry]) -> list[Entry]:
    parallel = len({entry.order[:1] for entry in files}) == 1
    return sorted(files, key=lambda entry: entry.order if parallel else entry.order[2:])


def below(path: Path, root: Path) -> str:
    """Return the path below the root, with slashes; the name alone if it lies elsewhere."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name


def _find_frames(path: Path, options: Options) -> list[Entry]:
    summary = summarise(path, options.key)
    if summary is None:
        return [Entry(DicomFrame(path, None, options.window))]
    several = summary.frames > 1
    return [
        Entry(
            DicomFrame(path, k if several else None, options.window),
            summary.group,
            summary.spacing[k],
            (*summary.order, k),
            summary.series,
        )
        for k in range(summary.frames)
    ]


def _find_slices(path: Path, options: Options) -> list[Entry]:
    axis = DEFAULT_AXIS if options.axis is None else options.axis
    group = below(path.parent / stem_of(path), options.root)
    require("nibabel", "NIfTI files")  # that it is missing is no fault of the file
    try:
        volume = read_volume(path, group)
    except DataError:
        return [Entry(NiftiSlice(path, axis, 0, 0, options.window), group)]
    return [
        Entry(NiftiSlice(path, axis, i, k, options.window), group, volume.spacing(axis))
        for k in range(volume.volumes)
        for i in range(volume.ras_shape[axis])
    ]
