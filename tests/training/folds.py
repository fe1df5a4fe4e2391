"""A small classifier, data for it, and what tests of cross-validation have in common."""

from __future__ import annotations

from typing import Any

import numpy as np

import nanocnn as nc
from nanocnn.data import ImageDataset
from nanocnn.training import CrossValidation, cross_validate
from tests.layers.examples import same
from tests.models.examples import pictures

X, Y = pictures(40)
GROUPS = np.array([f"patient {i // 4}" for i in range(40)])


def build(seed: int = 0, *, end: int = 2, loss: str = "softmax_cross_entropy") -> nc.Sequential:
    model = nc.Sequential(
        [
            nc.Conv2D(4, 3, activation="relu"),
            nc.GlobalAveragePool2D(),
            nc.Dropout(0.2),
            nc.Dense(end),
        ],
        input_shape=(14, 12, 3),
        seed=seed,
    )
    model.compile(nc.Adam(0.01), loss, ["accuracy"])
    return model


def dataset() -> ImageDataset:
    return ImageDataset(np.round(X * 255).astype(np.uint8), Y, groups=GROUPS)


def run(data: Any = None, **options: Any) -> CrossValidation:
    options = {"k": 4, "epochs": 2, "batch_size": 8, "verbose": False, **options}
    return cross_validate(build, dataset() if data is None else data, **options)


def check_equal(a: CrossValidation, b: CrossValidation) -> None:
    """Assert that all numbers are the same, bit for bit."""
    assert len(a.folds) == len(b.folds)
    for one, other in zip(a.folds, b.folds, strict=True):
        assert one.scores == other.scores
        assert one.history == other.history
        assert one.n_train == other.n_train
        assert same((one.test, one.outputs), (other.test, other.outputs))
