"""One run: a network trained with some settings and one seed, and what it is worth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

import nanocnn as nc
from nanocnn.evaluation import metrics

from .images import Part
from .steps import AUGMENT, Settings, build


class Ticks(nc.Callback):
    """Call a function after each epoch: for a progress bar over many runs."""

    def __init__(self, tick: Callable[[], Any]) -> None:
        self.tick = tick

    def on_epoch_end(self, epoch: int, logs: Any) -> None:
        self.tick()


def train(
    settings: Settings, part: Part, n_classes: int, seed: int, epochs: int, batch_size: int,
    tick: Callable[[], Any] = lambda: None,
) -> nc.Sequential:  # fmt: skip
    """Return the trained network; the seed rules first weights, order, dropout, augmentation."""
    model = build(settings, part.images.shape[1:], n_classes, seed)
    augment = nc.data.Augment(**AUGMENT, seed=seed) if settings.augment else None
    loader = nc.data.DataLoader((part.images, part.labels), batch_size, seed=seed, augment=augment)
    callbacks: list[nc.Callback] = [Ticks(tick)]
    if settings.cosine:
        callbacks.append(nc.schedules.Cosine())
    weights = None
    if settings.class_weights:
        counts = np.bincount(part.labels, minlength=n_classes)
        weights = len(part.labels) / (n_classes * np.maximum(counts, 1))
    model.fit(
        loader,
        epochs=epochs,
        class_weight=weights,
        label_smoothing=settings.label_smoothing,
        callbacks=callbacks,
        verbose=False,
    )
    return model


def probabilities(model: nc.Sequential, images: NDArray[Any]) -> NDArray[np.float64]:
    """Return (N, K) probabilities; the network ends in logits."""
    found: NDArray[np.float64] = nc.ops.softmax_forward(
        np.asarray(model.predict(images, batch_size=64), np.float64)
    )[0]
    return found


def measure(model: nc.Sequential, part: Part) -> dict[str, float]:
    """Return the measures that one may choose by."""
    p = probabilities(model, part.images)
    return {
        "auc": metrics.auc(part.labels, p),
        "accuracy": metrics.accuracy(part.labels, p),
        "balanced_accuracy": balanced_accuracy(part.labels, p),
    }


def balanced_accuracy(labels: NDArray[Any], p: NDArray[Any]) -> float:
    """Return the mean over the classes of the share that was found: rare ones count as much."""
    right = p.argmax(axis=1) == labels
    return float(np.mean([right[labels == k].mean() for k in np.unique(labels)]))
