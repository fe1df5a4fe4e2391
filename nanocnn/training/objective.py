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

Loss = Callable[..., tuple[float, Array]]  # (y, target), and sample_weight where it is given
Metric = Callable[[Array, Array], float]

_SMOOTHED = (losses.softmax_cross_entropy, losses.binary_cross_entropy)
_OVERLAP = (losses.soft_dice, losses.tversky, losses.dice_cross_entropy)
_ON_LOGITS = (*_SMOOTHED, *_OVERLAP, losses.focal)
_WEIGHTED = (*_ON_LOGITS, losses.categorical_crossentropy)
_TAKEN = ("loss", "count", "index", "epoch")  # fields and methods of what holds the results


def accuracy(
    target: Array, y: Array, *, threshold: float = 0.0, ignore_class: int | None = None
) -> float:
    """Return the share of rows, or pixels, whose largest output is at the label.

    Parameters
    ----------
    target : (N,), (N, 1) or one-hot (N, K); masks (N, H, W)
    y : (N, K), or (N,) and (N, 1) answers to a yes-or-no question; (N, H, W, K)
    threshold : float
        Yes is above it: 0 for logits, 0.5 for probabilities.
    ignore_class : int, optional
        Labels that do not count; if none is left the accuracy is 1.
    """
    true, predicted = _labels("accuracy", target, y, threshold, ignore_class)
    return float(np.mean(predicted == true)) if true.size else 1.0


def dice(
    target: Array, y: Array, *, threshold: float = 0.0, ignore_class: int | None = None
) -> float:
    """Return the Dice coefficient of each class but the background, 0, and of these the mean.

    Over all pixels of the batch, so the mean of batches depends on what stands together in one; for
    a result to publish take `nanocnn.evaluation`. Classes that are neither there nor predicted are
    left out; the coefficient is 1 if that leaves none. Arguments as for `accuracy`.
    """
    true, predicted = _labels("dice", target, y, threshold, ignore_class)
    K = max(2, y.shape[-1] if y.ndim > 1 else 1)
    pairs = np.bincount(true * K + predicted, minlength=K * K).reshape(K, K)[:K]
    both, sizes = 2 * np.diag(pairs)[1:], (pairs.sum(axis=0) + pairs.sum(axis=1))[1:]
    there = sizes > 0
    return float(np.mean(both[there] / sizes[there])) if there.any() else 1.0


def _labels(
    where: str, target: Array, y: Array, threshold: float, ignore_class: int | None
) -> tuple[Array, Array]:
    """Return true and predicted classes, without those that are ignored: (M,) each."""
    if y.ndim == 1 or y.shape[-1] == 1:
        predicted, labels = y.reshape(-1) > threshold, target.reshape(-1)
        fits, yes = labels.shape == predicted.shape, labels > 0.5
    else:
        labels = target.argmax(axis=-1) if target.shape == y.shape else target
        fits = labels.shape in (y.shape[:-1], (*y.shape[:-1], 1))
        predicted, labels = y.argmax(axis=-1).reshape(-1), labels.reshape(-1)
        yes = labels
    if not fits:
        raise ValueError(
            f"{where}: targets of shape {target.shape} do not fit outputs of shape {y.shape}; "
            "needed are labels or one-hot rows, or compile with other metrics"
        )
    true, predicted = yes.astype(np.intp), predicted.astype(np.intp)
    if ignore_class is None:
        return true, predicted
    seen = labels != ignore_class
    return true[seen], predicted[seen]


_BY_NAME: dict[str, Callable[..., float]] = {"accuracy": accuracy, "dice": dice}


class Objective(NamedTuple):
    """A model up to where its loss begins, the loss, and the metrics by name."""

    model: Any
    loss: Loss
    metrics: tuple[tuple[str, Metric], ...]
    targets: str  # "classes", "yes or no", or "any"
    scores: Any  # the tuple type that `evaluate` returns
    finish: Callable[[Array], Array]  # from what the loss takes to the model's output
    ignore_class: int | None  # labels that neither loss nor metrics look at


def _last(model: Any) -> Layer:
    """Return the layer whose output is the model's: a chain's last, of any other container all."""
    layer: Layer = model
    while isinstance(layer, type(model)) and layer.layers:
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
    function, options = losses.split(loss)
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
    ignored = options.get("ignore_class") if function in _WEIGHTED else None
    threshold = 0.5 if end == "sigmoid" else 0.0
    named = _named(metrics, {"threshold": threshold, "ignore_class": ignored})
    scores = namedtuple("Scores", ["loss", *(name for name, _ in named)])  # type: ignore[misc]
    more = {}
    if class_weight is not None:
        more["class_weight"] = class_weight
    if label_smoothing:
        more["label_smoothing"] = label_smoothing
    able = _WEIGHTED if not label_smoothing else (*_SMOOTHED, losses.categorical_crossentropy)
    if more and function not in able:
        raise ValueError(
            f"{' and '.join(more)} are for the cross-entropy losses of this package; weigh or "
            "smooth inside your own loss instead"
        )
    targets = "any"
    if function in _WEIGHTED:
        targets = "yes or no" if function is losses.binary_cross_entropy else "classes"
    options = {**options, **more}
    weighted = partial(function, **options) if options else function
    return Objective(model, weighted, named, targets, scores, finish, ignored)


def _can_stop_before_softmax(model: Any) -> bool:
    """Tell whether the end is of a kind that can be taken off: your own layer may not be."""
    last = _last(model)
    return last is not model and (
        isinstance(last, Softmax) or callable(getattr(last, "without_activation", None))
    )


def _named(metrics: Any, options: dict[str, Any]) -> tuple[tuple[str, Metric], ...]:
    """Return the metrics by name; raise TypeError or ValueError for what is none."""
    if isinstance(metrics, str) or not isinstance(metrics, Iterable):
        raise TypeError(f"metrics must be a list, such as ['accuracy'], got {metrics!r}")
    named: dict[str, Metric] = {}
    for metric in metrics:
        name = metric if isinstance(metric, str) else getattr(metric, "__name__", "<lambda>")
        known = isinstance(metric, str) and metric in _BY_NAME
        if not known and (not callable(metric) or not name.isidentifier()):
            raise ValueError(
                f"metric {metric!r} is unknown; use 'accuracy', 'dice' or a named function "
                "(target, y) -> float"
            )
        if name in named or name in _TAKEN or name.startswith("_"):
            raise ValueError(
                f"a metric cannot be called {name!r}, which is taken, or private; give it a name "
                "of its own"
            )
        named[name] = metric if callable(metric) else partial(_BY_NAME[metric], **options)
    return tuple(named.items())
