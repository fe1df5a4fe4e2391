"""Vessel segmentation: a U-Net learns on patches and is then used on whole photographs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import nanocnn as nc
from nanocnn.evaluation import dice, estimate, sensitivity, specificity

from .patches import IGNORE, Patches
from .photographs import Photographs, local_contrast

THRESHOLDS = np.linspace(0.1, 0.9, 33)
MIRRORED: tuple[tuple[int, ...], ...] = ((), (1,), (2,), (1, 2))
MEASURES = {"dice": dice, "sensitivity": sensitivity, "specificity": specificity}


class Recipe(NamedTuple):
    """How to train."""

    width: int = 16
    depth: int = 3
    side: int = 96
    patches: int = 16  # of each photograph, in an epoch
    batch_size: int = 8
    epochs: int = 150
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4


# Chosen on the four validation photographs, seed 0: width 16 for 60 epochs reaches Dice 0.794, for
# 150 epochs 0.802; width 24 for 90 epochs 0.801, for 120 epochs 0.802.
CHASE = Recipe()
PHANTOMS = Recipe(width=8, side=64, patches=4, batch_size=8, epochs=12, learning_rate=4e-3)


class Segmenter(NamedTuple):
    """A trained model, the probability from which a pixel is vessel, and how training went."""

    model: nc.Sequential
    threshold: float
    history: dict[str, list[float]]

    def vessels(self, photographs: Photographs) -> NDArray[np.bool_]:
        """Return which pixels are vessel, (N, H, W)."""
        return predict(self.model, photographs) > self.threshold


def prepare(photographs: Photographs) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Return what the network sees and learns: contrast, and masks that end with the field."""
    masks = np.where(photographs.field, photographs.vessels, IGNORE).astype(np.uint8)
    return local_contrast(photographs.images, photographs.field), masks


def train(
    train: Photographs,
    val: Photographs,
    seed: int,
    recipe: Recipe = CHASE,
    *,
    verbose: bool = True,
    callbacks: Sequence[nc.Callback] = (),
) -> Segmenter:
    """Train on patches of `train`; choose the threshold on the whole photographs of `val`."""
    augment = nc.data.Augment(flip="both", brightness=0.05, contrast=0.15, gamma=0.15, seed=seed)
    shape = (recipe.side, recipe.side, 3)
    model = nc.models.unet(shape, 2, depth=recipe.depth, width=recipe.width, seed=seed)
    model.compile(
        nc.AdamW(recipe.learning_rate, weight_decay=recipe.weight_decay),
        partial(nc.losses.dice_cross_entropy, ignore_class=IGNORE),
        metrics=["dice"],
    )
    n = recipe.patches * len(train.images)
    cut = (recipe.side, n, recipe.batch_size, seed)
    watched = Patches(*prepare(val), recipe.side, 64, 64, seed=0).peek()  # the same in each epoch
    history = model.fit(
        Patches(*prepare(train), *cut, augment),
        epochs=recipe.epochs,
        validation_data=watched,
        callbacks=[nc.schedules.Cosine(warmup=min(1, recipe.epochs / 4)), *callbacks],
        seed=seed,
        verbose=verbose,
    )
    return Segmenter(model, choose_threshold(predict(model, val), val), dict(history.history))


def predict(model: nc.Sequential, photographs: Photographs) -> NDArray[np.float32]:
    """Return vessel probabilities (N, H, W) of whole photographs, a mean over four mirror images.

    The layers look at neighbourhoods, wherever these are: the same weights fit a larger image.
    """
    images = local_contrast(photographs.images, photographs.field)
    whole = nc.Sequential(model.layers, input_shape=images.shape[1:])
    found = np.zeros(images.shape[:3], np.float32)
    for axes in MIRRORED:
        logits = whole.predict(np.flip(images, axes), batch_size=4)
        # Softmax of two logits is the sigmoid of their difference.
        found += np.flip(1 / (1 + np.exp(logits[..., 0] - logits[..., 1])), axes)
    return found / len(MIRRORED)


def choose_threshold(probabilities: NDArray[np.float32], photographs: Photographs) -> float:
    """Return the threshold of the best mean Dice a photograph."""
    scores = [
        np.mean(measure(dice, probabilities > threshold, photographs)) for threshold in THRESHOLDS
    ]
    return float(THRESHOLDS[int(np.argmax(scores))])


def measure(
    metric: Any, predicted: NDArray[np.bool_], photographs: Photographs
) -> NDArray[np.float64]:
    """Return a metric of each photograph against the first observer, in the field of view."""
    pairs = zip(photographs.vessels, predicted, photographs.field, strict=True)
    return np.array([metric(true[field], guess[field], positive=1) for true, guess, field in pairs])


def evaluate(segmenter: Segmenter, photographs: Photographs) -> dict[str, Any]:
    """Find the vessels and measure the result; see `score`."""
    return score(segmenter.vessels(photographs), photographs)


def score(predicted: NDArray[np.bool_], photographs: Photographs) -> dict[str, Any]:
    """Return mean measures a photograph; intervals come from drawing patients anew."""
    found: dict[str, Any] = {"photographs": len(predicted)}
    readings = {"": predicted}
    if photographs.second is not None:
        readings["second_observer_"] = photographs.second
    for prefix, masks in readings.items():
        for name, metric in MEASURES.items():
            each = measure(metric, masks, photographs)
            mean = estimate(np.mean, each, groups=photographs.patients)
            found[prefix + name] = mean.value
            found[f"{prefix}{name}_interval"] = [mean.low, mean.high]
    return found
