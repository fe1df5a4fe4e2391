"""Labelled images from any source, decoded when they are asked for."""

from __future__ import annotations

import operator
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from .checks import (
    check_column,
    check_images,
    check_label_range,
    check_labels,
    check_masks,
    unlike,
)
from .errors import DataError
from .images import check_channels, check_size, convert_image
from .preparation import Preparation
from .privacy import TEMPORARY
from .readers import Picture, Reader, below

if TYPE_CHECKING:
    from .audit import AuditReport

Item = tuple[NDArray[np.float32], "int | NDArray[np.uint8]"]


class ImageDataset:
    """Images with one label each, or with one mask each; what `nanocnn.data.open` returns.

    ``dataset[i]`` is ``(image, label)``: an (H, W, C) float32 array in [0, 1] and an int. With
    masks it is ``(image, mask)``, an (H, W) uint8 array of class numbers, 0 for the background.
    Files are decoded at that moment and not kept; arrays stay as they were given (uint8 takes a
    quarter of the memory of float32) and are scaled at that moment.

    Parameters
    ----------
    images : (N, H, W) or (N, H, W, C) array, or a sequence of N paths or readers
        C is 1 or 3. uint8 and uint16 are divided by 255 and 65535, bool becomes 0 and 1, floats
        must lie in [0, 1]. A reader is a small object that decodes itself: `nanocnn.data.readers`.
    labels : (N,) or (N, 1) integers in 0..K-1
    classes : K names, or None      None: "0", "1", ... up to the largest label
    split : N strings or None       the part that each image belongs to, such as "train"
    groups : N strings or None
        What belongs together, such as patients or volumes: `stratified_split(..., groups=)`
    masks : (N, H, W) integers in 0..255, a sequence of N readers, or None
    spacing : (N, 2) array or None
        Distance of rows and of columns in mm in the file, before any resizing; NaN where unknown
    size : (H, W), int or None      resize every image, see `read_image`; masks to the nearest pixel
    channels : 1, 3 or None         convert every image, see `read_image`
    root : folder or None           error messages name the files by their path below it
    ignored : paths of files that were found but not taken

    Attributes
    ----------
    labels : (N,) int64 array
    classes : tuple of K str
    paths : list of N Path, or None for arrays
    split, groups : (N,) array of str, or None
    spacing : (N, 2) float64 array, or None
    ignored : tuple of str
    preparation : Preparation           how the images are opened, for who feeds a model with them

    Raises
    ------
    DataError
        For wrong shapes or types, labels outside 0..K-1, NaN pixels or floats outside [0, 1].
    """

    def __init__(
        self,
        images: NDArray[Any] | Sequence[str | os.PathLike[str] | Reader],
        labels: ArrayLike,
        *,
        classes: Sequence[str] | None = None,
        split: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        masks: NDArray[Any] | Sequence[Reader] | None = None,
        spacing: ArrayLike | None = None,
        size: int | tuple[int, int] | None = None,
        channels: int | None = None,
        root: str | os.PathLike[str] | None = None,
        ignored: Sequence[str] = (),
    ) -> None:
        check_channels(channels)
        self._size, self._channels = check_size(size), channels
        self._root = None if root is None else Path(root)
        self._images: NDArray[Any] | list[Reader]
        if isinstance(images, np.ndarray):
            check_images(images, "images")
            self._images = images
        else:
            self._images = [
                Picture(Path(image)) if isinstance(image, str | os.PathLike) else image
                for image in images
            ]
        n = len(self._images)
        self.labels: NDArray[np.int64] = check_labels(labels, n, "labels")
        if classes is None:
            classes = [str(k) for k in range(int(self.labels.max(initial=-1)) + 1)]
        self.classes = tuple(classes)
        check_label_range(self.labels, len(self.classes), "labels")
        self.split = check_column(split, n, "split")
        self.groups = check_column(groups, n, "groups")
        self._masks: NDArray[np.uint8] | list[Reader] | None = None
        if masks is not None:
            if isinstance(masks, np.ndarray):
                self._masks = check_masks(masks, "masks")
            else:
                self._masks = list(masks)
            if len(self._masks) != n:
                raise DataError(f"{len(self._masks)} masks given for {n} images; give one each")
        self.spacing = None if spacing is None else np.asarray(spacing, np.float64)
        if self.spacing is not None and self.spacing.shape != (n, 2):
            raise DataError(f"spacing has shape {self.spacing.shape}; needed is ({n}, 2)")
        self.ignored = tuple(ignored)
        self.preparation = Preparation(size=size, channels=channels)
        self._order: NDArray[np.int64] = np.arange(n)

    def __len__(self) -> int:
        return len(self._order)

    @overload
    def __getitem__(self, i: int) -> Item: ...
    @overload
    def __getitem__(self, i: slice) -> ImageDataset: ...
    def __getitem__(self, i: int | slice) -> Item | ImageDataset:
        if isinstance(i, slice):
            return self.subset(np.arange(len(self))[i])
        position = operator.index(i)
        if not -len(self) <= position < len(self):
            raise IndexError(f"image {position} of a data set of {len(self)} images")
        image, shape = self._image(position)
        if self._masks is None:
            return image, int(self.labels[position])
        return image, self._mask(position, image, shape)

    def __iter__(self) -> Iterator[Item]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        counts = np.bincount(self.labels, minlength=len(self.classes))
        text = f"ImageDataset({len(self)} images, classes: "
        text += ", ".join(f"{c} ({n})" for c, n in zip(self.classes, counts, strict=True))
        if self.split is not None:
            sizes = (f"{part} ({int((self.split == part).sum())})" for part in self.parts)
            text += "; parts: " + ", ".join(sizes)
        if self.groups is not None:
            text += f"; {len(set(self.groups.tolist()))} groups"
            if np.char.startswith(self.groups, TEMPORARY).any():
                text += " with names for this run only, since no key was given"
        text += "" if self._masks is None else "; with masks"
        return text + (f"; {len(self.ignored)} files ignored)" if self.ignored else ")")

    @property
    def has_masks(self) -> bool:
        """Whether items are (image, mask) rather than (image, label)."""
        return self._masks is not None

    @property
    def paths(self) -> list[Path] | None:
        """The files, in the order of the images; None when the images are in memory."""
        if isinstance(self._images, np.ndarray):
            return None
        return [self._images[i].path for i in self._order]

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the parts, in the order in which they come; empty if there is no split."""
        return () if self.split is None else tuple(dict.fromkeys(self.split.tolist()))

    def subset(self, indices: ArrayLike) -> ImageDataset:
        """Return the images at `indices`, in that order, as a data set that shares the pixels.

        Parameters
        ----------
        indices : (M,) integers in -N..N-1, or (N,) bool
        """
        chosen = np.asarray(indices)
        if chosen.size == 0:
            chosen = chosen.astype(np.int64)
        fits = chosen.shape == (len(self),) if chosen.dtype == bool else chosen.dtype.kind in "iu"
        if chosen.ndim != 1 or not fits:
            raise DataError(
                f"indices of shape {chosen.shape} and type {chosen.dtype} given for {len(self)} "
                f"images; give a list of integers or ({len(self)},) bool"
            )
        numbers = chosen if chosen.dtype != bool else chosen[:0]
        if numbers.size and not (-len(self) <= numbers.min() and numbers.max() < len(self)):
            raise DataError(
                f"indices go from {chosen.min()} to {chosen.max()}; the data set has {len(self)} "
                f"images: give indices below {len(self)}"
            )
        new = self._with()
        new.labels, new._order = self.labels[chosen], self._order[chosen]
        new.split = None if self.split is None else self.split[chosen]
        new.groups = None if self.groups is None else self.groups[chosen]
        new.spacing = None if self.spacing is None else self.spacing[chosen]
        return new

    def _with(self, **changes: Any) -> ImageDataset:
        """Return a copy that shares the pixels, with other attributes."""
        new = object.__new__(ImageDataset)
        new.__dict__.update(self.__dict__, **changes)
        return new

    def part(self, name: str) -> ImageDataset:
        """Return the images of one part of the source's own split: "train", "val" or "test"."""
        if self.split is None or name not in self.parts:
            has = f"its parts are {', '.join(self.parts)}" if self.parts else "it is not split"
            raise DataError(
                f"the data set has no part {name!r}: {has}; "
                "use one of its parts, or nanocnn.data.stratified_split(dataset.labels, ...)"
            )
        return self.subset(np.flatnonzero(self.split == name))

    def arrays(self) -> tuple[NDArray[np.float32], NDArray[Any]]:
        """Decode everything.

        Returns
        -------
        x : (N, H, W, C) float32 array in [0, 1]
        y : (N,) int64 array of labels, or (N, H, W) uint8 array of masks

        Raises
        ------
        DataError
            If the images differ in size and no `size` was given, or in channels and no `channels`.
        """
        if not len(self):
            raise DataError("the data set is empty; at least one image is needed")
        first, target = self[0]
        x = np.empty((len(self), *first.shape), np.float32)
        y = self.labels.copy() if isinstance(target, int) else np.empty(x.shape[:3], np.uint8)
        for i in range(len(self)):
            image, target = (first, target) if i == 0 else self[i]
            if image.shape != first.shape:
                raise unlike(self.name(0), first, self.name(i), image)
            x[i], y[i] = image, target
        return x, y

    def audit(
        self, parts: Mapping[str, ArrayLike] | None = None, *, verbose: bool = True
    ) -> AuditReport:
        """Read every image once and report leaks and other flaws: see `nanocnn.data.audit`."""
        from .audit.run import audit

        return audit(self, parts, verbose=verbose)

    def name(self, i: int) -> str:
        """Return what errors call image `i`: its path below the root, and its place in the file."""
        if isinstance(self._images, np.ndarray):
            return f"image {self._order[i]}"
        return self._name_of(self._images[self._order[i]])

    def _name_of(self, reader: Reader) -> str:
        path = str(reader.path) if self._root is None else below(reader.path, self._root)
        return f"{path}, {reader.detail}" if reader.detail else path

    def _image(self, i: int) -> tuple[NDArray[np.float32], tuple[int, ...]]:
        """Return image `i`, and the height and width that it had before it was resized."""
        name = self.name(i)
        try:
            source = self._images[self._order[i]]
            pixels = source if isinstance(source, np.ndarray) else source.read(name)
            return convert_image(pixels, self._size, self._channels), pixels.shape[:2]
        except MemoryError:
            raise DataError(f"image {name!r} is larger than the memory; remove it") from None

    def _mask(
        self, i: int, image: NDArray[np.float32], shape: tuple[int, ...]
    ) -> NDArray[np.uint8]:
        """Return the mask of an image that `_image` returned."""
        assert self._masks is not None
        if isinstance(self._masks, np.ndarray):
            name, mask = f"mask {self._order[i]}", self._masks[self._order[i]].copy()
        else:
            reader = self._masks[self._order[i]]
            name = self._name_of(reader)
            mask = reader.read(name)
        if mask.shape != shape:
            raise DataError(
                f"{self.name(i)} is {shape[0]}x{shape[1]} but its mask {name} is "
                f"{mask.shape[0]}x{mask.shape[1]}; a mask needs one number a pixel"
            )
        if mask.shape != image.shape[:2]:
            height, width = image.shape[:2]
            resized = Image.fromarray(mask).resize((width, height), Image.Resampling.NEAREST)
            mask = np.array(resized)
        return np.asarray(mask, np.uint8)
