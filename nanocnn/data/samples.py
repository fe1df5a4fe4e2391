"""What a loader reads its samples from: a data set, or arrays in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from .checks import unlike
from .dataset import ImageDataset
from .errors import DataError
from .preparation import apply
from .transforms import Transform

Array = NDArray[Any]


class Samples(NamedTuple):
    """The samples of a batch.

    Attributes
    ----------
    images : (M, H, W, C) array
    targets : (M, ...) array
    masks : (M, H, W) array or None     the targets once more, where they move with the images
    kept : (M,) int64 array             their places in the batch that was asked for
    skipped : list of (name, reason)    the others
    """

    images: Array
    targets: Array
    masks: Array | None
    kept: NDArray[np.int64]
    skipped: list[tuple[str, str]]


class Source(Protocol):
    """Gives the samples at some positions.

    Attributes
    ----------
    targets : (N, ...) array, or None where masks are decoded together with their images
    """

    targets: Array | None

    def __len__(self) -> int: ...

    def name(self, i: int) -> str:
        """Return what errors call sample i."""

    def read(self, positions: NDArray[np.int64], skip: bool) -> Samples:
        """Return the samples, prepared by the steps that come before augmenting."""


class FromDataset:
    """Decodes, and prepares, one image after the other: before that they may differ in size."""

    def __init__(self, dataset: ImageDataset, steps: Sequence[Transform]) -> None:
        self._dataset, self._steps = dataset, steps
        self.targets: Array | None = None if dataset.has_masks else dataset.labels

    def __len__(self) -> int:
        return len(self._dataset)

    def name(self, i: int) -> str:
        return self._dataset.name(i)

    def read(self, positions: NDArray[np.int64], skip: bool) -> Samples:
        images: list[Array] = []
        targets: list[Any] = []
        kept: list[int] = []
        skipped: list[tuple[str, str]] = []
        for place, i in enumerate(positions.tolist()):
            try:
                image, target = self._read_one(i)
            except DataError as error:
                if not skip:
                    raise
                skipped.append((self.name(i), str(error)))
                continue
            if images and image.shape != images[0].shape:
                raise unlike(self.name(int(positions[kept[0]])), images[0], self.name(i), image)
            images.append(image)
            targets.append(target)
            kept.append(place)
        x = np.stack(images) if images else np.empty((0, 0, 0, 0), np.float32)
        y = np.array(targets)
        masks = y if self._dataset.has_masks else None
        return Samples(x, y, masks, np.array(kept, np.int64), skipped)

    def _read_one(self, i: int) -> tuple[Array, Any]:
        try:
            image, target = self._dataset[i]
            mask = target if isinstance(target, np.ndarray) else None
            image, mask = apply(self._steps, image, mask)
        except (DataError, MemoryError):
            raise
        except Exception as error:  # a reader or a transform of the user's own may raise anything
            reason = " ".join(str(error).split()) or type(error).__name__
            raise DataError(
                f"image {self.name(i)!r} cannot be read or prepared ({type(error).__name__}: "
                f"{reason}); replace or remove it"
            ) from error
        return image, target if mask is None else mask


class FromArrays:
    """Picks from arrays, and prepares a batch at once. Targets (N, H, W) are masks."""

    def __init__(self, x: Any, y: Any, steps: Sequence[Transform], change: bool) -> None:
        try:
            self._images, targets = np.asarray(x), np.asarray(y)
        except ValueError:  # NumPy on lists of unequal length
            raise DataError(
                "the pair (x, y) holds lists of unequal length; needed are arrays: images all of "
                "one size, and a label each"
            ) from None
        if not self._images.ndim or not targets.ndim or len(self._images) != len(targets):
            raise DataError(
                f"images {self._images.shape} and targets {targets.shape} given; needed is one "
                "target an image"
            )
        if change and self._images.ndim == 3:
            self._images = self._images[..., np.newaxis]
        self._steps, self._targets = steps, targets
        self.targets: Array | None = targets
        self._has_masks = targets.ndim == 3 and targets.shape == self._images.shape[:3]
        if change and targets.ndim > 2 and not self._has_masks:
            raise DataError(
                f"targets of shape {targets.shape} would not move with images of shape "
                f"{self._images.shape}; needed are labels, or masks {self._images.shape[:3]}"
            )

    def __len__(self) -> int:
        return len(self._images)

    def name(self, i: int) -> str:
        return f"image {i}"

    def read(self, positions: NDArray[np.int64], skip: bool) -> Samples:
        images, targets = self._images[positions], self._targets[positions]
        images, masks = apply(self._steps, images, targets if self._has_masks else None)
        targets = targets if masks is None else masks
        return Samples(images, targets, masks, np.arange(len(positions)), [])
