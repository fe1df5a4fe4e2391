"""What is minimised and measured: a loss, metrics, and the part of the model they are for."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from .. import losses, ops
from ..layers.activations import Sigmoid, Softmax
from ..layers.base import Array, Layer

Loss = Callable[[Array, Array], tuple[float, Array]]
Metric = Callable[[Array, Array], float]

_ON_LOGITS = (losses.softmax_cross_entropy, losses.binary_cross_entropy)
_WEIGHTED = (*_ON_LOGITS, losses.categorical_crossentropy)
_TAKEN = ("loss", "count", "index", "epoch")  # fields and methods of what holds the results


def accuracy(target: Array, y: Array, *, threshold: float = 0.0) -> float:
    """Return the share of rows whose largest output is at the label.

    Parameters
    ----------
    target : (N,), (N, 1) or one-hot (N, K)
    y : (N, K), or (N,) and (N, 1) answers to a yes-or-no question
    threshold : float
        Yes is above it: 0 for logits, 0.5 for probabilities.
    """
    if y.ndim == 1 or y.shape[-1] == 1:
        return float(np.mean((y.reshape(-1) > threshold) == (target.reshape(-1) > 0.5)))
    labels = target.argmax(axis=-1) if target.shape == y.shape else target
    if labels.shape not in (y.shape[:-1], (*y.shape[:-1], 1)):
        raise ValueError(
            f"accuracy: targets of shape {target.shape} do not fit outputs of shape {y.shape}; "
            "needed are labels or one-hot rows, or compile with other metrics"
        )
    return float(np.mean(y.argmax(axis=-1) == labels.reshape(y.shape[:-1])))


class Objective(NamedTuple):
    """A model up to where its loss begins, the loss, and the metrics by name."""

    model: Any
    loss: Loss
    metrics: tuple[tuple[str, Metric], ...]
    targets: str  # "classes", "yes or no", or "any"
    scores: Any  # the tuple type that `evaluate` returns
    finish: Callable[[Array], Array]  # from what the loss takes to the model's output


def _last(model: Any) -> Layer:
    """Return the layer whose output is the model's: a chain's last, of any other container all."""
    layer = model
    while isinstance(layer, type(model)) and getattr(layer, "layers", ()):
        layer = layer.layers[-1]
    return layer


def _ends_in(model: Any, name: str, kind: type[Layer]) -> bool:
    last = _last(model)
    return isinstance(last, kind) or getattr(last, "activation", None) == name


def _softmax(y: Array) -> Array:
    return ops.softmax_forward(y)[0]


def _before_softmax(model: Any) -> Any:
    """Return a model that shares all parameters and stops before the softmax at its end.

    None if there is nothing before it.
    """
    *front, last = model.layers
    if isinstance(last, type(model)):
        inner = _before_softmax(last)
        front += [] if inner is None else [inner]
    elif not isinstance(last, Softmax):
        front.append(last.without_activation())
    if not front:
        return None
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
    finish: Callable[[Array], Array] = lambda y: y  # noqa: E731
    end = next(
        (n for n, k in (("softmax", Softmax), ("sigmoid", Sigmoid)) if _ends_in(model, n, k)), None
    )
    if function is losses.categorical_crossentropy:
        if end != "softmax":
            raise ValueError(
                "categorical_crossentropy is for a model that ends in softmax; add "
                "activation='softmax' to the last layer, or use loss='softmax_cross_entropy'"
            )
        bare = _before_softmax(model) if _can_stop_before_softmax(model) else None
        if bare is not None:
            model, function, finish = bare, losses.softmax_cross_entropy, _softmax
    elif function in _ON_LOGITS and end is not None:
        raise ValueError(
            f"{getattr(function, '__name__', loss)} takes logits but the model ends in {end}; "
            + (
                "use loss='categorical_crossentropy', or drop the softmax"
                if end == "softmax"
                else "drop the sigmoid: the loss applies it, without overflow"
            )
        )
    named = _named(metrics, 0.5 if end == "sigmoid" else 0.0)
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
    targets = "any"
    if function in _WEIGHTED:
        targets = "yes or no" if function is losses.binary_cross_entropy else "classes"
    weighted = partial(function, **options) if options else function
    return Objective(model, weighted, named, targets, scores, finish)


def _can_stop_before_softmax(model: Any) -> bool:
    """Tell whether the end is of a kind that can be taken off: your own layer may not be."""
    last = _last(model)
    return last is not model and (
        isinstance(last, Softmax) or callable(getattr(last, "without_activation", None))
    )


def _named(metrics: Any, threshold: float) -> tuple[tuple[str, Metric], ...]:
    """Return the metrics by name; raise TypeError or ValueError for what is none."""
    if isinstance(metrics, str) or not isinstance(metrics, Iterable):
        raise TypeError(f"metrics must be a list, such as ['accuracy'], got {metrics!r}")
    named: dict[str, Metric] = {}
    for metric in metrics:
        name = metric if isinstance(metric, str) else getattr(metric, "__name__", "<lambda>")
        if metric != "accuracy" and (not callable(metric) or not name.isidentifier()):
            raise ValueError(
                f"metric {metric!r} is unknown; use 'accuracy' or a named function "
                "(target, y) -> float"
            )
        if name in named or name in _TAKEN or name.startswith("_"):
            raise ValueError(
                f"a metric cannot be called {name!r}, which is taken, or private; give it a name "
                "of its own"
            )
        chosen = metric if callable(metric) else partial(accuracy, threshold=threshold)
        named[name] = chosen
    return tuple(named.items())
