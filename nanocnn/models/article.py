"""The article's network: two convolutions, two poolings, two dense layers."""

from __future__ import annotations

from collections.abc import Sequence

from ..layers import Conv2D, Dense, Flatten, MaxPool2D
from .sequential import Sequential


def article_cnn(
    input_shape: Sequence[int], n_classes: int, *, seed: int = 0, dtype: str = "float32"
) -> Sequential:
    """Return the article's network; it ends in softmax: loss="categorical_crossentropy".

    Parameters
    ----------
    input_shape : (H, W, C)
        (128, 128, 3) in the article.
    n_classes : int
    seed, dtype : as for `nanocnn.Sequential`

    Examples
    --------
    >>> import nanocnn as nc
    >>> model = nc.models.article_cnn((128, 128, 3), 2)
    >>> sum(p.size for p in model.params.values())
    3705986
    """
    layers = [
        Conv2D(32, 3, activation="relu"),
        MaxPool2D(2),
        Conv2D(64, 3, activation="relu"),
        MaxPool2D(2),
        Flatten(),
        Dense(64, activation="relu"),
        Dense(n_classes, activation="softmax"),
    ]
    return Sequential(layers, input_shape=input_shape, seed=seed, dtype=dtype)
