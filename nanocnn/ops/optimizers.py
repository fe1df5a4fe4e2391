"""Parameter updates, in place, on the rung in force; `nanocnn.optimizers` keeps the state."""

from __future__ import annotations

from types import ModuleType

from .. import vectorized
from .._backend import rung
from ._checks import Array


def _level(*arrays: Array | None) -> ModuleType:
    """The kernels walk over memory in one go: an array with gaps is left to NumPy."""
    return rung() if all(a is None or a.flags.c_contiguous for a in arrays) else vectorized


def sgd_update(
    p: Array,
    g: Array,
    velocity: Array | None,
    learning_rate: float,
    momentum: float,
    nesterov: bool,
    weight_decay: float,
) -> None:
    """Change p, and velocity where there is one, by (O1) in `nanocnn.reference.optimizers`."""
    _level(p, velocity).sgd_update(p, g, velocity, learning_rate, momentum, nesterov, weight_decay)


def rmsprop_update(
    p: Array,
    g: Array,
    v: Array,
    buffer: Array | None,
    learning_rate: float,
    rho: float,
    epsilon: float,
    momentum: float,
    weight_decay: float,
) -> None:
    """Change p, v, and buffer where there is one, by (O2) in `nanocnn.reference.optimizers`."""
    level = _level(p, v, buffer)
    level.rmsprop_update(p, g, v, buffer, learning_rate, rho, epsilon, momentum, weight_decay)


def adam_update(
    p: Array,
    g: Array,
    m: Array,
    v: Array,
    t: int,
    learning_rate: float,
    beta1: float,
    beta2: float,
    epsilon: float,
    weight_decay: float,
    decoupled: bool,
) -> None:
    """Change p, m and v by (O3), or by (O4) where decoupled: `nanocnn.reference.optimizers`."""
    _level(p, m, v).adam_update(
        p, g, m, v, t, learning_rate, beta1, beta2, epsilon, weight_decay, decoupled
    )
