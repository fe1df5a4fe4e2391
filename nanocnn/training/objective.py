"""What is minimised and measured: a loss, metrics, and the part of the model they are for."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from .. import losses
from ..layers.activations import Sigmoid, Softmax
from ..layers.base import Array, Layer

Loss = Callable[[Array, Array], tuple[float, Array]]
Metric = Callable[[Array, Array], float]

_ON_LOGITS = (losses.softmax_cross_entropy, losses.binary_cross_entropy)
_WEIGHTED = (*_ON_LOGITS, losses.categorical_crossentropy)
_ON_LABELS = (losses.softmax_cross_entropy, losses.categorical_crossentropy)


def accuracy(target: Array, y: Array) -> float:
    """Return the share of rows whose largest output is at the label.

    Parameters
    ----------
    target : (N,), (N, 1) or one-hot (N, K)
    y : (N, K), or (N,) and (N, 1) logits of a yes-or-no question: yes above 0
    """
    if y.ndim == 1 or y.shape[-1] == 1:
        return float(np.mean((y.reshape(-1) > 0) == (target.reshape(-1) > 0.5)))
    labels = target.argmax(axis=-1) if target.shape == y.shape else target.reshape(y.shape[:-1])
    return float(np.mean(y.argmax(axis=-1) == labels))


class Objective(NamedTuple):
    """A model up to where its loss begins, the loss, and the metrics by name."""

    model: Any
    loss: Loss
    metrics: tuple[tuple[str, Metric], ...]
    labels: bool  # whether targets are class labels
    scores: Any  # the tuple type that `evaluate` returns


def _last(model: Any) -> Layer:
    layer = model
    while getattr(layer, "layers", ()):
        layer = layer.layers[-1]
    return layer  # type: ignore[no-any-return]


def _ends_in(model: Any, name: str, kind: type[Layer]) -> bool:
    last = _last(model)
    return isinstance(last, kind) or getattr(last, "activation", None) == name


def _before_softmax(model: Any) -> Any:
    """Return a model that shares all parameters and stops before the softmax at its end."""
    *front, last = model.layers
    if getattr(last, "layers", ()):
        front.append(_before_softmax(last))
    elif not isinstance(last, Softmax):
        front.append(last.without_activation())
    bare = type(model)(front, seed=model.seed, dtype=model.dtype, name=model.name)
    if model.input_shape is not None:
        bare.build(model.input_shape, np.random.default_rng(0))
    return bare


def make_objective(
    model: Any,
    loss: str | Loss,
    metrics: Sequence[str | Metric],
    class_weight: Any,
    label_smoothing: float,
) -> Objective:
    """Put together what `fit` and `evaluate` need; raise ValueError where it does not fit."""
    function = losses.get(loss)
    end = next(
        (n for n, k in (("softmax", Softmax), ("sigmoid", Sigmoid)) if _ends_in(model, n, k)), None
    )
    if function is losses.categorical_crossentropy:
        if end != "softmax":
            raise ValueError(
                "categorical_crossentropy is for a model that ends in softmax; add "
                "activation='softmax' to the last layer, or use loss='softmax_cross_entropy'"
            )
        if len(getattr(model, "layers", ())) > 1 or not isinstance(_last(model), Softmax):
            model, function = _before_softmax(model), losses.softmax_cross_entropy
    elif function in _ON_LOGITS and end is not None:
        raise ValueError(
            f"{getattr(function, '__name__', loss)} takes logits but the model ends in {end}; "
            + (
                "use loss='categorical_crossentropy', or drop the softmax"
                if end == "softmax"
                else "drop the sigmoid: the loss applies it, without overflow"
            )
        )
    named = tuple(_named(metric) for metric in metrics)
    scores = namedtuple("Scores", ["loss", *(name for name, _ in named)])  # type: ignore[misc]
    options = {}
    if class_weight is not None:
        options["class_weight"] = class_weight
    if label_smoothing:
        options["label_smoothing"] = label_smoothing
    if options and function not in _WEIGHTED:
        raise ValueError(
            f"{' and '.join(options)} are for the cross-entropy losses of this package; weigh or "
            "smooth inside your own loss instead"
        )
    is_labels = function in _ON_LABELS
    return Objective(
        model, partial(function, **options) if options else function, named, is_labels, scores
    )


def _named(metric: str | Metric) -> tuple[str, Metric]:
    if metric == "accuracy":
        return "accuracy", accuracy
    if callable(metric) and getattr(metric, "__name__", "<lambda>").isidentifier():
        return metric.__name__, metric
    raise ValueError(
        f"metric {metric!r} is unknown; use 'accuracy' or a named function (target, y) -> float"
    )
