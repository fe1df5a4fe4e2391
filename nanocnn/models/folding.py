"""Batch normalization folded into the layer before it: in inference it costs nothing then.

With running statistics, batch normalization multiplies each channel by a number and adds another,
and so does the last thing that a convolution or dense layer does to its channels:

    z = w x + b                                            w x: any sum of products, such as (C1)
    y = gamma (z - mean) / s + beta,  s = sqrt(variance + epsilon)                          (B3)
      = (gamma/s w) x + (gamma/s (b - mean) + beta)

So the pair is one layer with other weights. The two agree but for rounding.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..layers import BatchNorm, Conv2D, ConvTranspose2D, Dense, DepthwiseConv2D, SeparableConv2D
from ..layers.affine import Affine
from ..layers.base import Array, Layer
from ..layers.container import Container
from .sequential import Sequential


class _Weights(NamedTuple):
    """The weights whose outputs batch normalization would scale, and on which axis those lie."""

    key: str
    axis: int


FOLDABLE: dict[type[Layer], _Weights] = {
    Conv2D: _Weights("w", 3),
    ConvTranspose2D: _Weights("w", 2),
    Dense: _Weights("w", 1),
    DepthwiseConv2D: _Weights("w", 3),
    SeparableConv2D: _Weights("pointwise_w", 3),
}


def fold_batch_norm(model: Sequential) -> Sequential:
    """Return a model for inference, without those batch normalizations that follow a linear layer.

    Parameters
    ----------
    model : Sequential
        Built and trained; it is not changed. Containers in it, such as `Residual`, are folded
        inside.

    Returns
    -------
    Sequential
        Computes what the given one does in inference, but for rounding, with fewer passes over
        memory. It shares the parameters of layers that stay as they are, is compiled alike, and
        prepares files alike. Training it would train another network: one without normalization.

    Raises
    ------
    ValueError
        If the model is not built.

    Notes
    -----
    A normalization that does not come right after a convolution or dense layer without activation,
    as in `nanocnn.models.densenet`, stays.

    Examples
    --------
    >>> import nanocnn as nc
    >>> layers = [nc.Conv2D(4, 3, use_bias=False), nc.BatchNorm(activation="relu")]
    >>> model = nc.Sequential(layers, input_shape=(8, 8, 1))
    >>> nc.models.fold_batch_norm(model).layers[0].activation
    'relu'
    """
    if model.input_shape is None:
        raise ValueError("the model is not built, so there are no statistics to fold; fit it first")
    folded = _fold(model, {})
    assert isinstance(folded, Sequential)
    folded.build(model.input_shape, np.random.default_rng(0))
    folded.optimizer, folded.loss, folded.metrics = model.optimizer, model.loss, model.metrics
    folded.preparation = model.preparation
    return folded


def _fold(layer: Layer, done: dict[int, Layer]) -> Layer:
    """Return the layer, or its like without normalizations; what stands twice stays one layer."""
    if not isinstance(layer, Container):
        return layer
    if id(layer) not in done:
        children = [_fold(child, done) for child in layer.layers]
        if isinstance(layer, Sequential):
            children = _fold_pairs(children)
        config = {k: v for k, v in layer.get_config().items() if k != "input_shape"}
        done[id(layer)] = type(layer).from_layers(children, config)
        done[id(layer)].dtype = layer.dtype
    return done[id(layer)]


def _fold_pairs(layers: list[Layer]) -> list[Layer]:
    """Put every linear layer and the normalization behind it into one."""
    folded: list[Layer] = []
    for layer in layers:
        if isinstance(layer, BatchNorm) and folded and _is_linear(folded[-1]):
            folded[-1] = _joined(folded[-1], layer)
        else:
            folded.append(layer)
    return folded


def _is_linear(layer: Layer) -> bool:
    return type(layer) in FOLDABLE and isinstance(layer, Affine) and layer.activation is None


def _joined(linear: Layer, norm: BatchNorm) -> Layer:
    """Return the linear layer with the weights of both, and the normalization's activation."""
    key, axis = FOLDABLE[type(linear)]
    w: Array = linear.params[key]
    gamma, beta = (norm.params[name].astype(np.float64) for name in ("gamma", "beta"))
    scale = gamma / np.sqrt(norm.state["variance"] + norm.epsilon)
    shift = beta + scale * (linear.params.get("b", 0.0) - norm.state["mean"])
    config = {**linear.get_config(), "use_bias": True, "activation": norm.activation}
    config["initializer"] = "zeros"  # nothing is drawn
    joined = type(linear)(**config)
    joined.dtype = linear.dtype
    beside = [1] * w.ndim
    beside[axis] = -1
    weights = {name: value for name, value in linear.params.items() if name != "b"}
    weights[key] = (w * scale.reshape(beside)).astype(w.dtype)
    joined.params = {**weights, "b": shift.astype(w.dtype)}
    return joined
