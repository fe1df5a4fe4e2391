"""Feeding a network: batches in a fixed order, made ahead by threads, in bounded memory."""

from __future__ import annotations

import math
import warnings
from collections.abc import Generator
from contextlib import closing
from copy import copy
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .augmentation import Augment
from .augmentation.checks import check_number
from .augmentation.draws import whole
from .augmentation.mixing import mixup as mix
from .augmentation.mixing import soft_rows
from .checks import check_count, check_labels, unlike
from .dataset import ImageDataset
from .errors import DataError
from .prefetch import prefetch
from .preparation import Preparation, apply
from .samples import Array, FromArrays, FromDataset, Source
from .sampling import balanced_order, plain_order, repeats

Batches = Generator[tuple[Array, Array], None, None]


class _Job(NamedTuple):
    """A batch that is to be made."""

    epoch: int
    positions: NDArray[np.int64]
    indices: NDArray[np.int64]  # that the random numbers of augmentation follow from


class _Batch(NamedTuple):
    """A batch that was made; it may have lost samples."""

    images: Array
    targets: Array
    first: int  # position of its first sample, for messages
    skipped: list[tuple[str, str]]


class DataLoader:
    """Batches of a data set, decoded, prepared and augmented ahead of the network.

    ``for images, targets in loader`` goes through one epoch, the next time through the next one;
    ``loader.epoch(k)`` is the k-th, and `model.fit(loader, epochs=...)` takes as many as it needs.
    The batches are the same, bit for bit, for any number of threads.

    Parameters
    ----------
    dataset : ImageDataset, or pair (x, y) of arrays
        Of a data set the images are decoded in each epoch anew, and not kept; targets are its
        labels, or its masks. Arrays are taken as they are; y of shape (N, H, W) are masks.
    batch_size : int        the last batch of an epoch may be smaller
    seed : int
        Of the order, which is that of ``model.fit(x, y, seed=seed)``.
    preparation : Preparation or None
        How the images of a data set are opened and transformed; of arrays, transformed. It must be
        fitted. What it leaves open (such as `size`) is as the data set was opened; None leaves all.
    augment : Augment or None
        Takes place on images in [0, 1]: after the steps of the preparation that keep that range,
        before the first that leaves it, such as a z-score.
    mixup : float
        Mix each sample with another one of its batch, see `nanocnn.data.mixup`, which says what the
        number means; after `augment`. Labels become rows (N, K) that sum to 1, as the
        cross-entropies take them. 0 is none.
    balanced : bool
        Draw as many samples an epoch as there are, but of each class the same number (or one more).
        Images of small classes come several times, and repeat r of image i is augmented as image
        i + r N would be: no two alike.
    shuffle : bool          draw a new order for each epoch; False: the data set's own
    threads : int           that make batches ahead; 0: they are made when they are asked for
    queue : int
        At most `queue + threads` batches exist that were not handed out yet.
    on_error : "raise" or "skip"
        What becomes of an image that cannot be read: an error that names it, or it is left out,
        listed in `skipped`, and counted in one warning at the end of each epoch. A batch that loses
        all its samples is passed over.

    Attributes
    ----------
    skipped : list of (name, reason)
        All images that were left out so far, each once.
    targets : (N, ...) array or None
        Labels, or masks in memory; None where masks are decoded with their images, or with mixup.

    Raises
    ------
    DataError
        If an argument does not fit, or the preparation is not fitted; while iterating, if images
        differ in size, or one cannot be read.

    Examples
    --------
    >>> import nanocnn as nc
    >>> augment = nc.data.Augment(rotate=10, flip="horizontal", noise=0.02)
    >>> loader = nc.data.DataLoader((x, y), batch_size=32, augment=augment)   # doctest: +SKIP
    >>> model.fit(loader, epochs=10)                                          # doctest: +SKIP
    """

    def __init__(
        self,
        dataset: ImageDataset | tuple[Any, Any],
        batch_size: int = 32,
        *,
        seed: int = 0,
        preparation: Preparation | None = None,
        augment: Augment | None = None,
        mixup: float = 0.0,
        balanced: bool = False,
        shuffle: bool = True,
        threads: int = 2,
        queue: int = 4,
        on_error: str = "raise",
    ) -> None:
        self.batch_size = check_count("batch_size", batch_size, 1)
        self.seed, self.shuffle, self.balanced = whole("seed", seed), shuffle, balanced
        self.threads = check_count("threads", threads, 0)
        self.queue = check_count("queue", queue, 1)
        check_number("mixup", mixup, 0, math.inf, "0.2, or 0 for none")
        if on_error not in ("raise", "skip"):
            raise DataError(f"on_error={on_error!r} is unknown; give 'raise' or 'skip'")
        if augment is not None and not isinstance(augment, Augment):
            raise DataError(
                f"augment is of the type {type(augment).__name__}; give nanocnn.data.Augment(...)"
            )
        if preparation is not None and not isinstance(preparation, Preparation):
            raise DataError(
                f"preparation is of the type {type(preparation).__name__}; give "
                "nanocnn.data.Preparation(...), and a transform as Preparation(transforms=...)"
            )
        self.dataset, self.augment, self.mixup, self.on_error = dataset, augment, mixup, on_error
        self._given, self._epoch = preparation, 0
        self.preparation, self._source = self._open()
        self.targets = None if mixup else self._source.targets
        if not len(self._source):
            raise DataError("the data set is empty; at least one image is needed")
        self._labels = self._classes() if balanced else None
        self._n_classes = self._count_classes() if mixup else 0
        self._skipped: dict[str, str] = {}

    def _open(self) -> tuple[Preparation | None, Source]:
        """Return the preparation in force, and where the samples come from."""
        how, dataset = self._given, self.dataset
        if isinstance(dataset, ImageDataset):
            how = dataset.preparation if how is None else how.completed(dataset.preparation)
            how.check_fitted()
            return how, FromDataset(how.reopen(dataset), how.steps_before_augmenting)
        if not isinstance(dataset, tuple | list) or len(dataset) != 2:
            raise DataError(
                f"a {type(dataset).__name__} cannot be loaded; needed is an ImageDataset, as "
                "nanocnn.data.open(path) returns, or a pair (x, y)"
            )
        if how is not None:
            how.check_fitted()
        steps = () if how is None else how.steps_before_augmenting
        change = bool(how is not None and how.steps) or self.augment is not None or self.mixup > 0
        return how, FromArrays(dataset[0], dataset[1], steps, change)

    def _classes(self) -> NDArray[np.int64]:
        n, targets = len(self._source), self._source.targets
        if isinstance(self.dataset, ImageDataset):
            targets = self.dataset.labels
        if targets is None or targets.shape not in ((n,), (n, 1)):
            raise DataError(
                "balanced=True is for samples with one label each, 0 .. K-1; leave it out"
            )
        labels = check_labels(targets, n, "labels")
        if len(np.unique(labels)) < 2:
            raise DataError("balanced=True needs two classes or more; leave it out")
        return labels

    def _count_classes(self) -> int:
        """Return how many numbers a row of mixup's targets has."""
        n, targets = len(self._source), self._source.targets
        if isinstance(self.dataset, ImageDataset) and not self.dataset.has_masks:
            return len(self.dataset.classes)
        if targets is None or targets.ndim > 2:
            raise DataError("mixup is for samples with one label each, not for masks; leave it out")
        if targets.ndim == 2 and targets.shape[1] > 1:  # rows already
            return int(targets.shape[1])
        return int(check_labels(targets, n, "labels").max()) + 1

    def __len__(self) -> int:
        return -(-len(self._source) // self.batch_size)

    def __iter__(self) -> Batches:
        self._epoch += 1
        return self.epoch(self._epoch - 1)

    def __repr__(self) -> str:
        names = ("batch_size", "seed", "augment", "mixup", "balanced", "shuffle")
        shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"DataLoader({len(self._source)} images, {len(self)} batches, {shown})"

    @property
    def skipped(self) -> list[tuple[str, str]]:
        """Name and reason of each image that was left out."""
        return list(self._skipped.items())

    def epoch(self, k: int) -> Batches:
        """Return an iterator of the batches of epoch k, the first being 0."""
        return self._batches(whole("epoch", k))

    def peek(self) -> tuple[Array, Array]:
        """Return the first batch of epoch 0, made in this thread; DataError if none can be read."""
        for job in self._jobs(0):
            batch = self._make(job)
            self._skipped.update(batch.skipped)
            if len(batch.images):
                return batch.images, batch.targets
        name, reason = self.skipped[0]
        raise DataError(f"none of {len(self._source)} images can be read; {name}: {reason}")

    def with_preparation(self, preparation: Preparation | None) -> DataLoader:
        """Return a loader that uses a model's preparation, if this one was not given its own.

        A pair of arrays is ready as it is, and so is a loader of one. Both have one list `skipped`.
        """
        if self._given or preparation is None or not isinstance(self.dataset, ImageDataset):
            return self
        loader = copy(self)
        loader._given = preparation
        loader.preparation, loader._source = loader._open()
        return loader

    def _jobs(self, epoch: int) -> list[_Job]:
        n = len(self._source)
        if self._labels is None:
            order = indices = plain_order(n, self.seed, epoch, self.shuffle)
        else:
            order = balanced_order(self._labels, self.seed, epoch, self.shuffle)
            indices = order + n * repeats(order)
        starts = range(0, n, self.batch_size)
        parts = (slice(start, start + self.batch_size) for start in starts)
        return [_Job(epoch, order[part], indices[part]) for part in parts]

    def _make(self, job: _Job) -> _Batch:
        """Read, prepare and augment a batch; called from the threads."""
        samples = self._source.read(job.positions, self.on_error == "skip")
        if not len(samples.kept):
            return _Batch(samples.images, samples.targets, 0, samples.skipped)
        images, masks, targets = samples.images, samples.masks, samples.targets
        indices = job.indices[samples.kept]
        if self.augment is not None:
            if masks is None:
                images = self.augment(images, epoch=job.epoch, indices=indices)
            else:
                images, masks = self.augment(images, masks, epoch=job.epoch, indices=indices)
        if self.mixup:
            how: dict[str, Any] = {"seed": self.seed, "epoch": job.epoch, "indices": indices}
            rows = soft_rows(targets, self._n_classes)
            images, targets = mix(images, rows, alpha=self.mixup, **how)
        if self.preparation is not None:
            images, masks = apply(self.preparation.steps_after_augmenting, images, masks)
        self._check_finite(images, job.positions[samples.kept])
        first = int(job.positions[samples.kept[0]])
        targets = targets if masks is None else masks
        return _Batch(images, targets, first, samples.skipped)

    def _check_finite(self, images: Array, positions: NDArray[np.int64]) -> None:
        """Raise DataError for an image with a pixel that is NaN or infinite."""
        with np.errstate(over="ignore", invalid="ignore"):
            if images.dtype.kind != "f" or np.isfinite(images.sum()):
                return
        bad = ~np.isfinite(images.reshape(len(images), -1)).all(axis=1)
        if bad.any():
            name = self._source.name(int(positions[int(bad.argmax())]))
            raise DataError(f"{name} has a pixel that is NaN or infinite; repair or remove it")

    def _batches(self, epoch: int) -> Batches:
        first: _Batch | None = None
        lost = 0
        with closing(prefetch(self._make, self._jobs(epoch), self.threads, self.queue)) as batches:
            for batch in batches:
                self._skipped.update(batch.skipped)
                lost += len(batch.skipped)
                if not len(batch.images):
                    continue
                if first is None:
                    first = batch._replace(images=batch.images[:1].copy())
                elif batch.images.shape[1:] != first.images.shape[1:]:
                    name, other = self._source.name(first.first), self._source.name(batch.first)
                    raise unlike(name, first.images[0], other, batch.images[0])
                yield batch.images, batch.targets
        if lost:
            shown = ", ".join(list(self._skipped)[:3]) + (", ..." if len(self._skipped) > 3 else "")
            warnings.warn(
                f"{lost} of {len(self._source)} samples of epoch {epoch + 1} could not be read and "
                f"were left out: {shown} (all of them, with reasons: loader.skipped)",
                stacklevel=2,
            )
