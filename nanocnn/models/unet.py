"""The U-Net (Ronneberger, Fischer and Brox 2015, figure 1), for one class a pixel.

    block ------------------ concatenate - block - conv 1x1
      pool - block ------- concatenate - block - up
               pool - block - up

Each level is written once, around the level below it: what goes across is `Identity`, what goes
down comes up again at the same size, and both are put side by side.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..layers import (
    BatchNorm,
    Concatenate,
    Conv2D,
    ConvTranspose2D,
    Identity,
    Layer,
    MaxPool2D,
    Residual,
)
from .parts import conv
from .sequential import Sequential


def block(filters: int, batch_norm: bool, residual: bool) -> list[Layer]:
    """Return two 3x3 convolutions, each with relu; or the same with a shortcut around them."""
    if residual:
        body = [conv(filters, 3), BatchNorm(activation="relu"), conv(filters, 3), BatchNorm()]
        return [Residual(body, [conv(filters, 1), BatchNorm()])]
    if batch_norm:
        pair = [[conv(filters, 3), BatchNorm(activation="relu")] for _ in range(2)]
        return [*pair[0], *pair[1]]
    return [
        Conv2D(filters, 3, padding=1, activation="relu", initializer="he_normal") for _ in range(2)
    ]


def unet(
    input_shape: Sequence[int],
    n_classes: int,
    depth: int = 4,
    width: int = 16,
    *,
    residual: bool = False,
    batch_norm: bool = True,
    seed: int = 0,
    dtype: str = "float32",
) -> Sequential:
    """Return a U-Net: logits (N, H, W, n_classes) for images (N, H, W, C).

    Parameters
    ----------
    input_shape : (H, W, C)
        H and W must be multiples of 2**depth.
    n_classes : int
        The background counts.
    depth : int
        How often the image is halved; 4 in the paper.
    width : int
        Channels of the first level, doubled with each level below; 64 in the paper.
    residual : bool
        Put a shortcut around each pair of convolutions.
    batch_norm : bool
        The paper has none; with `residual` there always is.
    seed, dtype : as for `nanocnn.Sequential`

    Notes
    -----
    Convolutions keep the image's size ("same"), where the paper's lose two pixels each and its
    images are cut before they are put side by side. The parameters are the same ones.

    Raises
    ------
    ValueError
        If the image cannot be halved `depth` times.
    """
    if any(n % 2**depth for n in input_shape[:2]):
        raise ValueError(
            f"unet: height and width must be multiples of {2**depth} to be halved {depth} times, "
            f"got {tuple(input_shape)}; pad or resize the images, or use a smaller depth"
        )

    def level(d: int) -> list[Layer]:
        filters = width * 2**d
        if d == depth:
            return block(filters, batch_norm, residual)
        up = ConvTranspose2D(filters, 2, stride=2)
        below = Sequential([MaxPool2D(2), *level(d + 1), up])
        return [
            *block(filters, batch_norm, residual),
            Concatenate([Identity(), below]),
            *block(filters, batch_norm, residual),
        ]

    layers = [*level(0), Conv2D(n_classes, 1)]
    model = Sequential(layers, input_shape=input_shape, seed=seed, dtype=dtype)
    # Small, so that the first loss is near ln K; but not zeros. They would hide from all other
    # layers in the first steps which pixel is of which class, and meanwhile Adam takes the rare
    # classes down together: a second structure was not found for hundreds of steps.
    model.layers[-1].params["w"] /= 4
    return model
