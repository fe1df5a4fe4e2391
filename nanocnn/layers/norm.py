"""Normalization layers: batch, layer, group."""

from __future__ import annotations

from typing import Any, final

import numpy as np

from .. import ops
from ..ops.norm import BatchNormCache, check_epsilon
from .activations import Followed, check_activation, follow, unfollow
from .affine import check_count
from .base import Array, Layer, Rng, Shape

FUSED = ("relu",)  # what the operation itself can apply


class Normalization(Layer):
    """Abstract: y = gamma * xhat + beta, channel by channel, with gamma and beta learnt."""

    def __init__(self, epsilon: float, name: str | None) -> None:
        super().__init__(name=name)
        self.epsilon = check_epsilon(type(self).__name__, epsilon)

    def build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        shape = tuple(input_shape[-1:])
        if not self.params:
            self.params = {"gamma": np.ones(shape, self.dtype), "beta": np.zeros(shape, self.dtype)}
        found = {key: value.shape for key, value in self.params.items()}
        needed = {"gamma": shape, "beta": shape}
        if found != needed:
            raise ValueError(
                f"{self.label} has parameters of shapes {found}, this input needs {needed}; a "
                "layer can be used twice only on inputs with the same channels"
            )
        if list(found) != list(needed):  # in one order: sums over all parameters keep their bits
            self.params = {key: self.params[key] for key in needed}
        return input_shape

    def _grads(self, dgamma: Array, dbeta: Array) -> dict[str, Array]:
        return {"gamma": dgamma, "beta": dbeta} if self.trainable else {}


@final
class BatchNorm(Normalization):
    """Brings each channel to mean beta and standard deviation gamma, (B3).

    Which mean and variance it takes off is told apart in three ways:

    *Training* (`forward(x, training=True)`): those of the batch, over N and all pixels, (B1) and
    (B2); gradients go through them as well, (B7).
    *Inference* (`forward(x)`, `predict`, `evaluate`): the running ones in `state`, so that an
    image's result does not depend on its neighbours in the batch; they are constants, (B6).
    *Frozen* (`freeze()`, `trainable = False`): the running ones in training too, as in Keras.
    gamma and beta get no gradients, and `state` stays as it is. So a pretrained part of a model
    computes in training what it will compute afterwards.

    `forward` is pure and never writes to `state`. `update_state(cache)`, which `fit` calls after
    each step, does:

        running = momentum * running + (1 - momentum) * batch

    For the running variance the batch's is first multiplied with M / (M - 1), M being the numbers
    of a channel in the batch, as in the paper (algorithm 2) and in PyTorch: it stands for the
    variance of all images, of which the variance within a batch falls short by that factor on
    average. (Keras leaves the factor out; with few numbers a channel, as after global pooling in
    batches of 8, inference would be 7 % off.)

    Parameters
    ----------
    momentum : float, default 0.9
        From 0 to 1: what the running values keep of themselves in a step. PyTorch calls
        1 - momentum by this name.
    epsilon : float, default 1e-5
    activation : str, optional
        Relu is computed in the same pass over memory.
    name : str, optional

    Notes
    -----
    `state` holds "mean" and "variance" in float64, 0 and 1 at first.

    References
    ----------
    S. Ioffe and C. Szegedy (2015), Batch normalization, arXiv:1502.03167.
    """

    def __init__(
        self,
        momentum: float = 0.9,
        epsilon: float = 1e-5,
        activation: str | None = None,
        *,
        name: str | None = None,
    ) -> None:
        super().__init__(epsilon, name)
        check_activation(activation)
        if not (isinstance(momentum, (int, float, np.number)) and 0 <= momentum <= 1):
            raise ValueError(f"BatchNorm: momentum must be a number from 0 to 1, got {momentum!r}")
        self.momentum = float(momentum)
        self.activation = activation

    def build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        super().build(input_shape, rng)
        shape = self.params["gamma"].shape
        if not self.state:
            self.state = {"mean": np.zeros(shape), "variance": np.ones(shape)}
        found = {key: value.shape for key, value in self.state.items()}
        if found != {"mean": shape, "variance": shape}:
            raise ValueError(
                f"{self.label} has running statistics of shapes {found}, needed a mean and a "
                f"variance of shape {shape}"
            )
        return input_shape

    @property
    def state(self) -> dict[str, Array]:
        """Running mean and variance. Setting a variance below 0 raises ValueError."""
        return self._state

    @state.setter
    def state(self, values: dict[str, Array]) -> None:
        least = float(np.min(values.get("variance", 0), initial=0))
        if least < 0:
            raise ValueError(f"{self.label}: a running variance is negative, {least}")
        values = dict(values)
        self._state.clear()
        self._state.update(values)

    def forward(
        self, x: Array, *, training: bool = False, rng: Rng = None
    ) -> tuple[Array, Followed]:
        params = self._check_built()
        of_batch = training and self.trainable
        if of_batch and x.size == x.shape[-1]:
            raise ValueError(
                f"{self.label}: x of shape {x.shape} has one value a channel, whose variance is 0; "
                "train on two or more images at a time (choose a batch_size that leaves no last "
                "batch of one), or freeze the layer"
            )
        y, cache = ops.batch_norm_forward(
            x,
            params["gamma"],
            params["beta"],
            epsilon=self.epsilon,
            activation=self.activation if self.activation in FUSED else None,
            **({} if of_batch else self.state),
        )
        return follow(y, cache, self.activation, FUSED)

    def backward(
        self, dy: Array, cache: Followed, *, need_dx: bool = True
    ) -> tuple[Array | None, dict[str, Array]]:
        dz = unfollow(dy, cache, self.activation, FUSED)
        dx, *grads = ops.batch_norm_backward(dz, cache.op)
        return (dx if need_dx else None), self._grads(*grads)

    def update_state(self, cache: Followed) -> None:
        batch: BatchNormCache = cache.op
        if batch.constant:  # of a frozen layer, or of a pass in inference
            return
        m = batch.x.size // batch.x.shape[-1]
        if m < 2:
            return
        new = {"mean": batch.mean, "variance": batch.variance * (m / (m - 1))}
        for key, value in self.state.items():
            value += (1 - self.momentum) * (new[key] - value)

    def get_config(self) -> dict[str, Any]:
        return {
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "activation": self.activation,
            **super().get_config(),
        }


@final
class LayerNorm(Normalization):
    """Normalizes over the channels at each pixel by itself, (B10) with P = 1 and G = 1.

    The last axis, as in Keras, and as PyTorch's `LayerNorm(C)` on channels-last images; one gamma
    and one beta a channel. An image as a whole is `GroupNorm(1)`. Training and inference are one.

    Parameters
    ----------
    epsilon : float, default 1e-5
    name : str, optional

    References
    ----------
    J. L. Ba, J. R. Kiros and G. E. Hinton (2016), Layer normalization, arXiv:1607.06450.
    """

    def __init__(self, epsilon: float = 1e-5, *, name: str | None = None) -> None:
        super().__init__(epsilon, name)

    def forward(self, x: Array, *, training: bool = False, rng: Rng = None) -> tuple[Array, Any]:
        params = self._check_built()
        return ops.layer_norm_forward(x, params["gamma"], params["beta"], epsilon=self.epsilon)

    def backward(
        self, dy: Array, cache: Any, *, need_dx: bool = True
    ) -> tuple[Array | None, dict[str, Array]]:
        dx, *grads = ops.layer_norm_backward(dy, cache)
        return (dx if need_dx else None), self._grads(*grads)

    def get_config(self) -> dict[str, Any]:
        return {"epsilon": self.epsilon, **super().get_config()}


@final
class GroupNorm(Normalization):
    """Normalizes each image by itself, its channels in groups, each over all pixels, (B10).

    It needs no other image and no running statistics: training and inference are one, and batches
    may be as small as memory wants them. `GroupNorm(1)` takes an image as a whole.

    Parameters
    ----------
    groups : int, default 8
        Divides the channels.
    epsilon : float, default 1e-5
    name : str, optional

    References
    ----------
    Y. Wu and K. He (2018), Group normalization, arXiv:1803.08494.
    """

    def __init__(self, groups: int = 8, epsilon: float = 1e-5, *, name: str | None = None) -> None:
        super().__init__(epsilon, name)
        self.groups = check_count("GroupNorm", "groups", groups)

    def build(self, input_shape: Shape, rng: np.random.Generator) -> Shape:
        if input_shape[-1] % self.groups:
            raise ValueError(
                f"{self.label}: groups must divide the channels, got {self.groups} groups and an "
                f"input of shape {input_shape}"
            )
        return super().build(input_shape, rng)

    def forward(self, x: Array, *, training: bool = False, rng: Rng = None) -> tuple[Array, Any]:
        params = self._check_built()
        return ops.group_norm_forward(
            x, params["gamma"], params["beta"], groups=self.groups, epsilon=self.epsilon
        )

    def backward(
        self, dy: Array, cache: Any, *, need_dx: bool = True
    ) -> tuple[Array | None, dict[str, Array]]:
        dx, *grads = ops.group_norm_backward(dy, cache)
        return (dx if need_dx else None), self._grads(*grads)

    def get_config(self) -> dict[str, Any]:
        return {"groups": self.groups, "epsilon": self.epsilon, **super().get_config()}
