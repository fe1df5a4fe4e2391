"""Every exported layer, with an input shape and the output shape it must declare."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

import nanocnn as nc
from nanocnn.layers.base import Array, Layer
from nanocnn.layers.container import Container

Shape = tuple[int, ...]


def same_conv(filters: int) -> nc.Conv2D:
    """Return a convolution that keeps the image's size."""
    return nc.Conv2D(filters, (3, 2), padding="same", activation="tanh")


# name: (how to make it, shape of one input, shape of one output)
CASES: dict[str, tuple[Callable[[], Layer], Shape, Shape]] = {
    "Conv2D": (lambda: nc.Conv2D(4, 3), (6, 7, 3), (4, 5, 4)),
    "Conv2D relu": (lambda: nc.Conv2D(4, 3, activation="relu"), (6, 7, 3), (4, 5, 4)),
    "Conv2D gelu same": (
        lambda: nc.Conv2D(5, (3, 2), padding="same", activation="gelu", initializer="he_normal"),
        (6, 7, 3),
        (6, 7, 5),
    ),
    "Conv2D all options": (
        lambda: nc.Conv2D(
            6,
            (2, 3),
            stride=(2, 1),
            padding=((1, 0), (2, 1)),
            dilation=(1, 2),
            groups=2,
            activation="softmax",
            use_bias=False,
            name="c",
        ),
        (7, 6, 4),
        (4, 5, 6),
    ),
    "ConvTranspose2D": (lambda: nc.ConvTranspose2D(4, 2, stride=2), (5, 6, 3), (10, 12, 4)),
    "ConvTranspose2D same": (
        lambda: nc.ConvTranspose2D(4, 3, stride=(2, 1), padding="same", activation="gelu"),
        (5, 6, 3),
        (10, 6, 4),
    ),
    "DepthwiseConv2D": (
        lambda: nc.DepthwiseConv2D(3, depth_multiplier=2, activation="relu"),
        (5, 6, 3),
        (3, 4, 6),
    ),
    "SeparableConv2D": (
        lambda: nc.SeparableConv2D(4, (3, 2), stride=2, padding="same", activation="gelu"),
        (5, 6, 3),
        (3, 3, 4),
    ),
    "UpSampling2D": (lambda: nc.UpSampling2D((2, 3)), (5, 6, 3), (10, 18, 3)),
    "UpSampling2D bilinear": (
        lambda: nc.UpSampling2D(2, interpolation="bilinear"),
        (5, 6, 3),
        (10, 12, 3),
    ),
    "ZeroPadding2D": (lambda: nc.ZeroPadding2D(((1, 0), (2, 3))), (5, 6, 3), (6, 11, 3)),
    "Dense": (lambda: nc.Dense(4), (5,), (4,)),
    "Dense tanh": (lambda: nc.Dense(3, activation="tanh", use_bias=False), (5,), (3,)),
    "Dense softmax": (lambda: nc.Dense(3, activation="softmax"), (5,), (3,)),
    "MaxPool2D": (lambda: nc.MaxPool2D(2), (5, 6, 3), (2, 3, 3)),
    "MaxPool2D overlap": (
        lambda: nc.MaxPool2D((3, 2), stride=1, padding=((1, 1), (0, 1))),
        (5, 6, 3),
        (5, 6, 3),
    ),
    "AveragePool2D": (lambda: nc.AveragePool2D(2, padding="same"), (5, 6, 3), (3, 3, 3)),
    "GlobalAveragePool2D": (lambda: nc.GlobalAveragePool2D(), (5, 6, 3), (3,)),
    "BatchNorm": (lambda: nc.BatchNorm(), (5, 6, 3), (5, 6, 3)),
    "BatchNorm relu": (
        lambda: nc.BatchNorm(0.8, 1e-3, activation="relu", name="b"),
        (5, 6, 3),
        (5, 6, 3),
    ),
    "BatchNorm gelu": (lambda: nc.BatchNorm(activation="gelu"), (5, 6, 3), (5, 6, 3)),
    "LayerNorm": (lambda: nc.LayerNorm(0.1), (5, 6, 3), (5, 6, 3)),
    "GroupNorm": (lambda: nc.GroupNorm(3), (5, 4, 6), (5, 4, 6)),
    "Flatten": (lambda: nc.Flatten(), (5, 6, 3), (90,)),
    "Dropout": (lambda: nc.Dropout(0.4), (5, 6, 3), (5, 6, 3)),
    "ReLU": (lambda: nc.ReLU(), (5, 3), (5, 3)),
    "LeakyReLU": (lambda: nc.LeakyReLU(0.2), (5, 3), (5, 3)),
    "Sigmoid": (lambda: nc.Sigmoid(), (5, 3), (5, 3)),
    "Tanh": (lambda: nc.Tanh(), (5, 3), (5, 3)),
    "GELU": (lambda: nc.GELU(), (5, 3), (5, 3)),
    "Softmax": (lambda: nc.Softmax(), (5, 3), (5, 3)),
    "Identity": (lambda: nc.Identity(), (5, 3), (5, 3)),
    "Add": (lambda: nc.Add([same_conv(3), nc.Identity()]), (4, 5, 3), (4, 5, 3)),
    "Add three": (
        lambda: nc.Add([same_conv(2), nc.Conv2D(2, 1), same_conv(2)]),
        (4, 5, 3),
        (4, 5, 2),
    ),
    "Concatenate": (lambda: nc.Concatenate([same_conv(2), nc.Identity()]), (4, 5, 3), (4, 5, 5)),
    "Concatenate three": (
        lambda: nc.Concatenate([[same_conv(2), nc.Dropout(0.4)], nc.Tanh(), nc.Dropout(0.3)]),
        (4, 5, 3),
        (4, 5, 8),
    ),
    "Residual": (lambda: nc.Residual([same_conv(2), same_conv(3)]), (4, 5, 3), (4, 5, 3)),
    "Residual shortcut": (
        lambda: nc.Residual(same_conv(2), nc.Conv2D(2, 1), activation="tanh", name="r"),
        (4, 5, 3),
        (4, 5, 2),
    ),
    "Residual linear": (lambda: nc.Residual(nc.Dropout(0.3), activation=None), (5, 3), (5, 3)),
    "DenseBlock": (lambda: nc.DenseBlock([same_conv(2), nc.Conv2D(1, 1)]), (4, 5, 3), (4, 5, 6)),
}
NAMES = list(CASES)


def built(name: str, dtype: str = "float32") -> tuple[Layer, Shape, Shape]:
    """Return a layer with random parameters (biases too), its input and its output shape."""
    make, input_shape, output_shape = CASES[name]
    layer = make()
    layer.dtype = dtype
    rng = np.random.default_rng(1)
    layer.build(input_shape, rng)
    for p in layer.params.values():
        p[...] = rng.normal(0, 0.5, p.shape)
    return layer, input_shape, output_shape


def images(shape: Shape, dtype: str = "float32", n: int = 3, seed: int = 0) -> Array:
    """Return standard normal numbers (n, *shape)."""
    return np.random.default_rng(seed).standard_normal((n, *shape)).astype(dtype)


def remade(layer: Layer) -> Layer:
    """Return a layer of the same configuration; of a container, the children's as well."""
    if isinstance(layer, Container):
        made: dict[int, Layer] = {}
        children = [made.setdefault(id(a), remade(a)) for a in layer.layers]
        return type(layer).from_layers(children, layer.get_config())
    return type(layer)(**layer.get_config())


def snapshot(layer: Layer) -> Any:
    """Return a deep copy of everything that the layer knows."""
    return copy.deepcopy(vars(layer))


def same(a: Any, b: Any) -> bool:
    """Tell whether two nested structures are equal, arrays bit by bit."""
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and np.array_equal(a, b)
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (tuple, list)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, Layer):
        return type(a) is type(b) and same(vars(a), vars(b))
    return bool(type(a) is type(b) and a == b)
