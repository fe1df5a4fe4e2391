"""Max, average and global average pooling: the public pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from .._backend import current_backend, rung
from ._checks import (
    Array,
    Padding,
    Pair,
    check_axes,
    check_floats,
    check_shape,
    output_size,
    pair,
    remembered,
    resolve_padding,
)
from .join import add_forward


class MaxPool2DCache(NamedTuple):
    """What (P2) needs: each window's winner (one byte for up to 256 cells), and the geometry."""

    winner: Array
    x_shape: tuple[int, ...]
    window: Pair
    stride: Pair
    padding: Padding


class AveragePool2DCache(NamedTuple):
    """What (P4) needs: the geometry, nothing else."""

    x_shape: tuple[int, ...]
    y_shape: tuple[int, ...]
    window: Pair
    stride: Pair
    padding: Padding


class GlobalAveragePool2DCache(NamedTuple):
    """What (P6) needs: the shape of x."""

    x_shape: tuple[int, ...]


@remembered
def check_window(
    where: str,
    size: Pair,
    window: int | Sequence[int],
    stride: int | Sequence[int] | None,
    padding: str | int | Sequence[Any],
) -> tuple[Pair, Pair, Padding]:
    """Return window, stride and padding as numbers; raise where they do not fit the image."""
    cells = pair("window", window)
    steps = cells if stride is None else pair("stride", stride)
    around = resolve_padding(padding, size, cells, steps)
    if any(max(p) >= k for p, k in zip(around, cells, strict=True)):
        raise ValueError(
            f"{where}: padding {around} must be smaller than the window {cells}, or a window would "
            "hold no pixel at all"
        )
    output_size(where, size, cells, steps, around)
    return cells, steps, around


def _geometry(where: str, x: Array, *window: Any) -> tuple[Pair, Pair, Padding]:
    check_floats(where, x=x)
    check_axes(where, "x", x, "N H W C")
    return check_window(where, (x.shape[1], x.shape[2]), *window)


def max_pool2d_forward(
    x: Array,
    window: int | Sequence[int] = 2,
    *,
    stride: int | Sequence[int] | None = None,
    padding: str | int | Sequence[Any] = "valid",
) -> tuple[Array, MaxPool2DCache]:
    r"""Keep the largest value of each window.

    .. math:: y_{nijc} = \max_{u,v}\, x_{n,\,i s_h + u - p_t,\,j s_w + v - p_l,\,c}   \tag{P1}

    Padding counts as minus infinity. Of equal values the first in row order wins. A NaN wins.

    Parameters
    ----------
    x : (N, H, W, C) float array
    window : int or (int, int)
    stride : int or (int, int), default the window
    padding : as for `conv2d_forward`, smaller than the window

    Returns
    -------
    y : (N, OH, OW, C) array, dtype of `x`
    cache : MaxPool2DCache

    Raises
    ------
    TypeError, ValueError
        As `conv2d_forward`.
    """
    cells, steps, around = _geometry("max_pool2d", x, window, stride, padding)
    y, winner = rung().max_pool2d_forward(x, cells, steps, around)
    return y, MaxPool2DCache(winner, x.shape, cells, steps, around)


def max_pool2d_backward(dy: Array, cache: MaxPool2DCache) -> Array:
    r"""Give each window's gradient to its winner; where windows overlap, gradients add.

    .. math:: dx_{nhwc} = \sum_{i,j\,:\,(h,w)\ \text{won window}\ (n,i,j,c)} dy_{nijc}   \tag{P2}

    Parameters
    ----------
    dy : (N, OH, OW, C) float array
    cache : MaxPool2DCache

    Returns
    -------
    dx : (N, H, W, C) array, dtype of `dy`
    """
    check_floats("max_pool2d backward", dy=dy)
    check_shape("max_pool2d backward", "dy", dy, cache.winner.shape)
    dx: Array = rung().max_pool2d_backward(dy, *cache)
    return dx


def max_pool2d_backward_onto(dx: Array, dy: Array, cache: MaxPool2DCache) -> Array:
    """Return dx + `max_pool2d_backward`: what an image gets that pooling was not the only one to
    read. Compiled, dx is changed in place; it must be nobody else's."""
    if current_backend() != "numba":
        return add_forward(dx, max_pool2d_backward(dy, cache))[0]
    check_floats("max_pool2d backward", dx=dx, dy=dy)
    check_shape("max_pool2d backward", "dx", dx, cache.x_shape)
    check_shape("max_pool2d backward", "dy", dy, cache.winner.shape)
    total: Array = rung().max_pool2d_backward(dy, *cache, onto=dx)
    return total


def average_pool2d_forward(
    x: Array,
    window: int | Sequence[int] = 2,
    *,
    stride: int | Sequence[int] | None = None,
    padding: str | int | Sequence[Any] = "valid",
) -> tuple[Array, AveragePool2DCache]:
    r"""Take the mean of each window's real pixels; padding is not counted, as in Keras.

    .. math:: y_{nijc} = \frac{1}{|W_{ij}|} \sum_{(h,w) \in W_{ij}} x_{nhwc}   \tag{P3}

    with :math:`W_{ij}` the pixels of the image that lie in window (i, j).

    Parameters
    ----------
    x : (N, H, W, C) float array
    window : int or (int, int)
    stride : int or (int, int), default the window
    padding : as for `conv2d_forward`, smaller than the window

    Returns
    -------
    y : (N, OH, OW, C) array, dtype of `x`
    cache : AveragePool2DCache

    Raises
    ------
    TypeError, ValueError
        As `conv2d_forward`.
    """
    cells, steps, around = _geometry("average_pool2d", x, window, stride, padding)
    y: Array = rung().average_pool2d_forward(x, cells, steps, around)
    return y, AveragePool2DCache(x.shape, y.shape, cells, steps, around)


def average_pool2d_backward(dy: Array, cache: AveragePool2DCache) -> Array:
    r"""Spread each window's gradient evenly over its real pixels.

    .. math:: dx_{nhwc} = \sum_{i,j\,:\,(h,w) \in W_{ij}} \frac{dy_{nijc}}{|W_{ij}|}   \tag{P4}

    Parameters
    ----------
    dy : (N, OH, OW, C) float array
    cache : AveragePool2DCache

    Returns
    -------
    dx : (N, H, W, C) array, dtype of `dy`
    """
    check_floats("average_pool2d backward", dy=dy)
    check_shape("average_pool2d backward", "dy", dy, cache.y_shape)
    geometry = (cache.x_shape, cache.window, cache.stride, cache.padding)
    dx: Array = rung().average_pool2d_backward(dy, *geometry)
    return dx


def global_average_pool2d_forward(x: Array) -> tuple[Array, GlobalAveragePool2DCache]:
    r"""Take the mean of each channel over the whole image.

    .. math:: y_{nc} = \frac{1}{HW} \sum_{h,w} x_{nhwc}   \tag{P5}

    Parameters
    ----------
    x : (N, H, W, C) float array

    Returns
    -------
    y : (N, C) array, dtype of `x`
    cache : GlobalAveragePool2DCache

    Raises
    ------
    TypeError, ValueError
        If x is no batch of floating-point images with at least one pixel.
    """
    check_floats("global_average_pool2d", x=x)
    check_axes("global_average_pool2d", "x", x, "N H W C")
    if x.shape[1] * x.shape[2] == 0:
        raise ValueError(
            f"global_average_pool2d: an image without pixels has no mean, got {x.shape}"
        )
    y: Array = rung().global_average_pool2d_forward(x)
    return y, GlobalAveragePool2DCache(x.shape)


def global_average_pool2d_backward(dy: Array, cache: GlobalAveragePool2DCache) -> Array:
    r"""Spread each channel's gradient evenly over the image.

    .. math:: dx_{nhwc} = \frac{dy_{nc}}{HW}   \tag{P6}

    Parameters
    ----------
    dy : (N, C) float array
    cache : GlobalAveragePool2DCache

    Returns
    -------
    dx : (N, H, W, C) array, dtype of `dy`
    """
    check_floats("global_average_pool2d backward", dy=dy)
    shape = (cache.x_shape[0], cache.x_shape[3])
    check_shape("global_average_pool2d backward", "dy", dy, shape)
    dx: Array = rung().global_average_pool2d_backward(dy, cache.x_shape)
    return dx
