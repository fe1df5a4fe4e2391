"""The workloads on nanocnn."""

from __future__ import annotations

from typing import Any

import numpy as np

import nanocnn as nc

from ..workloads import JOB_EPOCHS, LEARNING_RATE, SHAPES, Workload


def setup(threads: int, variant: str) -> None:
    nc.set_num_threads(threads)


def article(data: dict[str, Any]) -> nc.Sequential:
    model = nc.Sequential(
        [
            nc.Conv2D(32, 3, activation="relu"),
            nc.MaxPool2D(2),
            nc.Conv2D(64, 3, activation="relu"),
            nc.MaxPool2D(2),
            nc.Flatten(),
            nc.Dense(64, activation="relu"),
            nc.Dense(2),
        ],
        input_shape=(128, 128, 3),
    )
    for p, name in zip(model.params.values(), SHAPES, strict=True):
        p[...] = data[name]
    return model


class Train:
    def __init__(self, data: dict[str, Any]) -> None:
        self.model, self.adam = article(data), nc.Adam(LEARNING_RATE)
        self.x, self.labels = data["x"], data["labels"]

    def step(self, x: Any, labels: Any) -> float:
        logits, cache = self.model.forward(x, training=True)
        loss, dlogits = nc.losses.softmax_cross_entropy(logits, labels)
        _, grads = self.model.backward(dlogits, cache, need_dx=False)
        self.adam.step(self.model.params, grads)
        return loss

    def outputs(self) -> dict[str, Any]:
        return {"losses": np.array([self.step(self.x[:32], self.labels[:32]) for _ in range(3)])}

    def run(self) -> None:
        self.step(self.x, self.labels)


class Job(Train):
    def run(self) -> None:
        for _ in range(JOB_EPOCHS):
            for start in range(0, len(self.x), 32):
                self.step(self.x[start : start + 32], self.labels[start : start + 32])


class Predict:
    def __init__(self, data: dict[str, Any]) -> None:
        self.model, self.x = article(data), data["x"]

    def outputs(self) -> dict[str, Any]:
        return {"logits": self.model(self.x)}

    def run(self) -> None:
        self.model(self.x)


class Conv:
    def __init__(self, w: Workload, data: dict[str, Any]) -> None:
        self.d, self.stride, self.padding = data, w.stride, w.kernel // 2

    def outputs(self) -> dict[str, Any]:
        d = self.d
        y, cache = nc.ops.conv2d_forward(
            d["x"], d["w"], d["b"], stride=self.stride, padding=self.padding
        )
        dx, dw, _ = nc.ops.conv2d_backward(d["dy"], cache)
        return {"y": y, "dx": dx, "dw": dw}

    def run(self) -> None:
        self.outputs()


def make(w: Workload, data: dict[str, Any], variant: str) -> Any:
    if w.kind == "conv":
        return Conv(w, data)
    if w.kind == "network":
        from .nanocnn_networks import Train as TrainNetwork

        return TrainNetwork(w.network, data)
    return {"train": Train, "predict": Predict, "job": Job}[w.kind](data)
