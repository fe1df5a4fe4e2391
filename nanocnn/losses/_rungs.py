"""Which rung computes a loss: NumPy for rows, which are few, and a kernel for labelled pixels."""

from __future__ import annotations

from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nanocnn import _backend, _targets, reference, vectorized

Array = NDArray[Any]


def rung() -> ModuleType:
    """Return the loops inside `backend("reference")`, otherwise NumPy: N*K numbers are few."""
    return reference if _backend.current_backend() == "reference" else vectorized


class Overlap(NamedTuple):
    """What the Tversky loss needs to know: weights (K,) of the classes, prices, smoothing."""

    c: Array
    alpha: float
    beta: float
    smoothing: float
    per_image: bool


class Pixels(NamedTuple):
    """Logits (N, ..., K) and a label for each, for the kernel."""

    logits: Array
    labels: Array  # (M,) int32, -1 where ignored

    def loss(
        self,
        where: str,
        class_weight: _targets.ClassWeight,
        sample_weight: ArrayLike | None,
        share: float = 1.0,
        overlap: Overlap | None = None,
    ) -> tuple[float, Array]:
        """Return `share` of cross-entropy, and the Tversky loss besides where one is given."""
        K, shape = self.logits.shape[-1], self.logits.shape
        w = np.ones(K) if class_weight is None else _targets.weights(where, class_weight, K)
        n = max(1, int(np.count_nonzero(self.labels >= 0)))
        groups = len(self.logits) if overlap is not None and overlap.per_image else 1
        s = _targets.sample_weights(where, sample_weight, shape[:-1])
        loss, dz = _backend.rung().tversky_cross_entropy(
            self.logits.reshape(groups, -1, K),
            self.labels.reshape(groups, -1),
            None if s is None else s.reshape(groups, -1),
            share / n * w,
            *((None, 0.5, 0.5, 1.0) if overlap is None else overlap[:4]),
        )
        return loss, dz.reshape(shape)


def pixels(where: str, y: ArrayLike, target: ArrayLike, ignore_class: int | None) -> Pixels | None:
    """Return what the kernel takes; None where NumPy must do it, or find what is wrong."""
    z = np.asarray(y)
    t = np.asarray(target)
    able = (
        _backend.current_backend() == "numba" and z.ndim > 2 and z.dtype in ("float32", "float64")
    )
    if not able or z.size == 0 or z.shape[-1] < 2 or not _targets.is_labels(t, z):
        return None
    t = _targets.numbers(where, t)
    return Pixels(z, _targets.labels(where, t, z.shape[-1], ignore_class))
