"""A training step of U-Net and ResNet-18 on TensorFlow, compiled to a graph with tf.function."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from ..networks import NETWORKS, weights_of
from ..workloads import LEARNING_RATE


class Functions:
    def __init__(self, weights: list[Any]) -> None:
        self.weights = iter(weights)

    def channels(self, x: Any) -> int:
        return int(x.shape[-1])

    def conv(self, x: Any, filters: int, size: int, stride: int = 1, bias: bool = False) -> Any:
        p = [size // 2, size // 2]
        padding = "SAME" if stride == 1 else [[0, 0], p, p, [0, 0]]
        y = tf.nn.conv2d(x, next(self.weights), stride, padding)
        return y + next(self.weights) if bias else y

    def norm(self, x: Any) -> Any:
        gamma, beta = next(self.weights), next(self.weights)
        return tf.compat.v1.nn.fused_batch_norm(x, gamma, beta, epsilon=1e-5)[0]

    def norm_relu(self, x: Any) -> Any:
        return tf.nn.relu(self.norm(x))

    def add_relu(self, x: Any, y: Any) -> Any:
        return tf.nn.relu(x + y)

    def pool(self, x: Any) -> Any:
        return tf.nn.max_pool2d(x, 2, 2, "VALID")

    def up(self, x: Any, filters: int) -> Any:
        n, h, w, _ = x.shape
        y = tf.nn.conv2d_transpose(x, next(self.weights), (n, 2 * h, 2 * w, filters), 2, "VALID")
        return y + next(self.weights)

    def concat(self, x: Any, y: Any) -> Any:
        return tf.concat((x, y), axis=-1)

    def mean_dense(self, x: Any, classes: int) -> Any:
        return tf.reduce_mean(x, axis=(1, 2)) @ next(self.weights) + next(self.weights)


class Train:
    def __init__(self, network: str, data: dict[str, Any]) -> None:
        self.network = NETWORKS[network]
        self.weights = [tf.Variable(w) for w in weights_of(data)]
        self.adam = tf.keras.optimizers.Adam(LEARNING_RATE, epsilon=1e-8)
        self.adam.build(self.weights)
        self.x, self.labels = tf.constant(data["x"]), tf.constant(data["labels"])
        self.step = tf.function(self._step)

    def _step(self, x: Any, labels: Any) -> Any:
        with tf.GradientTape() as tape:
            logits = self.network(Functions(self.weights), x)
            each = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
            loss = tf.reduce_mean(each)
        grads = tape.gradient(loss, self.weights)
        self.adam.apply_gradients(zip(grads, self.weights, strict=True))
        return loss

    def outputs(self) -> dict[str, Any]:
        return {"losses": np.array([float(self.step(self.x, self.labels)) for _ in range(3)])}

    def run(self) -> None:
        float(self.step(self.x, self.labels))
