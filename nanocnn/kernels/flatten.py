"""Flattening moves nothing: rows of an image batch are contiguous already."""

from __future__ import annotations

import math


def flatten_forward(x):
    """(F1)."""
    return x.reshape(x.shape[0], math.prod(x.shape[1:]))


def flatten_backward(dy, x_shape):
    """(F2)."""
    return dy.reshape(x_shape)
