"""Two branches that meet, summed or side by side: the public pairs."""

from __future__ import annotations

from typing import NamedTuple

from .._backend import rung
from ._checks import Array, check_floats, check_shape
from ._fused import check_fused, forward_with_activation


class AddCache(NamedTuple):
    """The shape; with an activation the output y, too, from which its slope follows."""

    shape: tuple[int, ...]
    activation: str | None
    y: Array | None


class ConcatenateCache(NamedTuple):
    """What (J4) needs: the shape of y, and the channels of the first array."""

    y_shape: tuple[int, ...]
    channels: int


def add_forward(a: Array, b: Array, *, activation: str | None = None) -> tuple[Array, AddCache]:
    r"""Add two arrays of one shape.

    .. math:: y_{nijc} = a_{nijc} + b_{nijc}   \tag{J1}

    Parameters
    ----------
    a, b : float arrays of one shape and dtype
    activation : {None, "relu", "sigmoid", "tanh"}
        Applied to the sum; relu, compiled, in the same pass.

    Returns
    -------
    y : array of that shape
    cache : AddCache

    Raises
    ------
    TypeError
        If the dtypes differ or are not float32 or float64.
    ValueError
        If the shapes differ, or the activation is none of these.
    """
    check_floats("add", a=a, b=b)
    check_shape("add", "b", b, a.shape)
    check_fused("add", activation)
    y = forward_with_activation(rung(), "add_forward", (a, b), activation)
    return y, AddCache(a.shape, activation, y if activation else None)


def add_backward(dy: Array, cache: AddCache) -> tuple[Array, Array]:
    r"""Hand the gradient to both, the same array.

    .. math:: da_{nijc} = db_{nijc} = dy_{nijc}   \tag{J2}

    Parameters
    ----------
    dy : array of y's shape
    cache : AddCache

    Returns
    -------
    da, db : arrays of that shape
    """
    check_floats("add backward", y=cache.y, dy=dy)
    check_shape("add backward", "dy", dy, cache.shape)
    if cache.activation is not None:
        dy = getattr(rung(), f"{cache.activation}_backward")(dy, cache.y)
    return dy, dy


def concatenate_forward(a: Array, b: Array) -> tuple[Array, ConcatenateCache]:
    r"""Put the channels of b behind those of a.

    .. math:: y_{nijc} = a_{nijc} \text{ for } c < C_a, \quad b_{nij,\,c - C_a} \text{ from there}
              \tag{J3}

    Parameters
    ----------
    a, b : (N, ..., C) float arrays of one dtype
        Of the same shape but for the channels.

    Returns
    -------
    y : (N, ..., C_a + C_b) array
    cache : ConcatenateCache

    Raises
    ------
    TypeError
        If the dtypes differ or are not float32 or float64.
    ValueError
        If the shapes differ in more than the channels.
    """
    check_floats("concatenate", a=a, b=b)
    if a.ndim < 2 or a.shape[:-1] != b.shape[:-1]:
        raise ValueError(
            f"concatenate: a and b must have the same shape but for the last axis, got {a.shape} "
            f"and {b.shape}"
        )
    y: Array = rung().concatenate_forward(a, b)
    return y, ConcatenateCache(y.shape, a.shape[-1])


def concatenate_backward(dy: Array, cache: ConcatenateCache) -> tuple[Array, Array]:
    r"""Cut the gradient in two where the channels met.

    .. math:: dx_{nijc} = dy_{nij,\,s + c}, \quad s = 0 \text{ for a}, C_a \text{ for b}   \tag{J4}

    Parameters
    ----------
    dy : (N, ..., C_a + C_b) array
    cache : ConcatenateCache

    Returns
    -------
    da : (N, ..., C_a) array
    db : (N, ..., C_b) array
    """
    check_floats("concatenate backward", dy=dy)
    check_shape("concatenate backward", "dy", dy, cache.y_shape)
    cut, last = rung().concatenate_backward, cache.y_shape[-1]
    return cut(dy, 0, cache.channels), cut(dy, cache.channels, last)
