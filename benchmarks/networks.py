"""U-Net and ResNet-18, written once over the handful of functions that every library brings.

    found = unet(Shapes(), (8, 128, 128, 1))       the shapes of its weights, and its operations
    logits = unet(torch_networks.Functions(weights), x)

A library's functions take their weights from a list, in the order in which they are called; that
is the order of `model.params` in nanocnn, too. Convolutions are padded by half their size, have no
bias where batch normalization follows, and batch normalization uses the statistics of the batch;
only nanocnn keeps running means of them here, as its `fit` does.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, Protocol

import numpy as np

UNET_WIDTH, UNET_DEPTH, UNET_CLASSES = 16, 4, 2
RESNET_STAGES, RESNET_CLASSES = ((64, 2), (128, 2), (256, 2), (512, 2)), 2
INPUTS = {"unet": (8, 128, 128, 1), "resnet18": (64, 28, 28, 1)}


class Functions(Protocol):
    """What a library must be able to do. x is whatever the library calls an image batch."""

    def channels(self, x: Any) -> int: ...
    def conv(self, x: Any, filters: int, size: int, stride: int = 1, bias: bool = False) -> Any: ...
    def norm(self, x: Any) -> Any: ...
    def norm_relu(self, x: Any) -> Any: ...
    def add_relu(self, x: Any, y: Any) -> Any: ...
    def pool(self, x: Any) -> Any: ...
    def up(self, x: Any, filters: int) -> Any: ...
    def concat(self, x: Any, y: Any) -> Any: ...
    def mean_dense(self, x: Any, classes: int) -> Any: ...


def unet(f: Functions, x: Any) -> Any:
    """Return the logits of each pixel; x is (N, H, W, C) or the library's own order."""

    def block(x: Any, filters: int) -> Any:
        for _ in range(2):
            x = f.norm_relu(f.conv(x, filters, 3))
        return x

    def level(x: Any, k: int) -> Any:
        filters = UNET_WIDTH << k
        x = block(x, filters)
        if k == UNET_DEPTH:
            return x
        return block(f.concat(x, f.up(level(f.pool(x), k + 1), filters)), filters)

    return f.conv(level(x, 0), UNET_CLASSES, 1, bias=True)


def resnet18(f: Functions, x: Any) -> Any:
    """Return the logits of each image; the first convolution is for small images."""
    x = f.norm_relu(f.conv(x, RESNET_STAGES[0][0], 3))
    for stage, (filters, blocks) in enumerate(RESNET_STAGES):
        for i in range(blocks):
            stride = 2 if stage and not i else 1
            y = f.norm_relu(f.conv(x, filters, 3, stride))
            y = f.norm(f.conv(y, filters, 3))
            x = f.add_relu(
                y, x if f.channels(x) == filters else f.norm(f.conv(x, filters, 1, stride))
            )
    return f.mean_dense(x, RESNET_CLASSES)


NETWORKS = {"unet": unet, "resnet18": resnet18}


class Shapes:
    """Functions on shapes: they note the weights' shapes, and count operations and numbers."""

    def __init__(self) -> None:
        self.weights: list[tuple[int, ...]] = []
        self.multiply_adds = 0
        self.maps: list[int] = []  # sizes of all arrays that are written

    def _out(self, *shape: int) -> tuple[int, ...]:
        self.maps.append(math.prod(shape))
        return shape

    def channels(self, x: tuple[int, ...]) -> int:
        return x[-1]

    def conv(
        self, x: tuple[int, ...], filters: int, size: int, stride: int = 1, bias: bool = False
    ) -> tuple[int, ...]:
        n, h, w, c = x
        self.weights += [(size, size, c, filters), (filters,)][: 1 + bias]
        h, w = -(-h // stride), -(-w // stride)
        self.multiply_adds += n * h * w * size * size * c * filters
        return self._out(n, h, w, filters)

    def norm(self, x: tuple[int, ...]) -> tuple[int, ...]:
        self.weights += [x[-1:], x[-1:]]
        return self._out(*x)

    norm_relu = norm

    def add_relu(self, x: tuple[int, ...], y: tuple[int, ...]) -> tuple[int, ...]:
        assert x == y
        return self._out(*x)

    def pool(self, x: tuple[int, ...]) -> tuple[int, ...]:
        n, h, w, c = x
        return self._out(n, h // 2, w // 2, c)

    def up(self, x: tuple[int, ...], filters: int) -> tuple[int, ...]:
        n, h, w, c = x
        self.weights += [(2, 2, filters, c), (filters,)]
        self.multiply_adds += n * h * w * 4 * c * filters
        return self._out(n, 2 * h, 2 * w, filters)

    def concat(self, x: tuple[int, ...], y: tuple[int, ...]) -> tuple[int, ...]:
        assert x[:-1] == y[:-1]
        return self._out(*x[:-1], x[-1] + y[-1])

    def mean_dense(self, x: tuple[int, ...], classes: int) -> tuple[int, ...]:
        self.weights += [(x[-1], classes), (classes,)]
        self.multiply_adds += x[0] * x[-1] * classes
        return self._out(x[0], classes)


class Cost(NamedTuple):
    """What a training step takes at least; a multiply-add is two operations."""

    weights: list[tuple[int, ...]]
    flops: float
    bytes: float
    logits: tuple[int, ...]


def cost(network: str) -> Cost:
    """Count shapes, operations and bytes of a training step (the first layer's dx is not needed).

    Each map is written and read in the forward pass, and its gradient in the backward pass, where
    the map is read once more. Adam reads p, g, m, v and writes p, m, v.
    """
    s = Shapes()
    logits = NETWORKS[network](s, INPUTS[network])
    n, h, w, c = INPUTS[network]
    first = n * h * w * 9 * c * s.weights[0][-1]
    moved = 5 * sum(s.maps) + 8 * sum(map(math.prod, s.weights))
    return Cost(s.weights, 2.0 * (3 * s.multiply_adds - first), 4.0 * moved, logits)


def make_data(network: str, seed: int = 0) -> dict[str, Any]:
    """Return weights "w0", "w1", ... and a batch with labels of images, or of pixels."""
    rng = np.random.default_rng(seed)
    found = cost(network)
    data: dict[str, Any] = {}
    for i, shape in enumerate(found.weights):
        if len(shape) > 1:
            fan = math.prod(shape) / max(shape[2:]) if len(shape) == 4 else shape[0]
            data[f"w{i}"] = rng.standard_normal(shape) * (2 / fan) ** 0.5
        else:  # gamma is 1, beta and biases are 0: one before the other
            gamma = i + 1 < len(found.weights) and found.weights[i + 1] == shape
            after_gamma = len(found.weights[i - 1]) == 1
            data[f"w{i}"] = np.full(shape, float(gamma and not after_gamma))
        data[f"w{i}"] = data[f"w{i}"].astype(np.float32)
    data["x"] = rng.random(INPUTS[network], np.float32)
    data["labels"] = rng.integers(0, found.logits[-1], found.logits[:-1])
    return data


def weights_of(data: dict[str, Any]) -> list[Any]:
    """Return the weights in their order."""
    return [data[f"w{i}"] for i in range(sum(key[0] == "w" for key in data))]
