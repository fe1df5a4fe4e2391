"""Data sets, transforms and files for the tests of loaders and preparations."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import nanocnn as nc
from nanocnn.data import DataLoader, ImageDataset, Preparation
from nanocnn.data.transforms import Compose, Transform
from nanocnn.data.transforms.images import each_image
from tests.models.examples import pictures

Batch = tuple[NDArray[Any], NDArray[Any]]


@dataclass(frozen=True, kw_only=True, repr=False)
class Power(Transform):
    """Keeps [0, 1]."""

    exponent: int = 2

    def apply_image(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        powers: NDArray[np.float32] = image**self.exponent
        return powers


@dataclass(frozen=True, kw_only=True, repr=False)
class Corner(Transform):
    """Leaves a square from the upper left corner."""

    side: int

    def apply_image(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        return image[: self.side, : self.side]

    def apply_mask(self, mask: NDArray[Any]) -> NDArray[Any]:
        return mask[: self.side, : self.side]


@dataclass(frozen=True, kw_only=True, repr=False)
class Center(Transform):
    """Subtracts the mean of the training images, and so leaves [0, 1]."""

    mean: float | None = None

    @property
    def unit_range(self) -> bool:
        return False

    @property
    def is_fitted(self) -> bool:
        return self.mean is not None

    def fit(self, images: Iterable[Any] | NDArray[np.float32]) -> Center:
        return replace(self, mean=float(np.mean([image.mean() for image in each_image(images)])))

    def apply_image(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        assert self.mean is not None
        centred: NDArray[np.float32] = image - np.float32(self.mean)
        return centred


OWN = {kind.__name__: kind for kind in (Power, Corner, Center)}


def write_classes(root: Path, n: int = 12, size: tuple[int, int] = (12, 14)) -> Path:
    """Write n grey PNG files of three classes, no two alike; class 2 has few."""
    rng = np.random.default_rng(0)
    for i in range(n):
        folder = root / "abc"[2 if i % 5 == 4 else i % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, size, np.uint8)).save(folder / f"{i:02d}.png")
    return root


def with_masks(n: int = 10, seed: int = 0) -> ImageDataset:
    """Return images that are bright where their masks are 1."""
    rng = np.random.default_rng(seed)
    masks = np.zeros((n, 12, 14), np.uint8)
    for mask in masks:
        i, j = rng.integers(1, 7, 2)
        mask[i : i + 4, j : j + 5] = 1
    images = 0.6 * masks[..., None] + 0.3 * rng.random((n, 12, 14, 1))
    return ImageDataset(images.astype(np.float32), np.zeros(n, np.int64), masks=masks)


def files(root: Path, n: int = 12) -> ImageDataset:
    """Write the pictures as PNG files in two class folders, and open them."""
    for i, (image, label) in enumerate(zip(*pictures(n), strict=True)):
        folder = root / "ab"[label]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray((255 * image).astype(np.uint8)).save(folder / f"{i:02d}.png")
    return nc.data.open(root)


def recipe(dataset: Any) -> Preparation:
    """Return a fitted preparation with a step on each side of augmentation."""
    how = Preparation(size=(14, 12), channels=3, transforms=Compose([Power(), Center()]))
    return how.fit(dataset)


def epoch(loader: DataLoader, k: int = 0) -> list[Batch]:
    """Return all batches of an epoch."""
    return list(loader.epoch(k))


def same_batches(found: list[Batch], expected: list[Batch]) -> bool:
    """Tell whether all arrays have the same bits, shapes and types."""
    return len(found) == len(expected) and all(
        a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
        for pair, other in zip(found, expected, strict=True)
        for a, b in zip(pair, other, strict=True)
    )
