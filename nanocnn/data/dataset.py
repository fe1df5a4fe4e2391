"""Labelled images from any source, decoded when they are asked for."""

from __future__ import annotations

import operator
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import DataError
from .images import (
    FULL_RANGE,
    check_channels,
    check_range,
    check_size,
    convert_image,
    read_pixels,
)


class ImageDataset:
    """Images with one label each; what `nanocnn.data.open` returns.

    ``dataset[i]`` is ``(image, label)``: an (H, W, C) float32 array in [0, 1] and an int. Files are
    decoded at that moment and not kept; arrays stay as they were given (uint8 takes a quarter of
    the memory of float32) and are scaled at that moment.

    Parameters
    ----------
    images : (N, H, W) or (N, H, W, C) array, or a sequence of N paths
        C is 1 or 3. uint8 and uint16 are divided by 255 and 65535, bool becomes 0 and 1, floats
        must lie in [0, 1].
    labels : (N,) or (N, 1) integers in 0..K-1
    classes : K names, or None      None: "0", "1", ... up to the largest label
    split : N strings or None       the part that each image belongs to, such as "train"
    size : (H, W), int or None      resize every image, see `read_image`
    channels : 1, 3 or None         convert every image, see `read_image`
    root : folder or None           error messages name the files by their path below it
    ignored : paths of files that were found but not taken

    Attributes
    ----------
    labels : (N,) int64 array
    classes : tuple of K str
    paths : list of N Path, or None for arrays
    split : (N,) array of str, or None
    ignored : tuple of str

    Raises
    ------
    DataError
        For wrong shapes or types, labels outside 0..K-1, NaN pixels or floats outside [0, 1].
    """

    def __init__(
        self,
        images: NDArray[Any] | Sequence[str | os.PathLike[str]],
        labels: ArrayLike,
        *,
        classes: Sequence[str] | None = None,
        split: ArrayLike | None = None,
        size: int | tuple[int, int] | None = None,
        channels: int | None = None,
        root: str | os.PathLike[str] | None = None,
        ignored: Sequence[str] = (),
    ) -> None:
        check_channels(channels)
        self._size, self._channels = check_size(size), channels
        self._root = None if root is None else Path(root)
        self._images: NDArray[Any] | list[Path]
        if isinstance(images, np.ndarray):
            check_images(images, "images")
            self._images = images
        else:
            self._images = [Path(path) for path in images]
        n = len(self._images)
        self.labels: NDArray[np.int64] = check_labels(labels, n, "labels")
        if classes is None:
            classes = [str(k) for k in range(int(self.labels.max(initial=-1)) + 1)]
        self.classes = tuple(classes)
        check_label_range(self.labels, len(self.classes), "labels")
        self.split: NDArray[np.str_] | None = None if split is None else np.asarray(split, np.str_)
        if self.split is not None and self.split.shape != (n,):
            raise DataError(
                f"split has shape {self.split.shape}; needed is one name an image, ({n},)"
            )
        self.ignored = tuple(ignored)
        self._order: NDArray[np.int64] = np.arange(n)

    def __len__(self) -> int:
        return len(self._order)

    @overload
    def __getitem__(self, i: int) -> tuple[NDArray[np.float32], int]: ...
    @overload
    def __getitem__(self, i: slice) -> ImageDataset: ...
    def __getitem__(self, i: int | slice) -> tuple[NDArray[np.float32], int] | ImageDataset:
        if isinstance(i, slice):
            return self.subset(np.arange(len(self))[i])
        position = operator.index(i)
        if not -len(self) <= position < len(self):
            raise IndexError(f"image {position} of a data set of {len(self)} images")
        return self._image(position), int(self.labels[position])

    def __iter__(self) -> Iterator[tuple[NDArray[np.float32], int]]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        counts = np.bincount(self.labels, minlength=len(self.classes))
        text = f"ImageDataset({len(self)} images, classes: "
        text += ", ".join(f"{c} ({n})" for c, n in zip(self.classes, counts, strict=True))
        if self.split is not None:
            sizes = (f"{part} ({int((self.split == part).sum())})" for part in self.parts)
            text += "; parts: " + ", ".join(sizes)
        return text + (f"; {len(self.ignored)} files ignored)" if self.ignored else ")")

    @property
    def paths(self) -> list[Path] | None:
        """The files, in the order of the images; None when the images are in memory."""
        if isinstance(self._images, np.ndarray):
            return None
        return [self._images[i] for i in self._order]

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
        if (
            chosen.dtype != bool
            and chosen.size
            and not (-len(self) <= chosen.min() and chosen.max() < len(self))
        ):
            raise DataError(
                f"indices go from {chosen.min()} to {chosen.max()}; the data set has {len(self)} "
                f"images: give indices below {len(self)}"
            )
        new = object.__new__(ImageDataset)
        new.__dict__.update(self.__dict__)
        new.labels, new._order = self.labels[chosen], self._order[chosen]
        new.split = None if self.split is None else self.split[chosen]
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

    def arrays(self) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Decode everything.

        Returns
        -------
        x : (N, H, W, C) float32 array in [0, 1]
        y : (N,) int64 array

        Raises
        ------
        DataError
            If the images differ in size and no `size` was given, or in channels and no `channels`.
        """
        if not len(self):
            raise DataError("the data set is empty; at least one image is needed")
        first = self._image(0)
        x = np.empty((len(self), *first.shape), np.float32)
        x[0] = first
        for i in range(1, len(self)):
            image = self._image(i)
            if image.shape != first.shape:
                sizes = image.shape[:2] != first.shape[:2]
                raise DataError(
                    f"{self._name(0)} is {_shape(first)} and {self._name(i)} is {_shape(image)}; "
                    "all images must be alike: open the data set with "
                    + ("size=(height, width)" if sizes else "channels=1 or channels=3")
                )
            x[i] = image
        return x, self.labels.copy()

    def _image(self, i: int) -> NDArray[np.float32]:
        source, name = self._images[self._order[i]], self._name(i)
        pixels = read_pixels(source, name) if isinstance(source, Path) else source
        return convert_image(pixels, self._size, self._channels)

    def _name(self, i: int) -> str:
        if isinstance(self._images, np.ndarray):
            return f"image {self._order[i]}"
        path = self._images[self._order[i]]
        return str(path if self._root is None else path.relative_to(self._root).as_posix())


def check_images(images: NDArray[Any], name: str) -> None:
    """Raise unless `images` is (N, H, W) or (N, H, W, 1 or 3) of a type with a known range."""
    channels = images.shape[3] if images.ndim == 4 else 1
    if images.ndim not in (3, 4) or channels not in (1, 3) or 0 in images.shape[1:]:
        raise DataError(
            f"{name} has shape {images.shape}; needed is (N, H, W) or (N, H, W, C) with C = 1 or 3"
        )
    if images.dtype.kind == "f":
        check_range(images, name)
    elif images.dtype.name not in FULL_RANGE:
        raise DataError(
            f"{name} has the type {images.dtype}; needed is uint8, uint16, bool, or floats in "
            "[0, 1]: convert it first"
        )


def check_labels(labels: ArrayLike, n: int, name: str) -> NDArray[np.int64]:
    """Return `labels` as (N,) int64."""
    values = np.asarray(labels)
    if values.shape not in ((n,), (n, 1)):
        raise DataError(
            f"{name} has shape {values.shape}; needed is one integer an image, ({n},) or ({n}, 1)"
        )
    if values.size and values.dtype.kind not in "iub":
        raise DataError(
            f"{name} has the type {values.dtype}; needed are integers: convert it first"
        )
    return values.reshape(n).astype(np.int64)


def check_label_range(labels: NDArray[np.int64], n_classes: int, name: str) -> None:
    """Raise unless all labels are in 0..K-1."""
    if labels.size and (labels.min() < 0 or labels.max() >= n_classes):
        raise DataError(
            f"{name} go from {labels.min()} to {labels.max()}; with {n_classes} classes they must "
            f"lie in 0..{n_classes - 1}: renumber the labels"
        )


def _shape(image: NDArray[Any]) -> str:
    h, w, c = image.shape
    return f"{h}x{w} with {c} channel{'s' if c > 1 else ''}"
