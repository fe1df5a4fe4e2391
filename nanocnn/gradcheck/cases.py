"""What to check every exported operation, layer and loss on.

The things themselves are found in `nanocnn.ops`, `nanocnn.layers` and `nanocnn.losses`; this table
only says on which shapes and options. Whoever exports something new and gives it no case here is
told so by `python -m nanocnn.gradcheck`, which then fails. Height and width, input and output
channels, and the two sides of a filter differ, so that an exchange of two axes cannot hide.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nanocnn import layers, losses, ops

from .loss_cases import LOSSES, LossCase

__all__ = ["LAYERS", "LOSSES", "OPS", "LayerCase", "LossCase", "OpCase"]

Array = NDArray[Any]
Shape = tuple[int, ...]


class OpCase(NamedTuple):
    """Shapes of the arrays of `<name>_forward`, in order, and its other arguments by name."""

    shapes: tuple[Shape, ...]
    options: Mapping[str, Any] = MappingProxyType({})

    def draw(self, rng: np.random.Generator) -> tuple[Array, ...]:
        """Return standard normal arrays."""
        return tuple(rng.standard_normal(shape) for shape in self.shapes)


class LayerCase(NamedTuple):
    """How to make the layer, and the shape of one input."""

    make: Callable[[], Any]
    input_shape: Shape


_X, _W, _B = (2, 7, 6, 4), (3, 2, 4, 6), (6,)
_DENSE = ((3, 5), (5, 4), (4,))
_ROWS = OpCase(((4, 5),))
_NORM = ((2, 3, 5, 4), (4,), (4,))
_CONSTANT = {"mean": (0.5, -1.0, 0.0, 2.0), "variance": (1.0, 0.3, 2.0, 0.7)}

OPS: dict[str, list[OpCase]] = {
    "conv2d": [
        OpCase((_X, _W, _B)),
        OpCase((_X, _W), {"stride": (2, 3), "padding": "same"}),
        OpCase((_X, _W, _B), {"padding": ((2, 0), (1, 2)), "dilation": (2, 1)}),
        OpCase((_X, (3, 2, 2, 6), _B), {"groups": 2, "padding": 1}),
        OpCase((_X, (2, 3, 1, 8), (8,)), {"groups": 4, "stride": (1, 2)}),
        OpCase((_X, (1, 1, 4, 3), (3,))),
        OpCase((_X, _W, _B), {"activation": "relu", "padding": "same"}),
        OpCase((_X, _W, _B), {"activation": "sigmoid"}),
        OpCase((_X, _W, _B), {"activation": "tanh", "stride": 2}),
    ],
    "conv_transpose2d": [
        OpCase((_X, (2, 2, 3, 4), (3,)), {"stride": 2}),
        OpCase((_X, (3, 2, 5, 4)), {"stride": (2, 3), "padding": "same"}),
        OpCase((_X, (3, 2, 5, 4), (5,)), {"padding": ((1, 0), (0, 1)), "activation": "relu"}),
        OpCase((_X, (1, 2, 3, 4), (3,)), {"stride": (3, 1), "activation": "sigmoid"}),
        OpCase((_X, (3, 4, 3, 4), (3,)), {"stride": (1, 2), "padding": 1, "activation": "tanh"}),
    ],
    "upsample2d": [
        OpCase(((2, 4, 3, 5),)),
        OpCase(((2, 4, 3, 5),), {"factor": (3, 2), "interpolation": "bilinear"}),
        OpCase(((2, 1, 3, 4),), {"factor": (2, 4), "interpolation": "bilinear"}),
    ],
    "zero_pad2d": [OpCase(((2, 4, 3, 5),)), OpCase(((2, 4, 3, 5),), {"padding": ((2, 0), (1, 3))})],
    "dense": [
        OpCase(_DENSE),
        OpCase(_DENSE[:2]),
        OpCase(_DENSE, {"activation": "relu"}),
        OpCase(_DENSE, {"activation": "sigmoid"}),
        OpCase(_DENSE, {"activation": "tanh"}),
    ],
    "max_pool2d": [
        OpCase(((2, 6, 5, 3),)),
        OpCase(((2, 6, 5, 3),), {"window": 3, "stride": 2, "padding": 1}),
        OpCase(((2, 5, 6, 3),), {"window": (2, 3), "stride": 1}),
    ],
    "average_pool2d": [
        OpCase(((2, 6, 5, 3),)),
        OpCase(((2, 6, 5, 3),), {"window": (3, 2), "stride": (1, 2), "padding": "same"}),
    ],
    "global_average_pool2d": [OpCase(((2, 4, 5, 3),))],
    "batch_norm": [
        OpCase(_NORM),
        OpCase(((5, 4), (4,), (4,)), {"epsilon": 0.1, "activation": "relu"}),
        OpCase(_NORM, {**_CONSTANT, "epsilon": 1e-3}),
        OpCase(_NORM, {**_CONSTANT, "activation": "relu"}),
    ],
    "layer_norm": [OpCase(_NORM), OpCase(((3, 7), (7,), (7,)), {"epsilon": 0.1})],
    "group_norm": [OpCase(_NORM, {"groups": g}) for g in (1, 2, 4)],
    "relu": [_ROWS],
    "leaky_relu": [_ROWS, OpCase(((4, 5),), {"slope": 0.2})],
    "sigmoid": [_ROWS],
    "tanh": [_ROWS],
    "gelu": [_ROWS],
    "softmax": [_ROWS, OpCase(((2, 3, 4),))],
    "dropout": [OpCase(((4, 5),), {"rate": 0.3, "key": 11})],
    "flatten": [OpCase(((2, 3, 4, 2),))],
    "add": [
        OpCase(((2, 3, 4), (2, 3, 4))),
        OpCase(((2, 3, 4), (2, 3, 4)), {"activation": "relu"}),
        OpCase(((2, 3, 4), (2, 3, 4)), {"activation": "tanh"}),
    ],
    "concatenate": [OpCase(((2, 3, 4, 2), (2, 3, 4, 5))), OpCase(((4, 3), (4, 2)))],
}


def _conv(filters: int) -> layers.Conv2D:
    return layers.Conv2D(filters, (3, 2), padding="same", activation="tanh")


LAYERS: dict[str, list[LayerCase]] = {
    "Conv2D": [
        LayerCase(lambda: layers.Conv2D(4, 3), (6, 7, 3)),
        LayerCase(lambda: layers.Conv2D(4, (3, 2), activation="relu"), (6, 5, 2)),
        LayerCase(
            lambda: layers.Conv2D(
                6,
                (2, 3),
                stride=(2, 1),
                padding=((1, 0), (2, 1)),
                dilation=(1, 2),
                groups=2,
                activation="gelu",
                use_bias=False,
            ),
            (7, 6, 4),
        ),
    ],
    "ConvTranspose2D": [
        LayerCase(lambda: layers.ConvTranspose2D(4, 2, stride=2), (3, 4, 5)),
        LayerCase(
            lambda: layers.ConvTranspose2D(
                4, (3, 2), stride=(2, 1), padding="same", activation="gelu", use_bias=False
            ),
            (3, 4, 5),
        ),
    ],
    "DepthwiseConv2D": [
        LayerCase(lambda: layers.DepthwiseConv2D((3, 2), padding="same"), (5, 6, 3)),
        LayerCase(
            lambda: layers.DepthwiseConv2D(
                2, stride=(1, 2), dilation=(2, 1), depth_multiplier=2, activation="tanh"
            ),
            (5, 6, 3),
        ),
    ],
    "SeparableConv2D": [
        LayerCase(lambda: layers.SeparableConv2D(5, (3, 2), padding="same"), (5, 6, 3)),
        LayerCase(
            lambda: layers.SeparableConv2D(
                4, 2, stride=2, depth_multiplier=2, activation="gelu", use_bias=False
            ),
            (5, 6, 3),
        ),
    ],
    "UpSampling2D": [
        LayerCase(lambda: layers.UpSampling2D(), (3, 4, 2)),
        LayerCase(lambda: layers.UpSampling2D((2, 3), interpolation="bilinear"), (3, 4, 2)),
    ],
    "ZeroPadding2D": [LayerCase(lambda: layers.ZeroPadding2D(((1, 0), (2, 3))), (3, 4, 2))],
    "Dense": [
        LayerCase(lambda: layers.Dense(4), (5,)),
        LayerCase(lambda: layers.Dense(4, activation="sigmoid"), (5,)),
        LayerCase(lambda: layers.Dense(3, activation="softmax", use_bias=False), (5,)),
    ],
    "MaxPool2D": [
        LayerCase(lambda: layers.MaxPool2D(2), (5, 6, 3)),
        LayerCase(
            lambda: layers.MaxPool2D((3, 2), stride=1, padding=((1, 1), (0, 1))),
            (5, 6, 3),
        ),
    ],
    "AveragePool2D": [LayerCase(lambda: layers.AveragePool2D(2, padding="same"), (5, 6, 3))],
    "GlobalAveragePool2D": [LayerCase(lambda: layers.GlobalAveragePool2D(), (5, 6, 3))],
    "BatchNorm": [
        LayerCase(lambda: layers.BatchNorm(), (3, 4, 2)),
        LayerCase(lambda: layers.BatchNorm(0.5, 0.01, activation="relu"), (3, 4, 2)),
        LayerCase(lambda: layers.BatchNorm(activation="tanh"), (3, 4, 2)),
    ],
    "LayerNorm": [
        LayerCase(lambda: layers.LayerNorm(), (3, 2, 5)),
        LayerCase(lambda: layers.LayerNorm(0.1), (6,)),
    ],
    "GroupNorm": [
        LayerCase(lambda: layers.GroupNorm(3), (3, 4, 6)),
        LayerCase(lambda: layers.GroupNorm(1, 0.1), (3, 4, 2)),
    ],
    "Flatten": [LayerCase(lambda: layers.Flatten(), (3, 4, 2))],
    "Dropout": [LayerCase(lambda: layers.Dropout(0.4), (5, 6))],
    "ReLU": [LayerCase(lambda: layers.ReLU(), (5, 3))],
    "LeakyReLU": [LayerCase(lambda: layers.LeakyReLU(0.2), (5, 3))],
    "Sigmoid": [LayerCase(lambda: layers.Sigmoid(), (5, 3))],
    "Tanh": [LayerCase(lambda: layers.Tanh(), (5, 3))],
    "GELU": [LayerCase(lambda: layers.GELU(), (5, 3))],
    "Softmax": [LayerCase(lambda: layers.Softmax(), (5, 3))],
    "Identity": [LayerCase(lambda: layers.Identity(), (5, 3))],
    "Add": [
        LayerCase(lambda: layers.Add([_conv(3), layers.Identity()]), (4, 5, 3)),
        LayerCase(lambda: layers.Add([(a := _conv(2)), _conv(2), a]), (4, 5, 3)),
    ],
    "Concatenate": [
        LayerCase(lambda: layers.Concatenate([_conv(2), layers.Identity()]), (4, 5, 3)),
        LayerCase(
            lambda: layers.Concatenate([[_conv(2), layers.Dropout(0.3)], layers.Tanh(), _conv(4)]),
            (4, 5, 3),
        ),
    ],
    "Residual": [
        LayerCase(lambda: layers.Residual([_conv(2), _conv(3)]), (4, 5, 3)),
        LayerCase(lambda: layers.Residual(_conv(2), _conv(2), activation="tanh"), (4, 5, 3)),
        LayerCase(lambda: layers.Residual(layers.Tanh(), activation=None), (4, 5, 3)),
    ],
    "DenseBlock": [
        LayerCase(lambda: layers.DenseBlock([_conv(2), layers.Tanh(), _conv(4)]), (4, 5, 3)),
    ],
}


def exported_ops() -> list[str]:
    """Return the names of all operations that `nanocnn.ops` exports, without `_forward`."""
    return [n.removesuffix("_forward") for n in ops.__all__ if n.endswith("_forward")]


def exported_layers() -> list[str]:
    """Return the names of all layers that `nanocnn.layers` exports; `Layer` is their base."""
    return [name for name in layers.__all__ if name != "Layer"]


def exported_losses() -> list[str]:
    """Return the names of all losses that `nanocnn.losses` exports; `get` looks one up."""
    return [name for name in losses.__all__ if name != "get"]
