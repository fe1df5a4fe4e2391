"""Check outputs and targets of a loss, and turn labels, smoothing and class weights into tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]
ClassWeight = ArrayLike | Mapping[int, float] | None


def outputs(where: str, name: str, y: ArrayLike) -> Array:
    """Return `y` as an array that a loss can work on: floating, and not empty."""
    a = np.asarray(y)
    if a.dtype not in (np.dtype("float32"), np.dtype("float64"), np.dtype("complex128")):
        raise TypeError(
            f"{where}: {name} must be float32 or float64, got {a.dtype}; "
            f"convert them with .astype('float32')"
        )
    if a.size == 0:
        raise ValueError(f"{where}: {name} have shape {a.shape}; at least one sample is needed")
    return a


def numbers(where: str, target: ArrayLike) -> Array:
    """Return `target` as an array of real numbers without NaN."""
    t = np.asarray(target)
    if t.dtype.kind not in "buif":
        raise TypeError(f"{where}: target must be numbers, got {t.dtype}; encode names as 0..K-1")
    if t.dtype.kind == "f" and np.isnan(t).any():
        raise ValueError(
            f"{where}: target is NaN at {_first(np.isnan(t))}; remove or repair that sample"
        )
    return t


def elementwise(where: str, y: Array, target: ArrayLike) -> Array:
    """Return `target` as float64 in the shape of `y`; one of the two may have a last axis of 1."""
    t = numbers(where, target)
    column = y.shape == (*t.shape, 1) or t.shape == (*y.shape, 1)
    if t.shape != y.shape and not column:
        raise ValueError(
            f"{where}: target has shape {t.shape}, the outputs {y.shape}; "
            f"they must be equal, nothing is broadcast"
        )
    return t.reshape(y.shape).astype(np.float64)


def class_outputs(where: str, name: str, y: ArrayLike) -> Array:
    """Return the outputs (..., K) with K of at least 2 classes on the last axis."""
    a = outputs(where, name, y)
    if a.ndim < 2:
        raise ValueError(f"{where}: {name} must have shape (N, K), got {a.shape}")
    if a.shape[-1] < 2:
        raise ValueError(
            f"{where}: {name} have shape {a.shape}, one class, whose probability is always 1; "
            f"use at least 2 outputs, or binary_cross_entropy"
        )
    return a


def is_labels(t: Array, y: Array) -> bool:
    """Tell whether the target has one number for each row of the outputs (..., K)."""
    return t.shape in (y.shape[:-1], (*y.shape[:-1], 1))


def categorical(
    where: str,
    name: str,
    y: ArrayLike,
    target: ArrayLike,
    class_weight: ClassWeight = None,
    label_smoothing: float = 0.0,
    sample_weight: ArrayLike | None = None,
    ignore_class: int | None = None,
) -> tuple[Array, Array, Array]:
    """Return the outputs (..., K), the smoothed target q (M, K) and the rows' weights s (M,)."""
    a, q, s, seen = rows(where, name, y, target, sample_weight, ignore_class)
    s = s * (len(s) / seen)
    if class_weight is not None:
        s = s * (q @ weights(where, class_weight, a.shape[-1]))
    return a, _smooth(where, q, label_smoothing, a.shape[-1]), s


def rows(
    where: str,
    name: str,
    y: ArrayLike,
    target: ArrayLike,
    sample_weight: ArrayLike | None,
    ignore_class: int | None,
) -> tuple[Array, Array, Array, int]:
    """Return the outputs (..., K), the target q (M, K), weights (M,), 0 where a label is ignored.

    And the number of rows that are not; 1 at least, so that it can divide.
    """
    a = class_outputs(where, name, y)
    K = a.shape[-1]
    t = numbers(where, target)
    s = np.ones(a.size // K)
    if t.shape == a.shape:
        q = _rows(where, t.reshape(-1, K))
    elif is_labels(t, a):
        each = labels(where, t, K, ignore_class)
        s[each < 0] = 0
        q = np.eye(K)[np.maximum(each, 0)]
    else:
        raise ValueError(
            f"{where}: target has shape {t.shape}, {name} {a.shape}; needed are labels of shape "
            f"{a.shape[:-1]} or rows of shape {a.shape}"
        )
    seen = max(1, int(np.count_nonzero(s)))
    given = sample_weights(where, sample_weight, a.shape[:-1])
    if given is not None:
        s = s * given.reshape(-1)
    return a, q, s, seen


def labels(where: str, t: Array, K: int, ignore_class: int | None) -> Array:
    """Return the labels (M,) as int32, -1 for those that are ignored."""
    flat = t.reshape(-1)
    ignored = None if ignore_class is None else flat == ignore_class
    if ignored is not None and ignored.any():
        flat = np.where(ignored, 0, flat)
    else:
        ignored = None
    wrong = flat.min() < 0 or flat.max() >= K
    if wrong or (t.dtype.kind == "f" and (flat != np.floor(flat)).any()):
        i = _first(((flat < 0) | (flat >= K) | (flat != np.floor(flat))).reshape(t.shape))
        raise ValueError(
            f"{where}: label {t[i]:g} at {i} is not one of 0 to {K - 1} "
            f"(the outputs have K = {K} classes)"
        )
    each: Array = flat.astype(np.int32)
    if ignored is not None:
        each[ignored] = -1
    return each


def sample_weights(where: str, given: ArrayLike | None, shape: tuple[int, ...]) -> Array | None:
    """Return a weight for each label, float64 in their shape; one for an image is for its pixels.

    Weights of all images alike would be broadcast as well, and are refused: they are a mistake
    more often than not.
    """
    if given is None:
        return None
    w = np.asarray(given, np.float64)
    if w.shape == shape[:1] or w.shape == (*shape, 1):
        w = w.reshape(*w.shape[:1], *(1,) * (len(shape) - 1)) if w.ndim == 1 else w[..., 0]
    elif w.shape != shape:
        raise ValueError(
            f"{where}: sample_weight has shape {w.shape}; needed is {shape}, one for each label, "
            f"or {shape[:1]}"
        )
    if not (np.isfinite(w) & (w >= 0)).all():
        raise ValueError(f"{where}: sample_weight must be finite and not negative")
    whole: Array = np.broadcast_to(w, shape)
    return whole


def binary(
    where: str,
    y: ArrayLike,
    target: ArrayLike,
    class_weight: ClassWeight,
    label_smoothing: float,
    sample_weight: ArrayLike | None = None,
    ignore_class: int | None = None,
) -> tuple[Array, Array, Array]:
    """Return the logits, the smoothed target q and the weights s, all of the logits' shape."""
    a = outputs(where, "logits", y)
    q = elementwise(where, a, target)
    s = np.ones(a.shape)
    if ignore_class is not None:
        seen = q != ignore_class
        q, s = np.where(seen, q, 0.0), seen * (q.size / max(1, int(np.count_nonzero(seen))))
    outside = (q < 0) | (q > 1)
    if outside.any():
        i = _first(outside)
        raise ValueError(
            f"{where}: target is {q[i]:g} at {i}; it must lie between 0 (no) and 1 (yes)"
        )
    if class_weight is not None:
        no, yes = weights(where, class_weight, 2)
        s = s * (no * (1 - q) + yes * q)
    column = a.ndim > 1 and a.shape[-1] == 1
    given = sample_weights(where, sample_weight, a.shape[:-1] if column else a.shape)
    s = s if given is None else s * given.reshape(a.shape)
    return a, _smooth(where, q, label_smoothing, 2), s


def check_probabilities(p: Array) -> None:
    """Raise if something negative, or a row of zeros, is given as probabilities."""
    where = "categorical_crossentropy"
    if (p.real < 0).any():
        i = _first(p.real < 0)
        raise ValueError(
            f"{where}: probability {p[i].real:g} at {i} is negative; end the model in softmax, "
            f"or use softmax_cross_entropy, which takes logits"
        )
    empty = p.real.sum(axis=-1) == 0
    if empty.any():
        raise ValueError(
            f"{where}: the probabilities of sample {_first(empty)} are all 0; "
            f"end the model in softmax"
        )


def weights(where: str, class_weight: ArrayLike | Mapping[int, float], K: int) -> Array:
    """Return the weight of each class, (K,) float64; a label missing from a dict weighs 1."""
    if isinstance(class_weight, Mapping):
        w = np.ones(K)
        for label, weight in class_weight.items():
            if label not in range(K):
                raise ValueError(
                    f"{where}: class_weight has the label {label!r}; labels are 0 to {K - 1}"
                )
            w[int(label)] = weight
    else:
        w = np.asarray(class_weight, np.float64)
        if w.shape != (K,):
            raise ValueError(
                f"{where}: class_weight has shape {w.shape}; {(K,)} is needed, one for each class"
            )
    if not (np.isfinite(w) & (w >= 0)).all():
        raise ValueError(f"{where}: class_weight must be finite and not negative, got {w.tolist()}")
    return w


def _smooth(where: str, q: Array, label_smoothing: float, K: int) -> Array:
    if not 0 <= label_smoothing < 1:
        raise ValueError(
            f"{where}: label_smoothing must be from 0 to below 1, got {label_smoothing}"
        )
    return (1 - label_smoothing) * q + label_smoothing / K


def _rows(where: str, t: Array) -> Array:
    q = t.astype(np.float64)
    if (q < 0).any():
        i = _first(q < 0)
        raise ValueError(f"{where}: target {q[i]:g} at {i} is negative; use one-hot or soft rows")
    total = q.sum(axis=1)
    off = ~(np.abs(total - 1) <= 1e-3)
    if off.any():
        (n,) = _first(off)
        raise ValueError(
            f"{where}: row {n} of the target sums to {total[n]:g}; one-hot and soft rows sum to 1 "
            f"(for several true classes at once use binary_cross_entropy)"
        )
    normalised: Array = q / total[:, None]
    return normalised


def _first(mask: Array) -> tuple[int, ...]:
    """Return the index of the first True, as plain integers, for a message."""
    return tuple(int(i) for i in np.argwhere(mask)[0])
