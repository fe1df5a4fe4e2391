"""What every model must show: a first loss of ln K, and one batch learnt by heart."""

from __future__ import annotations

import math

import numpy as np
import pytest

import nanocnn as nc


def article(size: int, classes: int, seed: int) -> nc.Sequential:
    """Return the article's network for smaller images."""
    model = nc.Sequential(
        [
            nc.Conv2D(32, 3, activation="relu"),
            nc.MaxPool2D(2),
            nc.Conv2D(64, 3, activation="relu"),
            nc.MaxPool2D(2),
            nc.Flatten(),
            nc.Dense(64, activation="relu"),
            nc.Dense(classes, activation="softmax"),
        ],
        input_shape=(size, size, 3),
        seed=seed,
    )
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_first_loss_is_that_of_a_guess(classes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.random((60, 24, 24, 3), np.float32) * 0.5, np.arange(60) % classes
    loss = article(24, classes, seed).evaluate(x, y)[0]
    assert abs(loss - math.log(classes)) < 0.05 * math.log(classes)


@pytest.mark.parametrize("seed", [0, 1])
def test_overfits_one_batch(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.random((16, 24, 24, 3), np.float32), rng.integers(0, 3, 16)
    model = article(24, 3, seed)
    model.fit(x, y, epochs=80, batch_size=16, verbose=False)
    scores = model.evaluate(x, y)
    assert scores.accuracy == 1  # type: ignore[attr-defined]
    assert scores[0] < 0.01
