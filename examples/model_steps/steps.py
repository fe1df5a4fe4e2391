"""The list: what a training can be set to, and the steps that change one setting each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import nanocnn as nc

LEARNING_RATE = 1e-3
COSINE_FROM = 2e-3  # a rate that falls may begin higher
AUGMENT = {"rotate": 10, "zoom": 0.1, "shift": 0.06, "brightness": 0.06, "contrast": 0.15,
           "noise": 0.03}  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """How a network is built and trained; the defaults are the article's network as it stands."""

    augment: bool = False
    cosine: bool = False
    dropout: float = 0.0
    weight_decay: float = 0.0
    network: str = "article"
    class_weights: bool = False
    label_smoothing: float = 0.0
    focal: bool = False


class Step(NamedTuple):
    """A name for the table, and what it changes."""

    name: str
    changes: dict[str, Any]

    def applied_to(self, settings: Settings) -> Settings:
        return replace(settings, **self.changes)


# Label smoothing and focal loss exclude each other: the one wants less certain answers, the other
# looks away from certain ones. So the later of the two takes the place of the earlier.
STEPS = (
    Step("augmentation", {"augment": True}),
    Step("falling learning rate", {"cosine": True}),
    Step("dropout 0.3", {"dropout": 0.3}),
    Step("weight decay 0.05", {"weight_decay": 0.05}),
    Step("ResNet-8", {"network": "resnet"}),
    Step("DenseNet", {"network": "densenet"}),
    Step("class weights", {"class_weights": True}),
    Step("label smoothing 0.1", {"label_smoothing": 0.1, "focal": False}),
    Step("focal loss", {"focal": True, "label_smoothing": 0.0}),
)


def build(
    settings: Settings, input_shape: tuple[int, ...], n_classes: int, seed: int
) -> nc.Sequential:
    """Return a compiled network, which ends in logits."""
    if settings.network == "article":
        layers = list(nc.models.article_cnn(input_shape, n_classes, seed=seed).layers)
        layers[-1] = nc.Dense(n_classes)  # without softmax: all losses here take logits
    elif settings.network == "resnet":
        layers = list(nc.models.resnet(input_shape, n_classes, depth=8, seed=seed).layers)
    else:
        blocks = (3, 3, 3)
        model = nc.models.densenet(input_shape, n_classes, blocks, growth=12, seed=seed)
        layers = list(model.layers)
    if settings.dropout:
        layers.insert(-1, nc.Dropout(settings.dropout))
    model = nc.Sequential(layers, input_shape=input_shape, seed=seed)
    # Adam and AdamW are the same without decay.
    rate = COSINE_FROM if settings.cosine else LEARNING_RATE
    optimizer = nc.AdamW(rate, weight_decay=settings.weight_decay)
    loss = nc.losses.focal if settings.focal else "softmax_cross_entropy"
    model.compile(optimizer, loss, metrics=["accuracy"])
    return model
