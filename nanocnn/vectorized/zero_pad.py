"""Zero padding and cropping. The equations stand in `nanocnn/reference/zero_pad.py`."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from .conv import crop, pad

Array = NDArray[Any]
Padding = tuple[tuple[int, int], tuple[int, int]]


def zero_pad2d_forward(x: Array, padding: Padding) -> Array:
    """Surround every image with zeros (Z1).

    Parameters
    ----------
    x : (N, H, W, C) float or complex array
    padding : ((top, bottom), (left, right)) of int

    Returns
    -------
    (N, H + top + bottom, W + left + right, C) array, same dtype as `x`
    """
    return pad(x, padding)


def zero_pad2d_backward(dy: Array, padding: Padding) -> Array:
    """Cut the border off (Z2).

    Parameters
    ----------
    dy : (N, H + top + bottom, W + left + right, C) array
    padding : ((top, bottom), (left, right)) of int

    Returns
    -------
    (N, H, W, C) array, same dtype as `dy`
    """
    return crop(dy, padding)
