"""Grading of diabetic retinopathy: which of five grades a photograph shows.

The grades are about small lesions: which kinds there are, how many, and whether there are many in
each quadrant. So the network looks for lesions in full resolution, and then takes the mean over
each quadrant of the image, which tells a number of lesions, wherever they are.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import nanocnn as nc
from nanocnn.evaluation import accuracy, confusion_matrix, estimate, quadratic_kappa

from .photographs import Photographs, local_contrast

GRADES = ("none", "mild", "moderate", "severe", "proliferative")


class Recipe(NamedTuple):
    """How to train."""

    width: int = 16
    batch_size: int = 16
    epochs: int = 14
    learning_rate: float = 3e-3
    weight_decay: float = 1e-2


PHANTOMS = Recipe()


class Grader(NamedTuple):
    """A trained model, and how training went."""

    model: nc.Sequential
    history: dict[str, list[float]]

    def probabilities(self, photographs: Photographs) -> NDArray[np.float32]:
        """Return how likely each grade is, (N, 5)."""
        found: NDArray[np.float32] = self.model.predict(prepare(photographs))
        return found


def prepare(photographs: Photographs) -> NDArray[np.float32]:
    """Return what the network sees."""
    return local_contrast(photographs.images, photographs.field)


def create_model(shape: tuple[int, ...], width: int, seed: int) -> nc.Sequential:
    """Build three stages of convolutions, a mean over each quadrant, and a choice of grade."""

    def stage(filters: int) -> list[nc.Layer]:
        return [
            nc.Conv2D(filters, 3, padding="same", use_bias=False, initializer="he_normal"),
            nc.BatchNorm(activation="relu"),
            nc.MaxPool2D(2),
        ]

    layers = [*stage(width), *stage(2 * width), *stage(4 * width)]
    quadrant = tuple(side // 16 for side in shape[:2])
    layers += [nc.AveragePool2D(quadrant), nc.Flatten(), nc.Dropout(0.3)]
    layers.append(nc.Dense(len(GRADES), activation="softmax"))
    return nc.Sequential(layers, input_shape=shape, seed=seed)


def train(
    train: Photographs,
    val: Photographs,
    seed: int,
    recipe: Recipe = PHANTOMS,
    *,
    verbose: bool = True,
    callbacks: tuple[nc.Callback, ...] = (),
) -> Grader:
    """Train on photographs that are mirrored anew in each epoch.

    They are not turned: a turn takes means of pixels, and the lesions are as small as a pixel.
    """
    images = prepare(train)
    model = create_model(images.shape[1:], recipe.width, seed)
    optimizer = nc.AdamW(recipe.learning_rate, weight_decay=recipe.weight_decay)
    model.compile(optimizer, "categorical_crossentropy", metrics=["accuracy"])
    augment = nc.data.Augment(flip="both", contrast=0.1, seed=seed)
    loader = nc.data.DataLoader(
        (images, train.grades), recipe.batch_size, seed=seed, augment=augment
    )
    history = model.fit(
        loader,
        epochs=recipe.epochs,
        validation_data=(prepare(val), val.grades),
        callbacks=[nc.schedules.Cosine(warmup=min(1, recipe.epochs / 4)), *callbacks],
        seed=seed,
        verbose=verbose,
    )
    return Grader(model, dict(history.history))


def evaluate(grader: Grader, photographs: Photographs) -> dict[str, Any]:
    """Return kappa and accuracy, their intervals from drawing patients anew, and the table."""
    grades, guess = photographs.grades, grader.probabilities(photographs).argmax(axis=1)
    found: dict[str, Any] = {"photographs": len(guess)}
    for name, metric in (("quadratic_kappa", quadratic_kappa), ("accuracy", accuracy)):
        result = estimate(metric, grades, guess, groups=photographs.patients)
        found[name], found[f"{name}_interval"] = result.value, [result.low, result.high]
    found["confusion_matrix"] = confusion_matrix(grades, guess, len(GRADES)).tolist()
    return found
