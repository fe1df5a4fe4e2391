"""A call of every kernel, large enough to be shared out among threads."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from nanocnn import kernels
from nanocnn.kernels import pair, winners, winograd
from nanocnn.kernels.jit import panel_width
from nanocnn.kernels.transform import LANES
from tests.sizes import sized

SAME = ((1, 1), ((1, 1), (1, 1)), (1, 1), 1)
POOL = ((3, 2), (2, 2), ((1, 1), (0, 1)))
HALVES = ((2, 2), (2, 2), ((0, 0), (0, 0)))
MANY = sized(200_003, 2003)


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def adam() -> list[np.ndarray]:
    p, m, v = normal(MANY), np.zeros(MANY, np.float32), np.zeros(MANY, np.float32)
    kernels.adam_update(p, normal(MANY, seed=1), m, v, 1, 0.1, 0.9, 0.99, 1e-8, 0.1, True)
    return [p, m, v]


def sgd() -> list[np.ndarray]:
    p, v = normal(MANY), np.zeros(MANY, np.float32)
    kernels.sgd_update(p, normal(MANY, seed=1), v, 0.1, 0.9, True, 0.1)
    return [p, v]


def rmsprop() -> list[np.ndarray]:
    p, v = normal(MANY), np.zeros(MANY, np.float32)
    kernels.rmsprop_update(p, normal(MANY, seed=1), v, None, 0.1, 0.9, 1e-8, 0.0, 0.1)
    return [p, v]


def deep() -> list[np.ndarray]:
    """Convolve panel by panel, as only layers with few tiles are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(winograd, "_is_deep", lambda *sizes: True)
        return [winograd.winograd_forward(WIDE_X, WIDE_W, None, SAME[1])]


PANEL = panel_width(4)
C, F, WIDE_C, WIDE_F, D = sized((19, 40, 96, 112, 3001), (3, 7, 17, 19, 301))
PIXELS = sized((4, 33, 31), (4, 13, 11))
X, W, B = normal(*PIXELS, C), normal(3, 3, C, F, seed=1), normal(F, seed=2)
WIDE_X, WIDE_W = normal(3, 9, 8, WIDE_C), normal(3, 3, WIDE_C, WIDE_F, seed=1)  # dw in one part
DY, WIDE_DY = normal(*PIXELS, F, seed=3), normal(3, 9, 8, WIDE_F, seed=3)
ROWS, WEIGHTS, ROWS_DY = normal(70, D), normal(D, 70, seed=1), normal(70, 70, seed=2)
AFFINE, CUBES = (normal(C, seed=5), normal(C, seed=6)), X.reshape(PIXELS[0], -1, C)
PLACES = X.reshape(-1, C)
IMAGES = np.abs(normal(*PIXELS, 3, seed=4)) % 1
MOVES, GRIDS = np.eye(2, 3) + normal(4, 2, 3) / 10.0, 0.5 * normal(4, 7, 7, 2).astype(np.float64)
MASKS, ONES = (9 * IMAGES[..., 0]).astype(np.uint8), np.ones(4)
BOXES = np.tile([1, 5, 2, 7], (4, 1))
NO_PADDING = ((0, 0), (0, 0))
STAMPS, TWICE = normal(2, 2, F, C, seed=5), (2 * PIXELS[1], 2 * PIXELS[2])
LABELS = (C * IMAGES[..., 0]).astype(np.int32).reshape(4, -1) - 1  # some are ignored
OVERLAP = (X.reshape(4, -1, C), LABELS, 1.0 + IMAGES[..., 1].reshape(4, -1), np.ones(C))
TWO_CLASSES = (OVERLAP[0][..., :2].copy(), LABELS % 3 - 1, None, np.ones(2))
HALF, PAIR_W = normal(*PIXELS, LANES), normal(3, 3, 2 * LANES, F, seed=1)
POOLED_DY = normal(PIXELS[0], PIXELS[1] // 2, PIXELS[2] // 2, PANEL, seed=7)
WINNER, POOLED_W = (4 * POOLED_DY).astype(np.int64).astype(np.uint8) % 4, normal(3, 3, C, PANEL)
WORK: dict[str, Callable[[], list[np.ndarray]]] = {
    "conv2d_forward": lambda: [kernels.conv2d_forward(X, W, B, *SAME, "tanh")],
    "conv2d_forward, deep": deep,
    "conv2d_max_pool2d_forward": lambda: [  # in bands, and by Winograd
        *kernels.conv2d_max_pool2d_forward(X, W, B, (2, 2), *SAME[1:], "tanh", *HALVES),
        *kernels.conv2d_max_pool2d_forward(X, W[..., :PANEL], None, *SAME, "relu", *HALVES),
    ],
    "conv2d_max_pool2d_backward": lambda: [  # over windows, and in Winograd's tiles
        *winners._weight_and_bias(POOLED_DY, None, WINNER, X, (3, 3, C, PANEL), SAME[1]),
        winograd.winograd_backward_weight(POOLED_DY, X, SAME[1], WINNER),
        winograd.winograd_backward_input_pooled(POOLED_DY, WINNER, POOLED_W, X.shape, SAME[1]),
    ],
    "conv2d_pair": lambda: [
        pair.pair_forward(HALF, HALF, PAIR_W, B, SAME[1], "tanh"),
        *pair.pair_backward_input(DY, PAIR_W, (LANES, LANES), SAME[1]),
        *pair.pair_backward_weight_and_bias(DY, HALF, HALF, SAME[1], need_db=True),
    ],
    "conv2d_backward_input": lambda: [kernels.conv2d_backward_input(DY, W, X.shape, *SAME)],
    "conv2d_backward_weight": lambda: [kernels.conv2d_backward_weight(DY, X, W.shape, *SAME)],
    "conv2d_backward_weight, wide": lambda: [
        kernels.conv2d_backward_weight(WIDE_DY, WIDE_X, WIDE_W.shape, *SAME)
    ],
    "conv2d_backward_bias": lambda: [kernels.conv2d_backward_bias(DY)],
    "dense_forward": lambda: [kernels.dense_forward(ROWS, WEIGHTS, None, "relu")],
    "dense_backward_input": lambda: [kernels.dense_backward_input(ROWS_DY, WEIGHTS)],
    "dense_backward_weight": lambda: [kernels.dense_backward_weight(ROWS_DY, ROWS)],
    "dense_backward_bias": lambda: [kernels.dense_backward_bias(ROWS)],
    "max_pool2d": lambda: [
        *(forward := kernels.max_pool2d_forward(X, *POOL)),
        kernels.max_pool2d_backward(*forward, X.shape, *POOL),
        *(forward := kernels.max_pool2d_forward(X, *HALVES)),
        kernels.max_pool2d_backward(*forward, X.shape, *HALVES, onto=X.copy()),
    ],
    "conv_transpose2d": lambda: [
        y := kernels.conv_transpose2d_forward(X, STAMPS, B, TWICE, (2, 2), NO_PADDING, "tanh"),
        kernels.conv_transpose2d_backward_input(y, STAMPS, X.shape, (2, 2), NO_PADDING),
        kernels.conv_transpose2d_backward_weight(y, X, STAMPS.shape, (2, 2), NO_PADDING),
    ],
    "upsample2d": lambda: [
        y := kernels.upsample2d_forward(X, (2, 3), "bilinear"),
        kernels.upsample2d_backward(y, (2, 3), "bilinear"),
        y := kernels.upsample2d_forward(X, (2, 3), "nearest"),
        kernels.upsample2d_backward(y, (2, 3), "nearest"),
    ],
    "average_pool2d": lambda: [
        y := kernels.average_pool2d_forward(X, *POOL),
        kernels.average_pool2d_backward(y, X.shape, *POOL),
    ],
    "global_average_pool2d": lambda: [
        y := kernels.global_average_pool2d_forward(X),
        kernels.global_average_pool2d_backward(y, X.shape),
    ],
    "relu": lambda: [kernels.relu_forward(X), kernels.relu_backward(X, X)],
    "leaky_relu": lambda: [
        kernels.leaky_relu_forward(X, 0.1),
        kernels.leaky_relu_backward(X, X, 0.1),
    ],
    "sigmoid": lambda: [kernels.sigmoid_forward(X), kernels.sigmoid_backward(X, X)],
    "tanh": lambda: [kernels.tanh_forward(X), kernels.tanh_backward(X, X)],
    "gelu": lambda: [kernels.gelu_forward(X), kernels.gelu_backward(X, X)],
    "fused_backward": lambda: [*kernels.fused_backward(DY, DY, "sigmoid")],
    "softmax": lambda: [kernels.softmax_forward(X), kernels.softmax_backward(X, X)],
    "tversky_cross_entropy": lambda: [
        np.array(kernels.tversky_cross_entropy(*case, c, 0.3, 0.7, 1.0)[i])
        for case, c in ((OVERLAP, None), (OVERLAP, np.full(C, 1 / C)), (TWO_CLASSES, None))
        for i in (0, 1)
    ],
    "dropout": lambda: [kernels.dropout_forward(X, 0.3, 9), kernels.dropout_backward(X, 0.3, 9)],
    "batch_norm": lambda: [
        *(found := kernels.batch_norm_statistics(PLACES)),
        kernels.batch_norm_forward(PLACES, *AFFINE, *found, 0.1, "relu"),
        *kernels.batch_norm_backward(PLACES, PLACES, AFFINE[0], *found, 0.1, AFFINE[1], "relu"),
        *kernels.batch_norm_backward_constant(PLACES, PLACES, AFFINE[0], *found, 0.1),
    ],
    "layer_norm": lambda: [
        *(found := kernels.group_norm_forward(PLACES[:, None], *AFFINE, 1, 0.1)),
        *kernels.group_norm_backward(PLACES[:, None], PLACES[:, None], AFFINE[0], *found[1:], 0.1),
    ],
    "group_norm": lambda: [
        *(found := kernels.group_norm_forward(CUBES, *AFFINE, 1, 0.1)),
        *kernels.group_norm_backward(CUBES, CUBES, AFFINE[0], *found[1:], 0.1),
    ],
    "warp_images": lambda: [*kernels.warp_images(IMAGES, MASKS, MOVES, GRIDS)],
    "blur_images": lambda: [kernels.blur_images(IMAGES, 1.5 * ONES)],
    "adjust_images": lambda: [
        kernels.adjust_images(
            IMAGES,
            1.2 * ONES,
            0.1 * ONES,
            0.8 * ONES,
            0.1 * ONES,
            np.arange(4, dtype=np.uint64),
            BOXES,
        )
    ],
    "add": lambda: [kernels.add_forward(X, X, "relu"), kernels.add_forward(X, X, "tanh")],
    "concatenate": lambda: [
        y := kernels.concatenate_forward(X, DY),
        kernels.concatenate_backward(y, X.shape[-1], y.shape[-1]),
    ],
    "normal_numbers": lambda: [kernels.normal_numbers(7, MANY)],
    "sgd_update": sgd,
    "rmsprop_update": rmsprop,
    "adam_update": adam,
}
