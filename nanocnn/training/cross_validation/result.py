"""What `cross_validate` returns: each fold's scores, their spread, and every image's prediction."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...layers.base import Array


@dataclass(frozen=True, eq=False)
class Fold:
    """One model, tested on images that it has not seen.

    Attributes
    ----------
    test : (M,) int64 array     the images that it was tested on
    n_train : int               how many it has learnt from
    scores : dict of float      by the metric's name
    history : dict of lists     of the training, as `fit` returns it
    outputs : (M, ...) array    for the test images: the model's output, as `predict` returns it;
                                where that is an image, the class of each pixel
    """

    test: Array
    n_train: int
    scores: dict[str, float]
    history: dict[str, list[float]]
    outputs: Array


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """The result of all folds; print it for a table.

    Attributes
    ----------
    folds : tuple of Fold
    targets : (N, ...) array or None    labels as they were given; None for masks in files
    """

    folds: tuple[Fold, ...]
    targets: Array | None

    @property
    def outputs(self) -> Array:
        """(N, ...) array: for each image the output of the model that has not seen it."""
        order = np.argsort(np.concatenate([fold.test for fold in self.folds]))
        outputs: Array = np.concatenate([fold.outputs for fold in self.folds])[order]
        return outputs

    @property
    def fold_of(self) -> Array:
        """(N,) int64 array: the fold, from 0, in which each image was tested."""
        fold_of = np.empty(sum(len(fold.test) for fold in self.folds), np.int64)
        for k, fold in enumerate(self.folds):
            fold_of[fold.test] = k
        return fold_of

    @property
    def mean(self) -> dict[str, float]:
        """The mean over the folds, by the metric's name."""
        return {name: float(np.mean(values)) for name, values in self._columns().items()}

    @property
    def std(self) -> dict[str, float]:
        """The standard deviation over the folds, with k - 1 as the divisor.

        It tells how much the folds differ. The error of the mean is larger than std / sqrt(k),
        since the folds learn from the same images.
        """
        return {name: float(np.std(values, ddof=1)) for name, values in self._columns().items()}

    def _columns(self) -> dict[str, list[float]]:
        names = self.folds[0].scores
        return {name: [fold.scores[name] for fold in self.folds] for name in names}

    def to_json(self) -> dict[str, Any]:
        """Return scores, means and deviations, histories and test images, ready for `json.dump`."""
        return {
            "folds": [
                {
                    "scores": _json(fold.scores),
                    "history": {name: _finite(v) for name, v in fold.history.items()},
                    "n_train": fold.n_train,
                    "test": fold.test.tolist(),
                }
                for fold in self.folds
            ],
            "mean": _json(self.mean),
            "std": _json(self.std),
        }

    def __str__(self) -> str:
        names = list(self.folds[0].scores)
        widths = [max(9, len(name) + 2) for name in names]
        lines = [f"{'fold':6}{'train':>7}{'test':>7}" + "".join(
            f"{name:>{w}}" for name, w in zip(names, widths, strict=True))]  # fmt: skip
        rows = [(str(k), f"{f.n_train:7}{len(f.test):7}", f.scores)
                for k, f in enumerate(self.folds, start=1)]  # fmt: skip
        rows += [("mean", " " * 14, self.mean), ("std", " " * 14, self.std)]
        for label, sizes, scores in rows:
            cells = (f"{scores[name]:{w}.4f}" for name, w in zip(names, widths, strict=True))
            lines.append(f"{label:6}{sizes}{''.join(cells)}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        std = self.std
        text = ", ".join(f"{name} {v:.4f} ± {std[name]:.4f}" for name, v in self.mean.items())
        return f"CrossValidation({len(self.folds)} folds; {text})"


def _json(scores: dict[str, float]) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in scores.items()}


def _finite(values: list[float]) -> list[float | None]:
    return [value if math.isfinite(value) else None for value in values]
