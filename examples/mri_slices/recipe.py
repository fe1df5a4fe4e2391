"""The recipe: the network, and how it is trained on each kind of data."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np

import nanocnn as nc

from .sources import Data

CROSS_ENTROPY = 2.0  # beside Dice's 1: it is a mean over all pixels, nearly all background


class Recipe(NamedTuple):
    """What was chosen for a kind of data; for the hippocampus on its validation part."""

    width: int
    depth: int
    epochs: int
    batch_size: int
    learning_rate: float
    augment: nc.data.Augment


RECIPES = {
    "phantoms": Recipe(
        width=8, depth=3, epochs=10, batch_size=8, learning_rate=4e-3,
        augment=nc.data.Augment(
            rotate=15, flip="horizontal", zoom=0.1, shift=0.05, elastic=0.02, brightness=0.05,
            contrast=0.1,
        ),
    ),
    "hippocampus": Recipe(
        width=16, depth=3, epochs=15, batch_size=16, learning_rate=4e-3,
        augment=nc.data.Augment(
            rotate=15, zoom=0.12, shift=0.06, elastic=0.03, brightness=0.06, contrast=0.15,
            gamma=0.15, noise=0.02,
        ),
    ),
    "files": Recipe(
        width=16, depth=4, epochs=20, batch_size=8, learning_rate=4e-3,
        augment=nc.data.Augment(
            rotate=15, zoom=0.1, shift=0.05, elastic=0.02, brightness=0.05, contrast=0.1,
        ),
    ),
}  # fmt: skip


def create_model(data: Data, recipe: Recipe, seed: int) -> nc.Sequential:
    """Build and compile a U-Net that ends in logits, one for each class and pixel.

    Before training it gives each class the share of the pixels that it has. From equal shares the
    first hundreds of steps would only teach that nearly everything is background.
    """
    image, _ = data.train[0]
    model = nc.models.unet(image.shape, len(data.classes), recipe.depth, recipe.width, seed=seed)
    pixels = sum(np.bincount(mask.ravel(), minlength=len(data.classes)) for _, mask in data.train)
    model.layers[-1].params["b"][:] = np.log(np.maximum(pixels, 1) / np.sum(pixels))
    model.compile(
        optimizer=nc.AdamW(recipe.learning_rate, weight_decay=1e-4),
        loss=partial(nc.losses.dice_cross_entropy, cross_entropy_weight=CROSS_ENTROPY),
        metrics=["dice"],
    )
    return model


def recipe_for(data: Data, epochs: int | None = None) -> Recipe:
    """Return the recipe for a kind of data, with another number of epochs if one is given."""
    recipe = RECIPES[data.kind]
    return recipe if epochs is None else recipe._replace(epochs=epochs)


def train(
    data: Data, seed: int, recipe: Recipe | None = None, *, verbose: bool = True
) -> tuple[nc.Sequential, nc.History]:
    """Train a new model on the training part; validation images are only looked at."""
    recipe = recipe or recipe_for(data)
    model = create_model(data, recipe, seed)
    loader = nc.data.DataLoader(
        data.train,
        recipe.batch_size,
        seed=seed,
        preparation=data.preparation,
        augment=recipe.augment,
    )
    history = model.fit(
        loader,
        epochs=recipe.epochs,
        validation_data=data.val,
        callbacks=[nc.schedules.Cosine(warmup=min(1, recipe.epochs / 4))],
        seed=seed,
        verbose=verbose,
    )
    return model, history
