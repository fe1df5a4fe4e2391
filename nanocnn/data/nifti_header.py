"""What is read of a NIfTI file's header, and how its voxels are reached."""

from __future__ import annotations

import gzip
import math
import os
import zlib
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from .errors import DataError
from .extras import require
from .quiet import warnings_as

MAX_UNPACKED = 512 * 2**20  # bytes of a packed volume
MAX_IMAGES = 100_000  # slices of one file
_MOST_PACKED = 1100  # gzip makes nothing smaller than by 1032
_HEADER_BYTES = 540  # of NIfTI-2; NIfTI-1 has 348
_RGB = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])


class Volume(NamedTuple):
    """A file's header: shape, type, place of the voxels, orientation."""

    path: Path
    key: tuple[str, int, int]
    packed: bool
    shape: tuple[int, int, int, int]  # as stored; the last one counts volumes
    dtype: np.dtype[Any]
    offset: int
    line: tuple[float, float] | None  # slope and intercept
    axes: tuple[int, int, int]  # the stored axis that becomes each axis of RAS
    reversed: tuple[bool, bool, bool]
    voxel: tuple[float, float, float]  # mm along the axes of RAS

    @property
    def ras_shape(self) -> tuple[int, int, int]:
        """The shape in RAS."""
        x, y, z = (self.shape[a] for a in self.axes)
        return x, y, z

    @property
    def volumes(self) -> int:
        """The number of volumes in the file."""
        return self.shape[3]

    @property
    def nbytes(self) -> int:
        """The number of bytes of the stored numbers."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def scaled(self) -> bool:
        """Whether stored numbers are not the values."""
        return self.line is not None

    def measure(self, stored: NDArray[Any]) -> NDArray[Any]:
        """Return the values of stored numbers."""
        if self.line is None:
            return stored
        values: NDArray[Any] = stored * np.float64(self.line[0]) + self.line[1]
        return values

    def stored_place(self, axis: int, index: int) -> tuple[int, int]:
        """Return the stored axis and index of a slice in RAS."""
        if self.reversed[axis]:
            index = self.ras_shape[axis] - 1 - index
        return self.axes[axis], index

    def turn(self, plane: NDArray[Any], axis: int) -> NDArray[Any]:
        """Turn a stored slice: columns run against the earlier axis of RAS, rows down the later."""
        across, up = (a for a in range(3) if a != axis)
        if self.axes[across] < self.axes[up]:
            plane = plane.swapaxes(0, 1)  # now (up, across)
        rows = slice(None) if self.reversed[up] else slice(None, None, -1)
        columns = slice(None) if self.reversed[across] else slice(None, None, -1)
        return np.ascontiguousarray(plane[rows, columns])

    def spacing(self, axis: int) -> tuple[float, float] | None:
        """Return the distance of rows and of columns in mm."""
        across, up = (self.voxel[a] for a in range(3) if a != axis)
        return (up, across) if 0 < up < np.inf and 0 < across < np.inf else None

    def numbers(self, name: str) -> NDArray[Any]:
        """Return all stored numbers; of a file that is not packed, a view into it."""
        shape: tuple[int, ...] = (*self.shape, 3) if self.dtype == _RGB else self.shape
        dtype = np.dtype(np.uint8) if self.dtype == _RGB else self.dtype
        try:
            if not self.packed:
                flat: NDArray[Any] = np.memmap(
                    self.path, dtype, "r", self.offset, (math.prod(shape),)
                )
            else:
                flat = _unpack(self.path, self.offset, dtype, math.prod(shape))
        except (OSError, EOFError, ValueError, zlib.error, MemoryError) as error:
            raise DataError(
                f"image {name!r} is damaged or cut short ({type(error).__name__}); "
                "replace or remove the file"
            ) from None
        if self.dtype == _RGB:  # the three colours of a voxel lie together
            shape = (3, *self.shape)
        numbers: NDArray[Any] = flat.reshape(shape, order="F")
        return np.moveaxis(numbers, 0, 4) if self.dtype == _RGB else numbers


def read_volume(path: Path, name: str) -> Volume:
    """Read the header.

    Raises
    ------
    DataError
        If it is damaged, or the volume is too large or of a kind that is no image.
    """
    nibabel = require("nibabel", "NIfTI files")
    packed = path.name.lower().endswith(".gz")
    try:
        status = os.stat(path)
        with _open(path, packed) as stream, warnings_as("ignore"):
            block = stream.read(_HEADER_BYTES)
            volume = _interpret(nibabel, block, path, packed, status)
    except DataError as error:
        reason = str(error)
    except Exception as error:  # damaged files make nibabel raise several types
        reason = f"is no NIfTI file, damaged or cut short ({type(error).__name__})"
    else:
        _check_size(volume, status.st_size, name)
        return volume
    raise DataError(f"image {name!r} {reason}; replace or remove the file")


def _interpret(
    nibabel: Any, block: bytes, path: Path, packed: bool, status: os.stat_result
) -> Volume:
    second = block[:4] in (b"\x1c\x02\x00\x00", b"\x00\x00\x02\x1c")  # 540, the size of NIfTI-2
    kind = nibabel.Nifti2Header if second else nibabel.Nifti1Header
    with nibabel.imageglobals.LoggingOutputSuppressor():  # of repairs, not for every slice anew
        header = kind(block[: kind.sizeof_hdr])
    if bytes(header["magic"])[:2] != b"n+":
        raise DataError("has its voxels in another file; needed is a NIfTI file in one piece")
    shape = header.get_data_shape()
    if len(shape) < 2 or min(shape) < 1:
        raise DataError(f"has the shape {shape}; needed are two or more dimensions")
    shape = (*shape, 1, 1)
    dtype = header.get_data_dtype()
    if dtype.kind not in "iuf" and dtype.newbyteorder("=") != _RGB:
        raise DataError(f"has voxels of the type {header['datatype']}; needed are real numbers")
    slope, intercept = header.get_slope_inter()
    line = None if slope is None else (float(slope), float(intercept or 0))
    affine = header.get_best_affine()
    turned = nibabel.io_orientation(affine)
    if not np.isfinite(turned).all():
        raise DataError("has an orientation that leaves out an axis")
    axes = [int(np.flatnonzero(turned[:, 0] == k)[0]) for k in range(3)]
    sizes = nibabel.affines.voxel_sizes(affine)
    return Volume(
        path,
        key=(str(path), status.st_mtime_ns, status.st_size),
        packed=packed,
        shape=(int(shape[0]), int(shape[1]), int(shape[2]), math.prod(map(int, shape[3:]))),
        dtype=dtype,
        offset=int(header.get_data_offset()),
        line=None if line == (1.0, 0.0) else line,
        axes=cast(tuple[int, int, int], tuple(axes)),
        reversed=cast(tuple[bool, bool, bool], tuple(bool(turned[a, 1] < 0) for a in axes)),
        voxel=cast(tuple[float, float, float], tuple(float(sizes[a]) for a in axes)),
    )


def _check_size(volume: Volume, file_size: int, name: str) -> None:
    """Raise where the header asks for more than the file can hold, or than is safe."""
    needed = volume.offset + volume.nbytes
    if needed > file_size * (_MOST_PACKED if volume.packed else 1) or volume.offset < 0:
        raise DataError(
            f"image {name!r} is damaged or cut short (its header asks for {needed} bytes); "
            "replace or remove the file"
        )
    if volume.packed and needed > MAX_UNPACKED:
        raise DataError(
            f"image {name!r} lies in a packed volume of {needed >> 20} MB, more than the limit of "
            f"{MAX_UNPACKED >> 20} MB; unpack it: of .nii files single slices are read"
        )
    if max(volume.shape[:3]) * volume.volumes > MAX_IMAGES:
        raise DataError(
            f"image {name!r} lies in a file of more than {MAX_IMAGES} slices; divide the file"
        )


def _open(path: Path, packed: bool) -> BinaryIO:
    return cast(BinaryIO, gzip.open(path, "rb") if packed else open(path, "rb"))


def _unpack(path: Path, offset: int, dtype: np.dtype[Any], n: int) -> NDArray[Any]:
    numbers = np.empty(n, dtype)
    memory = memoryview(numbers.view(np.uint8).data)
    with gzip.open(path, "rb") as stream:
        stream.seek(offset)
        at = 0
        while at < len(memory):
            got = stream.readinto(memory[at:])
            if not got:
                raise EOFError
            at += got
    return numbers
