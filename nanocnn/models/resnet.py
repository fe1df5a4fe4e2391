"""Residual networks (He, Zhang, Ren and Sun 2016, figure 3 and table 1).

    stem - stage of `width` channels - stage of twice as many, half the size - ... - mean - classes

A stage is a few basic blocks. In the first block of all stages but one the body halves the image
and doubles the channels, and a 1x1 convolution does the same to the shortcut ("option B"):

    x -> conv 3x3 - norm - relu - conv 3x3 - norm -> + -> relu
    x -> (conv 1x1 - norm) ------------------------> +
"""

from __future__ import annotations

from collections.abc import Sequence

from ..layers import BatchNorm, Dense, GlobalAveragePool2D, Residual
from .parts import conv
from .parts import stem as make_stem
from .sequential import Sequential

# Blocks a stage. Three stages: the paper's networks for 32 x 32 pixels (section 4.2), 16 channels.
STAGES = {
    8: (1, 1, 1),
    14: (2, 2, 2),
    20: (3, 3, 3),
    32: (5, 5, 5),
    10: (1, 1, 1, 1),
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
}


def basic_block(filters: int, stride: int, project: bool) -> Residual:
    """Return two 3x3 convolutions with a shortcut around them."""
    body = [
        conv(filters, 3, stride),
        BatchNorm(activation="relu"),
        conv(filters, 3),
        BatchNorm(),
    ]
    return Residual(body, [conv(filters, 1, stride), BatchNorm()] if project else None)


def resnet(
    input_shape: Sequence[int],
    n_classes: int,
    depth: int = 18,
    *,
    width: int | None = None,
    stem: str | None = None,
    seed: int = 0,
    dtype: str = "float32",
) -> Sequential:
    """Return a residual network; it ends in logits: loss="softmax_cross_entropy".

    Parameters
    ----------
    input_shape : (H, W, C)
    n_classes : int
    depth : {8, 10, 14, 18, 20, 32, 34}
        Layers with weights. 10, 18 and 34 have four stages, the others three.
    width : int, optional
        Channels of the first stage: 64 with four stages, 16 with three.
    stem : {None, "large", "small"}
        "large" is the paper's 7x7 convolution and pooling, which shrink images fourfold; "small"
        a 3x3 convolution that keeps their size. None: large from 64 pixels on.
    seed, dtype : as for `nanocnn.Sequential`

    Notes
    -----
    Convolutions start from He's normal numbers, as relu follows; the last layer from zeros, so that
    the first loss is that of a guess.

    Examples
    --------
    >>> import nanocnn as nc
    >>> model = nc.models.resnet((28, 28, 1), 2, depth=8)
    >>> model.output_shape
    (2,)
    """
    if depth not in STAGES:
        raise ValueError(f"depth must be one of {', '.join(map(str, sorted(STAGES)))}, got {depth}")
    blocks = STAGES[depth]
    width = (64 if len(blocks) == 4 else 16) if width is None else width
    layers = make_stem(stem, input_shape, width)
    for stage, n in enumerate(blocks):
        filters, shrinks = width * 2**stage, stage > 0
        layers.append(basic_block(filters, 2 if shrinks else 1, project=shrinks))
        layers += [basic_block(filters, 1, project=False) for _ in range(n - 1)]
    layers += [GlobalAveragePool2D(), Dense(n_classes, initializer="zeros")]
    return Sequential(layers, input_shape=input_shape, seed=seed, dtype=dtype)
