"""What the residual and the densely connected network have in common: convolutions and a stem."""

from __future__ import annotations

from collections.abc import Sequence

from ..layers import BatchNorm, Conv2D, Layer, MaxPool2D

LARGE = 64  # pixels from which the stem of the papers, which shrinks images fourfold, makes sense


def conv(filters: int, size: int, stride: int = 1) -> Conv2D:
    """Return a convolution that keeps the image's size but for the stride; BatchNorm has a bias."""
    return Conv2D(
        filters, size, stride=stride, padding=size // 2, use_bias=False, initializer="he_normal"
    )


def stem(kind: str | None, input_shape: Sequence[int], filters: int) -> list[Layer]:
    """Return the layers before the first block: "large" as in the papers, or "small"."""
    if kind is None:
        kind = "large" if min(input_shape[:2]) >= LARGE else "small"
    if kind == "small":
        return [conv(filters, 3), BatchNorm(activation="relu")]
    if kind == "large":
        first = [conv(filters, 7, stride=2), BatchNorm(activation="relu")]
        return [*first, MaxPool2D(3, stride=2, padding=1)]
    raise ValueError(f"stem must be 'large', 'small' or None, got {kind!r}")
