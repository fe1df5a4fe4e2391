"""Measuring a fold's model on the images that it has not seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ... import losses, ops
from ...layers.base import Array
from ..fingerprint import name_of

Metric = Callable[[Array, Array], float]
NAMES = ("accuracy", "auc", "f1", "precision", "sensitivity", "specificity")


def choose_metrics(
    given: Sequence[str | Metric] | None, model: Any, targets: Array | None
) -> dict[str, Metric]:
    """Return the functions of (true, probabilities) by name.

    Raises
    ------
    ValueError
        If a name is unknown, or that of what the model is compiled with.
    """
    from ... import evaluation

    if given is None:
        classes = targets is not None and len(model.output_shape) == 1
        known = losses.split(model.loss)[0] in (
            losses.softmax_cross_entropy,
            losses.binary_cross_entropy,
            losses.categorical_crossentropy,
        )
        given = ("auc",) if classes and known else ()
        given = tuple(name for name in given if name not in map(name_of, model.metrics))
    if isinstance(given, str):
        raise ValueError(f"metrics must be a list, such as [{given!r}]")
    taken = {"loss", *map(name_of, model.metrics)}
    chosen: dict[str, Metric] = {}
    for metric in given:
        name = name_of(metric)
        if isinstance(metric, str) and name not in NAMES:
            raise ValueError(
                f"metric {name!r} is unknown; use one of {', '.join(NAMES)}, or a function "
                "(true, probabilities) -> float"
            )
        if name in taken:
            raise ValueError(f"metric {name!r} is there twice, or compiled; give each once")
        taken.add(name)
        chosen[name] = getattr(evaluation, name) if isinstance(metric, str) else metric
    return chosen


def measure(
    model: Any, x: Any, y: Any, batch_size: int, metrics: dict[str, Metric]
) -> tuple[dict[str, float], Array]:
    """Return all scores, and the model's outputs as they are kept."""
    found: Any = model.evaluate(x, y, batch_size=batch_size)
    scores = {name: float(value) for name, value in found._asdict().items()}
    outputs: Array = model.predict(x, batch_size=batch_size)
    if metrics:
        true = x.labels if y is None else y
        if true.ndim == 2:
            true = true.argmax(axis=1) if true.shape[1] > 1 else true[:, 0]
        p = probabilities(model, outputs)
        scores |= {name: float(metric(true, p)) for name, metric in metrics.items()}
    if outputs.ndim > 2:
        classes = outputs.argmax(axis=-1) if outputs.shape[-1] > 1 else outputs[..., 0] > 0
        outputs = classes.astype(np.uint8)
    return scores, outputs


def probabilities(model: Any, outputs: Array) -> Array:
    """Return a column for each class, from logits or from probabilities."""
    loss, _ = losses.split(model.loss)
    if loss is losses.softmax_cross_entropy:
        return ops.softmax_forward(outputs)[0]
    if outputs.ndim == 2 and outputs.shape[1] == 1:
        if loss is losses.binary_cross_entropy:
            outputs = ops.sigmoid_forward(outputs)[0]
        return np.concatenate([1 - outputs, outputs], axis=1)
    return outputs
