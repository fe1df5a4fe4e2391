"""Every mistake gets one line: what was given, what was needed, what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nanocnn import ops

from .mistakes import MATRIX, WRONG_VALUES, W, X, f32
from .norm_mistakes import NORM, WRONG_NORMS
from .type_mistakes import WRONG_TYPES

FORWARDS = [
    lambda x: ops.conv2d_forward(x, W),
    lambda x: ops.dense_forward(x, MATRIX),
    ops.max_pool2d_forward,
    ops.average_pool2d_forward,
    ops.global_average_pool2d_forward,
    ops.relu_forward,
    ops.leaky_relu_forward,
    ops.sigmoid_forward,
    ops.tanh_forward,
    ops.gelu_forward,
    ops.softmax_forward,
    lambda x: ops.batch_norm_forward(x, *NORM),
    lambda x: ops.layer_norm_forward(x, *NORM),
    lambda x: ops.group_norm_forward(x, *NORM, groups=2),
    lambda x: ops.dropout_forward(x, 0.5, 1),
    ops.flatten_forward,
    lambda x: ops.add_forward(x, x),
    lambda x: ops.concatenate_forward(x, x),
]


def check_message(call: Callable[[], object], error: type[Exception], parts: list[str]) -> None:
    with pytest.raises(error) as raised:
        call()
    message = str(raised.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


VALUES = {**WRONG_VALUES, **WRONG_NORMS}


@pytest.mark.parametrize("name", VALUES)
def test_values(name: str) -> None:
    check_message(VALUES[name][0], ValueError, VALUES[name][1])


@pytest.mark.parametrize("name", WRONG_TYPES)
def test_types(name: str) -> None:
    check_message(WRONG_TYPES[name][0], TypeError, WRONG_TYPES[name][1])


@pytest.mark.parametrize("dtype", [np.int64, np.uint8, np.bool_, np.float16, np.complex64, object])
@pytest.mark.parametrize("forward", FORWARDS)
def test_every_op_refuses_other_dtypes(forward: Callable[[Any], object], dtype: type) -> None:
    with pytest.raises(TypeError, match=r"[xa] is \w+, needed float32 or float64; "):
        forward(np.ones((2, 5, 6, 4)).astype(dtype))


def test_numpy_numbers_are_numbers() -> None:
    y, _ = ops.conv2d_forward(X, W, stride=np.int64(2), padding=np.array([1, 0]))
    assert y.shape == (2, 3, 3, 8)
    y, cache = ops.conv2d_forward(X, f32(3, 2, 2, 8), groups=np.int32(2))  # type: ignore[arg-type]
    assert cache.groups == 2
    _, mask = ops.dropout_forward(X, np.float32(0.5), np.uint64(7))  # type: ignore[arg-type]
    assert mask[:2] == (0.5, 7)
    assert type(mask.key) is int
    _, leaky = ops.leaky_relu_forward(X, np.float32(0.25))  # type: ignore[arg-type]
    assert leaky.slope == 0.25


@pytest.mark.parametrize("stride", [(True, 1), (1.0, 1), True])
def test_a_wrong_number_is_refused_after_its_equal_was_right(stride: Any) -> None:
    x, w = np.zeros((1, 5, 5, 1)), np.zeros((3, 3, 1, 1))
    for right in ((1, 1), 1):
        ops.conv2d_forward(x, w, stride=right)
    with pytest.raises(ValueError, match="stride must be a whole number"):
        ops.conv2d_forward(x, w, stride=stride)
