"""Where batches come from: arrays that are held, or a loader that makes them when they are needed.

The rule for whoever feeds a model: a data set or a file is raw and gets the model's preparation; an
array is ready, and goes into the layers as it is.

`fit` on a data set decodes it once and holds it, as every epoch needs all images again: epochs then
cost no decoding, and a broken file is told before anything is learnt. What does not fit in memory
goes through a `DataLoader`, and its validation data are streamed too. `evaluate` and `predict` need
each image once, and stream whatever is not an array.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import closing
from typing import Any, NamedTuple

import numpy as np

from ..layers.base import Array
from .batches import (
    Target,
    Weighted,
    check_targets,
    fit_batch,
    image_shape,
    is_dataset,
    make_batch,
    open_images,
    open_targets,
    open_weights,
)
from .objective import Objective

Batches = Generator[tuple[Array, Target], None, None]


def is_loader(x: Any) -> bool:
    """Tell whether x makes batches, as `nanocnn.data.DataLoader` does."""
    return hasattr(x, "peek") and hasattr(x, "epoch")


def is_path(x: Any) -> bool:
    """Tell whether x names a file or folder, or several."""
    if isinstance(x, (list, tuple)) and x:
        return all(isinstance(file, (str, os.PathLike)) for file in x)
    return isinstance(x, (str, os.PathLike))


class Held(NamedTuple):
    """Batches of arrays in memory."""

    model: Any
    images: Array
    targets: Array
    batch_size: int
    seed: int = 0
    shuffle: bool = False
    preparation: Any = None
    weights: Array | None = None

    @property
    def n_batches(self) -> int:
        return -(-len(self.images) // self.batch_size)

    def epoch(self, k: int) -> Batches:
        order = np.random.default_rng([self.seed, k]).permutation(len(self.images))
        if not self.shuffle:
            order.sort()
        for start in range(0, len(order), self.batch_size):
            indices = order[start : start + self.batch_size]
            x = make_batch(self.images, indices, self.model.input_shape, self.model.dtype)
            target = self.targets[indices]
            yield x, target if self.weights is None else Weighted(target, self.weights[indices])


class Streamed(NamedTuple):
    """Batches of a loader; targets that stand beside it are taken in its order."""

    model: Any
    loader: Any
    targets: Array | None = None

    @property
    def n_batches(self) -> int:
        return len(self.loader)

    @property
    def preparation(self) -> Any:
        return self.loader.preparation

    def epoch(self, k: int) -> Batches:
        start = 0
        with closing(self.loader.epoch(k)) as batches:
            for images, targets in batches:
                n = len(images)
                if self.targets is not None:
                    targets = self.targets[start : start + n]
                start += n
                x = fit_batch(images, self.model.input_shape, self.model.dtype)
                yield x, open_targets(targets, n)
        if not start:
            raise ValueError(f"no sample of epoch {k + 1} could be read; see loader.skipped")


Feed = Held | Streamed


def open_training(
    model: Any,
    x: Any,
    y: Any,
    objective: Objective,
    batch_size: int,
    seed: int,
    shuffle: bool,
    sample_weight: Any = None,
) -> Feed:
    """Open what `fit` takes, and check it as far as it is in memory."""
    if sample_weight is not None and (is_loader(x) or is_dataset(x)):
        raise ValueError(
            "sample_weight is for fit(x, y) on arrays; in the masks of a data set or a loader, "
            "pixels are left out by a label that the loss has as ignore_class"
        )
    if is_loader(x):
        if y is not None:
            raise ValueError("a loader brings its own labels: pass it alone, as fit(loader)")
        return _stream(model, x.with_preparation(model.preparation), None, objective)
    feed = _hold(model, x, y, objective, model.preparation, batch_size, seed, shuffle)
    if sample_weight is None:
        return feed
    weights = open_weights(sample_weight, feed.targets, model.output_shape, objective)
    return feed._replace(weights=weights)


def open_validation(
    model: Any, data: Any, objective: Objective, batch_size: int, training: Feed
) -> Feed | None:
    """Open validation data; a data set is prepared as that for training is, and held if that is."""
    if data is None:
        return None
    preparation = training.preparation or model.preparation
    if isinstance(training, Streamed):
        batch_size = training.loader.batch_size
    if is_dataset(data):
        if isinstance(training, Held):
            return _hold(model, data, None, objective, preparation, batch_size)
        return _stream(model, _in_order(data, batch_size, preparation), None, objective)
    if not isinstance(data, (tuple, list)) or len(data) != 2:
        raise ValueError("validation_data must be a pair (x, y) or a data set")
    return _hold(model, data[0], data[1], objective, preparation, batch_size)


def open_evaluation(model: Any, x: Any, y: Any, objective: Objective, batch_size: int) -> Feed:
    """Open what `evaluate` takes."""
    _refuse_loader(x, "evaluate")
    if is_path(x):
        from ..data.listing import UNLABELLED

        dataset = open_files(model, x)
        if y is None and dataset.classes == UNLABELLED and not dataset.has_masks:
            raise ValueError("the files bring no labels: pass evaluate(paths, labels)")
        targets = None if y is None else open_targets(y, len(dataset))
        loader = _in_order(dataset, batch_size, model.preparation)
        return _stream(model, loader, targets, objective)
    if is_dataset(x) and y is None:
        return _stream(model, _in_order(x, batch_size, model.preparation), None, objective)
    return _hold(model, x, y, objective, None, batch_size)


def open_prediction(model: Any, x: Any, batch_size: int) -> Generator[Array, None, None]:
    """Return the batches of what `predict` takes; the model is built when the first comes."""
    _refuse_loader(x, "predict")
    if is_path(x):
        x = open_files(model, x)
    if is_dataset(x):
        with closing(_in_order(x, batch_size, model.preparation).epoch(0)) as batches:
            for images, _ in batches:
                model.ensure_built(image_shape(images, model.input_shape))
                yield fit_batch(images, model.input_shape, model.dtype)
        return
    images = open_images(x)
    shape = image_shape(images, model.input_shape)
    model.ensure_built(shape)
    for start in range(0, len(images), batch_size):
        indices = np.arange(start, min(start + batch_size, len(images)))
        yield make_batch(images, indices, shape, model.dtype)


def open_files(model: Any, path: Any) -> Any:
    """Return the data set of some files, opened as the model's preparation says."""
    if model.preparation is None:
        raise ValueError(
            "the model was fitted on arrays and does not know how to open files: pass arrays, or "
            "set model.preparation = nanocnn.data.Preparation(size=..., channels=...)"
        )
    return model.preparation.open(path)


def _refuse_loader(x: Any, verb: str) -> None:
    if is_loader(x):
        raise ValueError(f"a loader is for fit: pass its data set, as {verb}(loader.dataset)")


def _in_order(dataset: Any, batch_size: int, preparation: Any) -> Any:
    from ..data import DataLoader  # here: `import nanocnn` does not load `nanocnn.data`

    return DataLoader(dataset, batch_size, preparation=preparation, shuffle=False)


def _stream(model: Any, loader: Any, targets: Array | None, objective: Objective) -> Streamed:
    """Check the first batch, and the targets of all samples where they are in memory."""
    images, first = loader.peek()
    shape = image_shape(open_images(images), model.input_shape)
    known = loader.targets if targets is None else targets
    known = first if known is None else known
    checked = open_targets(known, len(known))
    model.ensure_built(shape)
    check_targets(checked, model.output_shape, objective)
    fit_batch(images, shape, model.dtype)
    return Streamed(model, loader, targets)


def _hold(
    model: Any,
    x: Any,
    y: Any,
    objective: Objective,
    preparation: Any,
    batch_size: int,
    seed: int = 0,
    shuffle: bool = False,
) -> Held:
    how = None
    if is_dataset(x) and y is None:
        loader = _in_order(x, batch_size, preparation)
        how, (x, y) = loader.preparation, _decode(loader, len(x))
    images = open_images(x)
    shape = image_shape(images, model.input_shape)
    targets = open_targets(y, len(images))
    model.ensure_built(shape)
    check_targets(targets, model.output_shape, objective)
    return Held(model, images, targets, batch_size, seed, shuffle, how)


def _decode(loader: Any, n: int) -> tuple[Array, Array]:
    """Return everything that a loader gives in one epoch."""
    images, targets = (np.empty((n, *a.shape[1:]), a.dtype) for a in loader.peek())
    start = 0
    for x, y in loader.epoch(0):
        images[start : start + len(x)], targets[start : start + len(y)] = x, y
        start += len(x)
    return images, targets
