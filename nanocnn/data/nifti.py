"""One slice of a NIfTI volume as an image with values in [0, 1], or as a mask.

Volumes are turned to RAS first (nibabel's closest canonical orientation: axes are exchanged and
reversed, nothing is resampled), so that the slices of all files lie alike: axis 0 runs from left to
right, axis 1 from back to front, axis 2 from the feet upwards. An image shows its slice as
radiologists look at it, and as scanners write DICOM: the later axis upwards and the earlier one to
the left. In the axial slice of axis 2 the nose is at the top and the patient's right hand on the
left; a network that has learnt from NIfTI files does not see its DICOM files mirrored.

uint8 and RGB voxels are divided by 255. All others have no unit that a file could tell (MRI), so
without a window the smallest and the largest voxel of the whole volume become 0 and 1. NaN voxels,
which some programs write outside of the head, become the smallest value.

The header alone is interpreted; extensions, which may hold a patient's data, are never read.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .errors import DataError
from .nifti_header import Volume, read_volume
from .windows import Window, limits, scale

CACHED_BYTES = 512 * 2**20  # of unpacked volumes: one large or many small ones
_CACHED_RANGES = 4096

_Key = tuple[str, int, int]  # path, time of the last change, size
_lock = threading.RLock()
_volumes: OrderedDict[_Key, NDArray[Any]] = OrderedDict()
_ranges: OrderedDict[_Key, tuple[float, float]] = OrderedDict()


class NiftiSlice(NamedTuple):
    """Where to find one image; it is decoded when it is read."""

    path: Path
    axis: int = 2  # of the volume in RAS
    number: int = 0
    volume: int = 0  # of a file with several
    window: Window | None = None

    @property
    def detail(self) -> str:
        """What tells the slice from others of the file."""
        where = f"slice {self.number} of axis {self.axis}"
        return f"{where}, volume {self.volume}" if self.volume else where

    def read(self, name: str) -> NDArray[Any]:
        """Return (H, W) or (H, W, 3): uint8, or float32 in [0, 1].

        Raises
        ------
        DataError
            If the file is damaged, too large, or holds numbers that are no image.
        """
        volume = read_volume(self.path, name)
        stored = _cut(volume, self, name)
        plain = stored.dtype == np.uint8 and not volume.scaled
        if stored.ndim == 3 or (plain and self.window is None):
            return stored
        values = volume.measure(stored)
        if self.window is not None:
            return scale(np.nan_to_num(values, nan=-np.inf), *limits(self.window))
        low, high = _value_range(volume, name)
        return scale(np.where(np.isnan(values), low, values), low, high)


class NiftiMask(NamedTuple):
    """A slice whose voxels are class numbers."""

    path: Path
    axis: int = 2
    number: int = 0

    @property
    def detail(self) -> str:
        """What tells the slice from others of the file."""
        return f"slice {self.number} of axis {self.axis}"

    def read(self, name: str) -> NDArray[np.uint8]:
        """Return (H, W) class numbers.

        Raises
        ------
        DataError
            If the file is damaged, or holds other numbers than 0 to 255.
        """
        volume = read_volume(self.path, name)
        where = NiftiSlice(self.path, self.axis, self.number)
        values = volume.measure(_cut(volume, where, name))
        if values.ndim != 2 or not ((values >= 0) & (values <= 255) & (values % 1 == 0)).all():
            raise DataError(
                f"mask {name!r} has voxels that are no class numbers; needed are whole numbers "
                "from 0 to 255"
            )
        return values.astype(np.uint8)


def _cut(volume: Volume, where: NiftiSlice, name: str) -> NDArray[Any]:
    """Return the stored numbers of one slice, turned as an image."""
    if where.number >= volume.ras_shape[where.axis] or where.volume >= volume.volumes:
        raise DataError(
            f"image {name!r} lies outside of the volume, which is "
            f"{'x'.join(map(str, volume.ras_shape))} in RAS; ask for a slice of it"
        )
    axis, index = volume.stored_place(where.axis, where.number)
    chosen: list[Any] = [slice(None)] * 3
    chosen[axis] = index
    chosen.append(where.volume)
    plane = np.array(_open(volume, name)[tuple(chosen)])
    return volume.turn(plane, where.axis)


def _open(volume: Volume, name: str) -> NDArray[Any]:
    """Return the stored numbers, (X, Y, Z, T) or (X, Y, Z, T, 3); packed files from the cache.

    A file that is not packed is mapped, so that a slice reads no more than it needs. A packed one
    is unpacked as a whole, and kept, since its slices are asked for one after the other.
    """
    if not volume.packed:
        return volume.numbers(name)
    with _lock:
        numbers = _volumes.pop(volume.key, None)
        if numbers is None:
            room = CACHED_BYTES - volume.nbytes
            while _volumes and sum(v.nbytes for v in _volumes.values()) > room:
                _volumes.popitem(last=False)
            numbers = volume.numbers(name)
        _volumes[volume.key] = numbers
    return numbers


def _value_range(volume: Volume, name: str) -> tuple[float, float]:
    """Return the smallest and the largest value of a file, from the cache if it is there."""
    found = _ranges.get(volume.key)
    if found is not None:
        return found
    numbers = _open(volume, name)
    ends = np.array([np.fmin.reduce(numbers, axis=None), np.fmax.reduce(numbers, axis=None)])
    low, high = sorted(volume.measure(ends).tolist())
    if not np.isfinite(high - low):
        raise DataError(
            f"image {name!r} lies in a volume with values from {low:g} to {high:g}; "
            "give window=(centre, width)"
        )
    with _lock:
        _ranges[volume.key] = low, high
        if len(_ranges) > _CACHED_RANGES:
            _ranges.popitem(last=False)
    return low, high
