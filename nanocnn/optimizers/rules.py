"""The update rules, each with its equation: (O1) to (O4)."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from nanocnn.ops.optimizers import adam_update, rmsprop_update, sgd_update
from nanocnn.optimizers.base import Optimizer

Array = NDArray[Any]


class SGD(Optimizer):
    r"""Stochastic gradient descent, with momentum :math:`\mu` and Nesterov's form of it.

    .. math:: g &\leftarrow g + \lambda p, \qquad v \leftarrow \mu v + g \\
              p &\leftarrow p - \eta\,v \quad\text{or, Nesterov,}\quad
              p \leftarrow p - \eta\,(g + \mu v)                              \tag{O1}

    PyTorch's convention: the learning rate stands outside of `v`. Keras keeps it inside; the two
    agree while the learning rate stays the same.

    Parameters
    ----------
    learning_rate : float
    momentum : float, from 0 to below 1
    nesterov : bool
        Needs a momentum above 0.
    weight_decay, decay_vectors, clip_norm, clip_value
        See `nanocnn.optimizers`.

    References
    ----------
    I. Sutskever, J. Martens, G. Dahl, G. Hinton, "On the importance of initialization and momentum
    in deep learning", ICML 2013.
    """

    def __init__(
        self,
        learning_rate: float = 0.01,
        *,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        decay_vectors: bool = False,
        clip_norm: float | None = None,
        clip_value: float | None = None,
    ) -> None:
        super().__init__(
            learning_rate,
            weight_decay=weight_decay,
            decay_vectors=decay_vectors,
            clip_norm=clip_norm,
            clip_value=clip_value,
        )
        self.momentum = self._below_1("momentum", momentum)
        self.nesterov = bool(nesterov)
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov=True needs a momentum above 0, for example momentum=0.9")

    def _update(self, name: str, p: Array, g: Array, weight_decay: float) -> None:
        v = self._slot(name, "velocity", p) if self.momentum else None
        sgd_update(p, g, v, self.learning_rate, self.momentum, self.nesterov, weight_decay)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "momentum": self.momentum, "nesterov": self.nesterov}


class RMSprop(Optimizer):
    r"""Divide the gradient by a running root of its mean square.

    .. math:: g &\leftarrow g + \lambda p, \qquad v \leftarrow \rho v + (1-\rho)\,g^2 \\
              b &\leftarrow \mu b + g / (\sqrt{v} + \epsilon), \qquad
              p \leftarrow p - \eta\,b                                        \tag{O2}

    Parameters
    ----------
    learning_rate : float
    rho : float, from 0 to below 1
        Share of the old mean square that is kept: 0.9 as in Keras (PyTorch's default is 0.99).
    epsilon : float
    momentum : float, from 0 to below 1
    weight_decay, decay_vectors, clip_norm, clip_value
        See `nanocnn.optimizers`.

    References
    ----------
    T. Tieleman, G. Hinton, "Lecture 6.5: rmsprop", Coursera, 2012.
    """

    def __init__(
        self,
        learning_rate: float = 0.001,
        *,
        rho: float = 0.9,
        epsilon: float = 1e-8,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        decay_vectors: bool = False,
        clip_norm: float | None = None,
        clip_value: float | None = None,
    ) -> None:
        super().__init__(
            learning_rate,
            weight_decay=weight_decay,
            decay_vectors=decay_vectors,
            clip_norm=clip_norm,
            clip_value=clip_value,
        )
        self.rho = self._below_1("rho", rho)
        self.epsilon = self._at_least_0("epsilon", epsilon)
        self.momentum = self._below_1("momentum", momentum)

    def _update(self, name: str, p: Array, g: Array, weight_decay: float) -> None:
        v = self._slot(name, "v", p)
        b = self._slot(name, "velocity", p) if self.momentum else None
        rmsprop_update(
            p, g, v, b, self.learning_rate, self.rho, self.epsilon, self.momentum, weight_decay
        )

    def get_config(self) -> dict[str, Any]:
        own = {"rho": self.rho, "epsilon": self.epsilon, "momentum": self.momentum}
        return {**super().get_config(), **own}


class Adam(Optimizer):
    r"""Adam: momentum over a running root mean square, both corrected for starting at 0.

    .. math:: g &\leftarrow g + \lambda p \\
              m &\leftarrow \beta_1 m + (1-\beta_1)\,g, \qquad
              v \leftarrow \beta_2 v + (1-\beta_2)\,g^2 \\
              p &\leftarrow p - \eta\,\frac{m/(1-\beta_1^t)}
                                            {\sqrt{v/(1-\beta_2^t)} + \epsilon}  \tag{O3}

    `t` counts the updates of this parameter from 1.

    Parameters
    ----------
    learning_rate : float
    beta1, beta2 : float, from 0 to below 1
    epsilon : float
        1e-8 as in the paper and PyTorch. Keras adds its 1e-7 before the correction by
        :math:`\sqrt{1-\beta_2^t}`.
    weight_decay, decay_vectors, clip_norm, clip_value
        See `nanocnn.optimizers`.

    References
    ----------
    D. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR 2015, algorithm 1.
    """

    _decoupled = False

    def __init__(
        self,
        learning_rate: float = 0.001,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
        decay_vectors: bool = False,
        clip_norm: float | None = None,
        clip_value: float | None = None,
    ) -> None:
        super().__init__(
            learning_rate,
            weight_decay=weight_decay,
            decay_vectors=decay_vectors,
            clip_norm=clip_norm,
            clip_value=clip_value,
        )
        self.beta1 = self._below_1("beta1", beta1)
        self.beta2 = self._below_1("beta2", beta2)
        self.epsilon = self._at_least_0("epsilon", epsilon)

    def _update(self, name: str, p: Array, g: Array, weight_decay: float) -> None:
        m, v = self._slot(name, "m", p), self._slot(name, "v", p)
        t = self._count(name)
        rates = (self.learning_rate, self.beta1, self.beta2, self.epsilon)
        adam_update(p, g, m, v, t, *rates, weight_decay, self._decoupled)

    def get_config(self) -> dict[str, Any]:
        own = {"beta1": self.beta1, "beta2": self.beta2, "epsilon": self.epsilon}
        return {**super().get_config(), **own}


class AdamW(Adam):
    r"""Adam with weight decay of its own, which the running averages do not see.

    .. math:: p \leftarrow p - \eta \lambda p, \quad\text{then (O3) with } \lambda = 0  \tag{O4}

    In Adam, decay added to the gradient is divided by the root mean square, so weights with large
    gradients are hardly decayed; here all shrink at the same rate.

    Parameters
    ----------
    learning_rate, beta1, beta2, epsilon
        As in `Adam`.
    weight_decay : float
        Matrices and filters only, unless `decay_vectors=True` (PyTorch's way).
    decay_vectors, clip_norm, clip_value
        See `nanocnn.optimizers`.

    References
    ----------
    I. Loshchilov, F. Hutter, "Decoupled weight decay regularization", ICLR 2019.
    """

    _decoupled = True

    def __init__(
        self,
        learning_rate: float = 0.001,
        *,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.01,
        decay_vectors: bool = False,
        clip_norm: float | None = None,
        clip_value: float | None = None,
    ) -> None:
        super().__init__(
            learning_rate,
            beta1=beta1,
            beta2=beta2,
            epsilon=epsilon,
            weight_decay=weight_decay,
            decay_vectors=decay_vectors,
            clip_norm=clip_norm,
            clip_value=clip_value,
        )
