"""Activations, (A1) to (A10), each a single pass over memory."""

from __future__ import annotations

from .elementwise import GELU, LEAKY_RELU, RELU, SIGMOID, TANH, backward, forward


def relu_forward(x):
    """(A1)."""
    return forward(x, RELU)


def relu_backward(dy, y):
    """(A2)."""
    return backward(dy, y, RELU)


def leaky_relu_forward(x, slope):
    """(A3)."""
    return forward(x, LEAKY_RELU, slope)


def leaky_relu_backward(dy, x, slope):
    """(A4)."""
    return backward(dy, x, LEAKY_RELU, slope)


def sigmoid_forward(x):
    """(A5)."""
    return forward(x, SIGMOID)


def sigmoid_backward(dy, y):
    """(A6)."""
    return backward(dy, y, SIGMOID)


def tanh_forward(x):
    """(A7)."""
    return forward(x, TANH)


def tanh_backward(dy, y):
    """(A8)."""
    return backward(dy, y, TANH)


def gelu_forward(x):
    """(A9)."""
    return forward(x, GELU)


def gelu_backward(dy, x):
    """(A10)."""
    return backward(dy, x, GELU)
