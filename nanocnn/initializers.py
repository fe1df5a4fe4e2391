r"""Initializers: the first values of a layer's parameters, as functions `(shape, rng, dtype)`.

With weights of variance :math:`\sigma^2`, a sum over `fan_in` inputs has `fan_in` times
:math:`\sigma^2` times the input's variance; on the way back, gradients grow by `fan_out` times
:math:`\sigma^2`. An initializer picks :math:`\sigma^2` so that signals neither die nor blow up:

.. math:: \text{Glorot:}\quad \sigma^2 = \frac{2}{\text{fan\_in} + \text{fan\_out}}
.. math:: \text{He:}\quad \sigma^2 = \frac{2}{\text{fan\_in}}

Glorot's is the compromise between the two directions for units that are linear near 0; He's makes
up for relu, which sets half of its inputs to 0. Uniform draws come from :math:`[-a, a]`, whose
variance is :math:`a^2/3`, so :math:`a = \sqrt3\,\sigma`.

The fans follow from the shape alone, as in Keras:

====================  =======================  ======================
shape                 fan_in                   fan_out
====================  =======================  ======================
(D, F)                D                        F
(KH, KW, C/G, F)      KH KW C/G                KH KW F
(F,)                  F                        F
====================  =======================  ======================

(in a grouped convolution each input reaches only F/G filters, which the shape does not tell: its
fan_out is taken G times too large, by Keras and here).

Numbers are drawn in float64 and then rounded, so one seed gives the same weights in float32 and
float64. He's normal is not truncated (Keras's is), as in the paper.

References
----------
X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks",
AISTATS 2010. K. He, X. Zhang, S. Ren, J. Sun, "Delving deep into rectifiers: surpassing human-level
performance on ImageNet classification", ICCV 2015.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

Array = NDArray[Any]
Initializer = Callable[..., Array]
BLOCK = 1 << 16  # numbers drawn in float64 at a time

__all__ = ["fans", "get", "glorot_normal", "glorot_uniform", "he_normal", "he_uniform", "zeros"]


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return (fan_in, fan_out) of a parameter by the table above.

    Parameters
    ----------
    shape : tuple of int
        (F,), (D, F) or (KH, KW, ..., C/G, F).

    Raises
    ------
    ValueError
        If the shape is empty or holds a number below 1.
    """
    if not shape or min(shape) < 1:
        raise ValueError(f"shape {shape} has no fan; give at least one size, all of them 1 or more")
    if len(shape) == 1:
        return shape[0], shape[0]
    window = math.prod(shape[:-2])
    return window * shape[-2], window * shape[-1]


def glorot_uniform(
    shape: tuple[int, ...],
    rng: np.random.Generator | int,
    dtype: DTypeLike = np.float32,
) -> Array:
    r"""Draw uniformly from :math:`[-a, a]`, :math:`a = \sqrt{6/(fan\_in + fan\_out)}`.

    Parameters
    ----------
    shape : tuple of int
    rng : numpy.random.Generator or int
        An int is taken as a seed.
    dtype : float32 or float64

    Returns
    -------
    array of `shape` and `dtype`
    """
    fan_in, fan_out = fans(shape)
    return _uniform(shape, rng, dtype, 2 / (fan_in + fan_out))


def glorot_normal(
    shape: tuple[int, ...],
    rng: np.random.Generator | int,
    dtype: DTypeLike = np.float32,
) -> Array:
    r"""Draw normally with variance :math:`2/(fan\_in + fan\_out)`. See `glorot_uniform`."""
    fan_in, fan_out = fans(shape)
    return _normal(shape, rng, dtype, 2 / (fan_in + fan_out))


def he_normal(
    shape: tuple[int, ...],
    rng: np.random.Generator | int,
    dtype: DTypeLike = np.float32,
) -> Array:
    r"""Draw normally with variance :math:`2/fan\_in`. See `glorot_uniform`."""
    return _normal(shape, rng, dtype, 2 / fans(shape)[0])


def he_uniform(
    shape: tuple[int, ...],
    rng: np.random.Generator | int,
    dtype: DTypeLike = np.float32,
) -> Array:
    r"""Draw uniformly from :math:`[-a, a]`, :math:`a = \sqrt{6/fan\_in}`."""
    return _uniform(shape, rng, dtype, 2 / fans(shape)[0])


def zeros(
    shape: tuple[int, ...],
    rng: np.random.Generator | int | None = None,
    dtype: DTypeLike = np.float32,
) -> Array:
    """Return zeros: right for biases, wrong for weights, whose units would all stay equal."""
    return np.zeros(shape, dtype)


def _uniform(
    shape: tuple[int, ...], rng: np.random.Generator | int, dtype: DTypeLike, variance: float
) -> Array:
    a = math.sqrt(3 * variance)
    source = np.random.default_rng(rng)
    return _drawn(shape, dtype, lambda n: source.uniform(-a, a, n))


def _normal(
    shape: tuple[int, ...], rng: np.random.Generator | int, dtype: DTypeLike, variance: float
) -> Array:
    source = np.random.default_rng(rng)
    return _drawn(shape, dtype, lambda n: source.normal(0, math.sqrt(variance), n))


def _drawn(shape: tuple[int, ...], dtype: DTypeLike, draw: Callable[[int], Array]) -> Array:
    """Return numbers drawn a block at a time: all at once, float64 would take twice the memory."""
    values = np.empty(shape, dtype)
    flat = values.reshape(-1)
    for start in range(0, flat.size, BLOCK):
        part = flat[start : start + BLOCK]
        part[...] = draw(part.size)
    return values


_BY_NAME: dict[str, Initializer] = {
    f.__name__: f for f in (glorot_uniform, glorot_normal, he_normal, he_uniform, zeros)
}


def get(initializer: str | Initializer) -> Initializer:
    """Return the initializer of that name; a function `(shape, rng, dtype)` is returned as it is.

    Raises
    ------
    ValueError
        If the name is unknown; the message lists the known ones.
    TypeError
        If `initializer` is neither a name nor a function.
    """
    if callable(initializer):
        return initializer
    if not isinstance(initializer, str):
        raise TypeError(
            "initializer must be a name or a function (shape, rng, dtype), "
            f"got {type(initializer).__name__}"
        )
    if initializer not in _BY_NAME:
        raise ValueError(
            f"initializer {initializer!r} is unknown; use a function (shape, rng, dtype) "
            f"or one of {', '.join(_BY_NAME)}"
        )
    return _BY_NAME[initializer]
