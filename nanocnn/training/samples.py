"""Parts of a data set, or of a pair of arrays, for whoever trains more than one model on them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..layers.base import Array
from .batches import is_dataset, open_images, open_targets


def open_samples(
    dataset: Any, groups: Any, preparation: Any
) -> tuple[Any, Array | None, Array, Array | None]:
    """Return the images, what is learnt, the class of each image, and its group."""
    if is_dataset(dataset):
        owners = dataset.groups if groups is None else np.asarray(groups)
        targets = None if dataset.has_masks else dataset.labels
        return dataset, targets, dataset.labels, owners
    if not isinstance(dataset, (tuple, list)) or len(dataset) != 2:
        raise ValueError(f"needed is a data set or a pair (x, y), got {type(dataset).__name__}")
    if preparation is not None:
        raise ValueError(
            "an array is ready and gets no preparation; give a data set, such as "
            "nanocnn.data.ImageDataset(x, y)"
        )
    x = open_images(dataset[0])
    y = open_targets(dataset[1], len(x))
    labels = np.zeros(len(x), np.int64)  # of masks, or numbers: all images count as one class
    if y.shape in ((len(x),), (len(x), 1)) and (y == np.floor(y)).all():
        labels = y.reshape(-1).astype(np.int64)
    elif y.ndim == 2:
        labels = y.argmax(axis=1)
    return x, y, labels, None if groups is None else np.asarray(groups)


def take(images: Any, targets: Array | None, indices: Array) -> tuple[Any, Any]:
    """Return x and y as `evaluate` takes them."""
    if is_dataset(images):
        return images.subset(indices), None
    assert targets is not None
    return images[indices], targets[indices]


def train_on(
    model: Any,
    images: Any,
    targets: Array | None,
    chosen: Array,
    preparation: Any,
    batch_size: int,
    seed: int,
    loading: dict[str, Any],
    fitting: dict[str, Any],
) -> dict[str, list[float]]:
    """Train one model and return the course of its training."""
    from ..data import DataLoader

    x, y = take(images, targets, chosen)
    if y is None:
        how = None if preparation is None else preparation.fit(x)
        loader = DataLoader(x, batch_size, seed=seed, preparation=how, **loading)
        history = model.fit(loader, seed=seed, **fitting)
    else:
        loader = DataLoader((x, y), batch_size, seed=seed, **loading)
        history = model.fit(loader, seed=seed, **fitting)
    return dict(history.history)
