"""Every kernel with the types that it is called with: one call of each public operation.

`threads.run`, through which all kernels are called, is replaced by a function that takes down the
kernel and its arguments' types and computes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

import numba
import numpy as np

from nanocnn import config, kernels
from nanocnn.kernels import threads, winners, winograd

Signature = tuple[Any, ...]
PADDING = ((1, 1), (1, 1))
APART, OVERLAPPING = ((2, 2), (2, 2), ((0, 0), (0, 0))), ((3, 3), (2, 2), PADDING)
GEOMETRY = ((1, 1), PADDING, (1, 1), 1)


@contextmanager
def taken_down(found: list[tuple[Any, Signature]]) -> Iterator[None]:
    """Append every kernel that would be run, with its arguments' types."""
    run = threads.run

    def take_down(kernel: Any, n_items: int, args: tuple[Any, ...], seconds: float) -> None:
        found.append((kernel, tuple(map(numba.typeof, (0, n_items, *args)))))

    threads.run = take_down
    try:
        with np.errstate(all="ignore"):  # nothing is computed: arrays hold anything
            yield
    finally:
        threads.run = run


def used(dtype: str, operations: Collection[str] = ()) -> list[tuple[Any, Signature]]:
    """Return kernels and their arguments' types, each once: of some operations, or of all."""
    found: list[tuple[Any, Signature]] = []
    with taken_down(found):
        for operation, args in calls(np.dtype(dtype)):
            if not operations or operation.__name__ in operations:
                operation(*args)
    return list(dict.fromkeys(found))


def calls(dtype: np.dtype[Any]) -> Iterator[tuple[Callable[..., Any], tuple[Any, ...]]]:
    """Yield every operation with arguments for a call."""

    def array(*shape: int) -> np.ndarray:
        return np.zeros(shape, dtype)

    x, w, b, y = array(1, 128, 128, 8), array(3, 3, 8, 16), array(16), array(1, 128, 128, 16)
    with config.winograd(False):
        yield kernels.conv2d_forward, (x, w, b, *GEOMETRY, "relu")
        yield kernels.conv2d_backward_input, (y, w, x.shape, *GEOMETRY)
        yield kernels.conv2d_backward_weight, (y, x, w.shape, *GEOMETRY)
        yield kernels.conv2d_max_pool2d_forward, (x, w, b, *GEOMETRY, "relu", *APART)
        thin = array(1, 128, 128, 3)  # few channels: a kernel of its own
        yield kernels.conv2d_backward_input, (y, array(3, 3, 3, 16), thin.shape, *GEOMETRY)
    deep, each = array(3, 3, 1, 8), (*GEOMETRY[:3], 8)
    yield kernels.conv2d_forward, (x, deep, b[:8], *each, "relu")
    yield kernels.conv2d_backward_input, (x, deep, x.shape, *each)
    yield kernels.conv2d_backward_weight, (x, x, deep.shape, *each)
    rows = array(4, 6)
    yield kernels.dense_forward, (rows, array(6, 3), array(3))
    yield kernels.dense_forward, (array(4, 4096), array(4096, 8), array(8))  # in parts
    yield kernels.dense_backward_input, (array(4, 3), array(6, 3))
    if dtype == np.float32:
        yield winograd.winograd_forward, (x, w, b, PADDING)
        yield winograd.winograd_forward, (array(1, 4, 4, 256), array(3, 3, 256, 256), None, PADDING)
        yield winograd.winograd_max_pool2d_forward, (x, w, b, PADDING)
        yield winograd.winograd_backward_input, (y, w, x.shape, PADDING)
        yield winograd.winograd_backward_weight, (y, x, PADDING)  # many tiles: in parts
        yield winograd.winograd_backward_weight, (y[:, :8, :8], x[:, :8, :8], PADDING)
        pooled = array(1, 64, 64, 16)
        args = (pooled, pooled, pooled.astype(np.uint8), thin, array(3, 3, 3, 16), y.shape)
        yield winners.conv2d_max_pool2d_backward, (*args, GEOMETRY, APART, False, True)
    half = array(1, 64, 64, 8)
    for window in (APART, OVERLAPPING):
        yield kernels.max_pool2d_forward, (x, *window)
        yield kernels.max_pool2d_backward, (half, half.astype(np.uint8), x.shape, *window)
        yield kernels.average_pool2d_forward, (x, *window)
        yield kernels.average_pool2d_backward, (half, x.shape, *window)
    yield kernels.upsample2d_forward, (half, (2, 2), "bilinear")
    yield kernels.upsample2d_backward, (x, (2, 2), "bilinear")
    for name in ("relu", "sigmoid", "tanh", "gelu"):
        yield getattr(kernels, f"{name}_forward"), (x,)
        yield getattr(kernels, f"{name}_backward"), (x, x)
    yield kernels.leaky_relu_forward, (x, 0.1)
    yield kernels.leaky_relu_backward, (x, x, 0.1)
    yield kernels.fused_backward, (y, y, "relu")
    yield kernels.conv2d_backward_bias, (y,)
    places, two, stats = x.reshape(-1, 8), (array(8), array(8)), (np.zeros(8), np.ones(8), 1e-5)
    yield kernels.batch_norm_statistics, (places,)
    yield kernels.batch_norm_forward, (places, *two, *stats)
    yield kernels.batch_norm_backward, (places, places, two[0], *stats, two[1], "relu")
    cubes, by_image = x.reshape(1, -1, 8), (np.zeros((1, 2)), np.ones((1, 2)), 1e-5)
    yield kernels.group_norm_forward, (cubes, *two, 2, 1e-5)
    yield kernels.group_norm_backward, (cubes, cubes, two[0], *by_image)
    single, by_pixel = places[:, None], np.ones((2, len(places), 1))
    yield kernels.group_norm_forward, (single, *two, 1, 1e-5)
    yield kernels.group_norm_backward, (single, single, two[0], *by_pixel, 1e-5)
    yield kernels.add_forward, (x, x, "relu")
    yield kernels.concatenate_forward, (x, y)
    yield kernels.concatenate_backward, (y, 8, 16)
    yield kernels.softmax_forward, (rows,)
    yield kernels.softmax_backward, (rows, rows)
    labels, shares = np.zeros((1, 400), np.int32), np.full(4, 0.5)
    yield (
        kernels.tversky_cross_entropy,
        (array(1, 400, 4), labels, None, shares, shares, 0.5, 0.5, 1.0),
    )
    yield kernels.dropout_forward, (rows, 0.5, 1)
    images, n, counts = array(1, 16, 16, 3), np.zeros(1), np.zeros((1, 4), np.int64)
    masks, grids = np.zeros((1, 16, 16), np.uint8), np.zeros((1, 7, 7, 2))
    yield kernels.warp_images, (images, masks, np.zeros((1, 2, 3)), grids)
    yield kernels.blur_images, (images, n)
    yield kernels.adjust_images, (images, n, n, n, n, n.astype(np.uint64), counts)
    yield kernels.normal_numbers, (1, 9)
    p, state = array(9), (array(9), array(9), array(9))
    yield kernels.sgd_update, (p, *state[:2], 0.1, 0.9, True, 0.0)
    yield kernels.rmsprop_update, (p, *state, 0.1, 0.9, 1e-8, 0.9, 0.0)
    yield kernels.adam_update, (p, *state, 1, 0.1, 0.9, 0.999, 1e-8, 0.0, False)
