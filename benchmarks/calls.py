"""The calls that can be timed, by name and sizes, with what they cost counted by hand.

What is counted, per call:

- operations: additions, multiplications, divisions and comparisons of floating-point numbers, one
  each, so a multiply-add is two; an exponential, a logarithm, a root and a hyperbolic tangent are
  one as well. Of convolutions and dense layers only the multiply-adds of the direct form count,
  taps that fall into the padding included.
- bytes: every array once for being read and once for being written, in the width it has. A
  parameter that is updated in place is read and written. What a rung stores and reads in between
  (im2col's matrix, say) is its own affair and does not count.
"""

from __future__ import annotations

import math
from functools import lru_cache, partial
from typing import Any

import numpy as np

from benchmarks.cases import Case
from nanocnn import vectorized

KEY, RATE = 11, 0.3
UPDATES = {  # what follows the arrays: rates, decays and so on
    "sgd_update": (1e-3, 0.9, False, 1e-4),
    "rmsprop_update": (None, 1e-3, 0.9, 1e-7, 0.0, 1e-4),
    "adam_update": (10, 1e-3, 0.9, 0.999, 1e-7, 1e-4, False),
}
PER_ELEMENT = {  # operations, arrays read or written
    "relu_forward": (1, 2),
    "relu_backward": (1, 3),
    "leaky_relu_forward": (2, 2),
    "leaky_relu_backward": (2, 3),
    "sigmoid_forward": (4, 2),
    "sigmoid_backward": (3, 3),
    "tanh_forward": (1, 2),
    "tanh_backward": (3, 3),
    "gelu_forward": (9, 2),
    "gelu_backward": (18, 3),
    "softmax_forward": (5, 2),  # maximum, shift, exponential, sum, division
    "softmax_backward": (4, 3),
    "dropout_forward": (2, 2),  # compare, scale; the hash is in whole numbers
    "dropout_backward": (2, 2),
    "fused_backward": (2, 3),  # relu's slope, and the sum for the bias
    "sgd_update": (6, 5),  # p, g, velocity; p, velocity
    "rmsprop_update": (11, 5),  # p, g, v; p, v
    "adam_update": (16, 7),  # p, g, m, v; p, m, v
}


@lru_cache(maxsize=12)
def _flat(size: int, salt: int) -> np.ndarray:
    return np.random.default_rng(salt).standard_normal(size, np.float32)


def normal(*shape: int, salt: int = 0) -> np.ndarray:
    """Return normal numbers; calls of one size and salt share them."""
    return _flat(math.prod(shape), salt).reshape(shape)


def times(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def conv(
    function: str,
    n: int,
    size: int,
    c: int,
    f: int,
    *,
    kernel: int = 3,
    stride: int = 1,
    groups: int = 1,
    direct: bool = False,
) -> Case:
    """A convolution or one of its gradients; padding is half the kernel."""
    pad = kernel // 2
    out = (size + 2 * pad - kernel) // stride + 1
    x_shape, y_shape = (n, size, size, c), (n, out, out, f)
    w_shape = (kernel, kernel, c // groups, f)
    geometry = ((stride, stride), ((pad, pad), (pad, pad)), (1, 1), groups)

    def make() -> tuple[Any, ...]:
        x, dy = normal(*x_shape), normal(*y_shape, salt=1)
        w = normal(*w_shape, salt=2) / np.float32(math.sqrt(kernel**2 * c // groups))
        return {
            "conv2d_forward": (x, w, normal(f, salt=3), *geometry),
            "conv2d_backward_input": (dy, w, x_shape, *geometry),
            "conv2d_backward_weight": (dy, x, w_shape, *geometry),
            "conv2d_backward_weight_and_bias": (dy, x, w_shape, *geometry),
        }[function]

    flops = 2.0 * math.prod(y_shape) * math.prod(w_shape[:3])
    moved = 4.0 * sum(map(math.prod, (x_shape, y_shape, w_shape)))
    told = f"{kernel}x{kernel}/{stride} {c}->{f} {size}x{size} N={n}"
    told += f" groups={groups}" if groups > 1 else ""
    return Case(function, told, make, flops, moved, direct)


def dense(function: str, n: int, d: int, f: int) -> Case:
    """A dense layer or one of its gradients."""

    def make() -> tuple[Any, ...]:
        x, dy = normal(n, d), normal(n, f, salt=1)
        w = normal(d, f, salt=2) / np.float32(math.sqrt(d))
        return {
            "dense_forward": (x, w, normal(f, salt=3)),
            "dense_backward_input": (dy, w),
            "dense_backward_weight": (dy, x),
        }[function]

    return Case(function, f"{d}->{f} N={n}", make, 2.0 * n * d * f, 4.0 * (n * d + n * f + d * f))


def bias_sums(function: str, shape: tuple[int, ...]) -> Case:
    """The gradient for a bias: the sum over all axes but the last one."""
    size = math.prod(shape)
    make = partial(_bias_arguments, shape)
    return Case(function, times(shape), make, size, 4.0 * (size + shape[-1]))


def _bias_arguments(shape: tuple[int, ...]) -> tuple[Any, ...]:
    return (normal(*shape, salt=1),)


def pool(function: str, shape: tuple[int, ...], window: int = 2, stride: int = 2) -> Case:
    """Max, average or global average pooling without padding."""
    n, h, w, c = shape
    whole = function.startswith("global")
    out = (1, 1) if whole else ((h - window) // stride + 1, (w - window) // stride + 1)
    y_shape = (n, c) if whole else (n, *out, c)
    geometry = ((window, window), (stride, stride), ((0, 0), (0, 0)))

    def make() -> tuple[Any, ...]:
        x, dy = normal(*shape), normal(*y_shape, salt=1)
        if function == "max_pool2d_backward":
            return dy, vectorized.max_pool2d_forward(x, *geometry)[1], shape, *geometry
        arrays = (x,) if function.endswith("forward") else (dy, shape)
        return arrays if whole else (*arrays, *geometry)

    x_size, y_size, cells = math.prod(shape), math.prod(y_shape), window**2
    flops = {
        "max_pool2d_forward": y_size * (cells - 1),
        "max_pool2d_backward": y_size,
        "average_pool2d_forward": y_size * cells,  # sums, and one division
        "average_pool2d_backward": y_size * (1 + cells),
        "global_average_pool2d_forward": x_size,
        "global_average_pool2d_backward": x_size,
    }[function]
    winner = y_size if function.startswith("max") else 0  # a byte each
    told = times(shape) if whole else f"{times(shape)} {window}x{window}/{stride}"
    return Case(function, told, make, flops, 4.0 * (x_size + y_size) + winner)


def conv_transpose(function: str, n: int, size: int, c: int, f: int) -> Case:
    """A transposed convolution of 2x2 taps with stride 2, or one of its gradients."""
    x_shape, y_shape, w_shape = (n, size, size, c), (n, 2 * size, 2 * size, f), (2, 2, f, c)
    geometry = ((2, 2), ((0, 0), (0, 0)))

    def make() -> tuple[Any, ...]:
        x, dy = normal(*x_shape), normal(*y_shape, salt=1)
        w = normal(*w_shape, salt=2) / np.float32(math.sqrt(c))
        return {
            "conv_transpose2d_forward": (x, w, normal(f, salt=3), y_shape[1:3], *geometry),
            "conv_transpose2d_backward_input": (dy, w, x_shape, *geometry),
            "conv_transpose2d_backward_weight": (dy, x, w_shape, *geometry),
        }[function]

    flops = 2.0 * math.prod(x_shape) * 4 * f
    moved = 4.0 * sum(map(math.prod, (x_shape, y_shape, w_shape)))
    return Case(function, f"2x2/2 {c}->{f} {size}x{size} N={n}", make, flops, moved)


def upsample(function: str, shape: tuple[int, ...], interpolation: str = "bilinear") -> Case:
    """Upsampling by 2, or its gradient: rows first, then columns, two terms for each number."""
    n, h, w, c = shape
    large = (n, 2 * h, 2 * w, c)

    def make() -> tuple[Any, ...]:
        x = normal(*(shape if function.endswith("forward") else large))
        return x, (2, 2), interpolation

    size = math.prod(shape)
    flops = 18.0 * size if interpolation == "bilinear" else 4.0 * size
    told = f"{times(shape)} {interpolation}"
    return Case(function, told, make, flops, 4.0 * 5 * size)


def zero_pad(function: str, shape: tuple[int, ...]) -> Case:
    """A border of one pixel, added or cut off: copies."""
    n, h, w, c = shape
    large = (n, h + 2, w + 2, c)

    def make() -> tuple[Any, ...]:
        return normal(*(shape if function.endswith("forward") else large)), ((1, 1), (1, 1))

    return Case(function, times(shape), make, 0, 4.0 * (math.prod(shape) + math.prod(large)))


def conv_pool(n: int, size: int, c: int, f: int, *, direct: bool = False) -> Case:
    """3x3 convolution, relu and max pooling of 2x2 pixels in one go; padding is 1.

    Operations are those of convolution and pooling; what is between them is never an array.
    """
    first = conv("conv2d_forward", n, size, c, f, direct=direct)
    then = pool("max_pool2d_forward", (n, size, size, f))
    between = 4.0 * n * size * size * f

    def make() -> tuple[Any, ...]:
        return *first.make(), "relu", (2, 2), (2, 2), ((0, 0), (0, 0))

    moved = first.bytes + then.bytes - 2 * between
    function = "conv2d_max_pool2d_forward"
    return Case(function, first.shape, make, first.flops + then.flops, moved, direct)


def elementwise(function: str, shape: tuple[int, ...]) -> Case:
    """Activations, softmax, dropout and the fused gradient of activation and bias."""
    name, _, direction = function.rpartition("_")

    def make() -> tuple[Any, ...]:
        x, dy = normal(*shape), normal(*shape, salt=1)
        if name == "dropout":
            return (x if direction == "forward" else dy), RATE, KEY
        if name == "fused":
            return dy, vectorized.relu_forward(x), "relu"
        rest = (0.1,) if name == "leaky_relu" else ()
        if direction == "forward":
            return x, *rest
        by_output = name in ("relu", "sigmoid", "tanh", "softmax")
        kept = getattr(vectorized, f"{name}_forward")(x) if by_output else x
        return dy, kept, *rest

    operations, arrays = PER_ELEMENT[function]
    size = math.prod(shape)
    return Case(function, times(shape), make, size * operations, 4.0 * size * arrays)


NORMS = {  # operations a number; arrays read or written
    "batch_norm_statistics": (4, 1),
    "batch_norm_forward": (3, 2),
    "batch_norm_backward": (9, 3),
    "batch_norm_backward_constant": (9, 3),
    "group_norm_forward": (7, 2),
    "group_norm_backward": (9, 3),
}


def norm(function: str, shape: tuple[int, ...], groups: int = 1) -> Case:
    """A part of batch normalization of (M, C), or group normalization of (N, P, C)."""
    operations, arrays = NORMS[function]
    c, size = shape[-1], math.prod(shape)

    def make() -> tuple[Any, ...]:
        x, dy, gamma, beta = normal(*shape), normal(*shape, salt=1), np.ones(c), np.zeros(c)
        gamma, beta = gamma.astype(x.dtype), beta.astype(x.dtype)
        if function == "batch_norm_statistics":
            return (x,)
        if function == "group_norm_forward":
            return x, gamma, beta, groups, 1e-5
        if function == "group_norm_backward":
            found = vectorized.group_norm_forward(x, gamma, beta, groups, 1e-5)[1:]
            return dy, x, gamma, *found, 1e-5
        rest = (*vectorized.batch_norm_statistics(x), 1e-5)
        return (x, gamma, beta, *rest) if function.endswith("forward") else (dy, x, gamma, *rest)

    return Case(function, times(shape), make, size * operations, 4.0 * size * arrays)


def update(function: str, size: int) -> Case:
    """An optimizer's step for one parameter, in place."""

    def make() -> tuple[Any, ...]:
        p, g, m = (_flat(size, salt).copy() for salt in range(3))
        state = {"sgd_update": (m,), "rmsprop_update": (m * m,), "adam_update": (m, m * m)}
        return p, g, *state[function], *UPDATES[function]

    operations, arrays = PER_ELEMENT[function]
    moved = 4.0 * size * arrays
    return Case(function, str(size), make, size * operations, moved, in_place=True)


def flatten(function: str, shape: tuple[int, ...]) -> Case:
    """Flattening, which nothing has to be computed or moved for."""
    n, *rest = shape
    args = (normal(*shape),)
    if function == "flatten_backward":
        return Case(function, times(shape), lambda: (normal(n, math.prod(rest)), shape), 0, 0)
    return Case(function, times(shape), lambda: args, 0, 0)


def mask(size: int) -> Case:
    """Dropout's mask alone, one byte each; the compiled rung never stores it."""
    return Case("dropout_mask", str(size), lambda: (KEY, size, RATE), size, size)
