"""A second head on the same network: how wide is the nodule?

The classifier's body is kept as it is, frozen, and new last layers learn to turn the numbers that
it makes of a slice into millimetres. The body never heard of millimetres: what it knows of size it
learnt because size helps to tell malignant from benign.
"""

from __future__ import annotations

import numpy as np

import nanocnn as nc
from nanocnn.evaluation import Estimate, estimate, mean_absolute_error, r2

from .cases import Part
from .recipe import BATCH_SIZE, crop

EPOCHS, LEARNING_RATE = 150, 1e-2
MM = 10.0  # the head answers in centimetres: near 1, where networks start


def train(classifier: nc.Sequential, part: Part, seed: int) -> nc.Sequential:
    """Return the classifier's body with a head that estimates each slice's diameter, in cm."""
    body = classifier[:-1]
    body.freeze()
    head = nc.Sequential(
        [nc.Dense(32, activation="relu"), nc.Dense(1)],
        input_shape=body.output_shape, seed=seed, name="diameter",
    )  # fmt: skip
    head.compile(nc.Adam(LEARNING_RATE), loss="mean_squared_error", metrics=[])
    # What a frozen body says of an image is always the same, so it is asked once.
    features = body.predict(crop(part.images), batch_size=BATCH_SIZE)
    head.fit(
        features, part.diameters / MM, epochs=EPOCHS, batch_size=BATCH_SIZE,
        callbacks=[nc.schedules.Cosine()], verbose=False,
    )  # fmt: skip
    return nc.Sequential([body, head], input_shape=classifier.input_shape)


def estimates(model: nc.Sequential, train_part: Part, part: Part) -> dict[str, np.ndarray]:
    """Return the diameters in mm by the network, and by the area: a straight line in its root."""
    slope, intercept = np.polyfit(np.sqrt(train_part.areas()), train_part.diameters, 1)
    return {
        "network": MM * model.predict(crop(part.images), batch_size=BATCH_SIZE)[:, 0],
        "area": slope * np.sqrt(part.areas()) + intercept,
    }


def measure(estimated: dict[str, np.ndarray], part: Part) -> dict[str, Estimate]:
    """Return the mean absolute error in mm and R squared; intervals by drawing nodules."""
    found = {}
    for name, values in estimated.items():
        for measure, function in (("mae_mm", mean_absolute_error), ("r2", r2)):
            found[f"diameter_{name}_{measure}"] = estimate(
                function, part.diameters, values, groups=part.nodules
            )
    return found
