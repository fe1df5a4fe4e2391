"""A small model with two hyper-parameters, and what tests of tuning have in common."""

from __future__ import annotations

from typing import Any

import numpy as np

import nanocnn as nc
from nanocnn.training import Tuning, integer, log_uniform, tune
from tests.models.examples import pictures

X, Y = pictures(40)
SPACE: dict[str, Any] = {
    "learning_rate": log_uniform(1e-4, 1e-1),
    "filters": integer(2, 5),
    "batch_size": [8, 16],
}


def build(learning_rate: float, filters: int, batch_size: int, seed: int) -> Any:
    model = nc.Sequential(
        [
            nc.Conv2D(filters, 3, activation="relu"),
            nc.GlobalAveragePool2D(),
            nc.Dropout(0.2),
            nc.Dense(2),
        ],
        seed=seed,
    )
    model.compile(nc.Adam(learning_rate), "softmax_cross_entropy", ["accuracy"])
    return model, {"batch_size": batch_size}


def run(data: Any = None, **options: Any) -> Tuning:
    small = {"trials": 6, "epochs": 4, "eta": 2, "monitor": "val_loss", "verbose": False}
    make = options.pop("build", build)
    space = options.pop("space", SPACE)
    return tune(make, space, (X, Y) if data is None else data, **{**small, **options})


def table(result: Tuning) -> list[dict[str, Any]]:
    """Return everything that is to be the same bit for bit: all but the seconds."""
    rows: list[dict[str, Any]] = result.to_json()["trials"]
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def dataset(parts: Any = None, groups: Any = None) -> nc.data.ImageDataset:
    return nc.data.ImageDataset(np.round(X * 255).astype(np.uint8), Y, split=parts, groups=groups)
