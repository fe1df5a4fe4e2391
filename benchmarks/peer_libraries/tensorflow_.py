"""The workloads on TensorFlow, compiled to graphs with tf.function."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from ..workloads import JOB_EPOCHS, LEARNING_RATE, SHAPES, Workload

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import tensorflow as tf


def setup(threads: int, variant: str) -> None:
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)


class Article:
    def __init__(self, data: dict[str, Any]) -> None:
        self.p = [tf.Variable(data[name]) for name in SHAPES]
        self.x, self.labels = tf.constant(data["x"]), tf.constant(data["labels"])

    def logits(self, x: Any) -> Any:
        w1, b1, w2, b2, w3, b3, w4, b4 = self.p
        for w, b in ((w1, b1), (w2, b2)):
            x = tf.nn.relu(tf.nn.conv2d(x, w, 1, "VALID") + b)
            x = tf.nn.max_pool2d(x, 2, 2, "VALID")
        x = tf.nn.relu(tf.reshape(x, (-1, 57600)) @ w3 + b3)
        return x @ w4 + b4


class Train(Article):
    def __init__(self, data: dict[str, Any]) -> None:
        super().__init__(data)
        self.adam = tf.keras.optimizers.Adam(LEARNING_RATE, epsilon=1e-8)
        self.adam.build(self.p)
        self.step = tf.function(self._step, reduce_retracing=True)

    def _step(self, x: Any, labels: Any) -> Any:
        with tf.GradientTape() as tape:
            each = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, self.logits(x))
            loss = tf.reduce_mean(each)
        self.adam.apply_gradients(zip(tape.gradient(loss, self.p), self.p, strict=True))
        return loss

    def outputs(self) -> dict[str, Any]:
        x, labels = self.x[:32], self.labels[:32]
        return {"losses": np.array([float(self.step(x, labels)) for _ in range(3)])}

    def run(self) -> None:
        float(self.step(self.x, self.labels))


class Job(Train):
    def run(self) -> None:
        for _ in range(JOB_EPOCHS):
            for start in range(0, len(self.x), 32):
                float(self.step(self.x[start : start + 32], self.labels[start : start + 32]))


class Predict(Article):
    def __init__(self, data: dict[str, Any]) -> None:
        super().__init__(data)
        self.predict = tf.function(self.logits)

    def outputs(self) -> dict[str, Any]:
        return {"logits": self.predict(self.x).numpy()}

    def run(self) -> None:
        self.predict(self.x).numpy()


class Conv:
    def __init__(self, w: Workload, data: dict[str, Any]) -> None:
        self.d = {name: tf.constant(a) for name, a in data.items()}
        self.stride, p = w.stride, w.kernel // 2
        self.padding = [[0, 0], [p, p], [p, p], [0, 0]]
        self.all = tf.function(self._all)

    def _all(self, x: Any, w: Any, b: Any, dy: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch((x, w, b))
            y = tf.nn.conv2d(x, w, self.stride, self.padding) + b
        return y, tape.gradient(y, (x, w, b), dy)

    def run(self) -> Any:
        y, (dx, dw, _) = self.all(*(self.d[name] for name in ("x", "w", "b", "dy")))
        return y.numpy(), dx.numpy(), dw.numpy()

    def outputs(self) -> dict[str, Any]:
        return dict(zip(("y", "dx", "dw"), self.run(), strict=True))


def make(w: Workload, data: dict[str, Any], variant: str) -> Any:
    if w.kind == "conv":
        return Conv(w, data)
    if w.kind == "network":
        from .tensorflow_networks import Train as TrainNetwork

        return TrainNetwork(w.network, data)
    return {"train": Train, "predict": Predict, "job": Job}[w.kind](data)
