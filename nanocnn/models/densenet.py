"""Densely connected networks (Huang, Liu, van der Maaten and Weinberger 2017, figure 2, table 1).

    stem - dense block - transition - dense block - ... - norm - relu - mean - classes

Each layer of a dense block sees what all layers before it made, and adds `growth` channels:

    [x, f(x)],   f: norm - relu - conv 1x1 to 4 growth - norm - relu - conv 3x3 to growth

A transition halves channels and image. This is the paper's DenseNet-BC.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..layers import AveragePool2D, BatchNorm, Dense, DenseBlock, GlobalAveragePool2D, Layer
from .parts import conv
from .parts import stem as make_stem
from .sequential import Sequential


def bottleneck(growth: int) -> list[Layer]:
    """Return what makes `growth` channels of any number."""
    return [
        BatchNorm(activation="relu"),
        conv(4 * growth, 1),
        BatchNorm(activation="relu"),
        conv(growth, 3),
    ]


def densenet(
    input_shape: Sequence[int],
    n_classes: int,
    blocks: Sequence[int] = (6, 12, 24, 16),
    *,
    growth: int = 32,
    stem: str | None = None,
    seed: int = 0,
    dtype: str = "float32",
) -> Sequential:
    """Return a densely connected network; it ends in logits: loss="softmax_cross_entropy".

    Parameters
    ----------
    input_shape : (H, W, C)
    n_classes : int
    blocks : sequence of int
        Layers of each dense block; (6, 12, 24, 16) with growth 32 is DenseNet-121.
    growth : int
        Channels that each layer adds.
    stem : {None, "large", "small"}
        As for `resnet`.
    seed, dtype : as for `nanocnn.Sequential`

    Examples
    --------
    >>> import nanocnn as nc
    >>> model = nc.models.densenet((28, 28, 1), 2, blocks=(2, 2), growth=8)
    >>> model.output_shape
    (2,)
    """
    channels = 2 * growth
    layers = make_stem(stem, input_shape, channels)
    for k, n in enumerate(blocks):
        if k > 0:
            channels //= 2
            layers += [BatchNorm(activation="relu"), conv(channels, 1), AveragePool2D(2)]
        layers.append(DenseBlock([bottleneck(growth) for _ in range(n)]))
        channels += n * growth
    layers += [BatchNorm(activation="relu"), GlobalAveragePool2D()]
    layers.append(Dense(n_classes, initializer="zeros"))
    return Sequential(layers, input_shape=input_shape, seed=seed, dtype=dtype)
