"""A training step of U-Net and ResNet-18 on nanocnn."""

from __future__ import annotations

from typing import Any

import numpy as np

import nanocnn as nc

from ..networks import INPUTS, RESNET_CLASSES, UNET_CLASSES, UNET_DEPTH, UNET_WIDTH, weights_of
from ..workloads import LEARNING_RATE


def build(network: str) -> nc.Sequential:
    """Return the network as nanocnn's users make it."""
    shape = INPUTS[network][1:]
    if network == "unet":
        return nc.models.unet(shape, UNET_CLASSES, depth=UNET_DEPTH, width=UNET_WIDTH)
    return nc.models.resnet(shape, RESNET_CLASSES, depth=18)


class Train:
    def __init__(self, network: str, data: dict[str, Any]) -> None:
        self.model, self.adam = build(network), nc.Adam(LEARNING_RATE)
        for p, w in zip(self.model.params.values(), weights_of(data), strict=True):
            if p.shape != w.shape:
                raise ValueError(f"the model has a weight {p.shape} where {w.shape} is given")
            p[...] = w
        self.x, self.labels = data["x"], data["labels"]

    def step(self) -> float:
        logits, cache = self.model.forward(self.x, training=True)
        loss, dlogits = nc.losses.softmax_cross_entropy(logits, self.labels)
        _, grads = self.model.backward(dlogits, cache, need_dx=False)
        self.adam.step(self.model.params, grads)
        self.model.update_state(cache)
        return loss

    def outputs(self) -> dict[str, Any]:
        return {"losses": np.array([self.step() for _ in range(3)])}

    def run(self) -> None:
        self.step()
