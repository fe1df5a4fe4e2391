"""Losses refuse what they cannot use, in one clear line."""

from __future__ import annotations

import numpy as np
import pytest

from nanocnn import losses
from nanocnn.losses import (
    binary_cross_entropy,
    categorical_crossentropy,
    mean_squared_error,
    softmax_cross_entropy,
)

Z = np.array([[1.5, -0.5, 0.25], [-2.0, 0.75, 3.0], [0.1, 0.2, -1.3], [4.0, -4.0, 0.0]])
LABELS = np.array([0, 1, 2, 1])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: softmax_cross_entropy(Z, [0, 1, 3, 1]), ValueError, r"label 3 at \(2,\).* 0 to 2"),
        (lambda: softmax_cross_entropy(Z, [0, -1, 2, 1]), ValueError, r"label -1 at \(1,\)"),
        (lambda: softmax_cross_entropy(Z, [0, 0.5, 2, 1]), ValueError, r"label 0.5 at \(1,\)"),
        (lambda: softmax_cross_entropy(Z, [0, np.nan, 2, 1]), ValueError, r"NaN at \(1,\)"),
        (lambda: softmax_cross_entropy(Z, [0, 1]), ValueError, r"\(2,\).*\(4, 3\)"),
        (lambda: softmax_cross_entropy(Z, np.eye(4)), ValueError, r"\(4, 4\).*\(4, 3\)"),
        (lambda: softmax_cross_entropy(Z, 1 - np.eye(3)[LABELS]), ValueError, "sums to 2"),
        (lambda: softmax_cross_entropy(Z, ["a"] * 4), TypeError, "numbers"),
        (lambda: softmax_cross_entropy(Z[:, :1], LABELS), ValueError, "one class"),
        (lambda: softmax_cross_entropy(Z[:, 0], LABELS), ValueError, r"\(N, K\)"),
        (lambda: softmax_cross_entropy(Z[:0], []), ValueError, "at least one sample"),
        (lambda: softmax_cross_entropy(Z.astype(int), LABELS), TypeError, "int64"),
        (lambda: softmax_cross_entropy(Z.astype("f2"), LABELS), TypeError, "float16"),
        (
            lambda: softmax_cross_entropy(Z, LABELS, class_weight=[1, 2]),
            ValueError,
            r"\(2,\).*\(3,\)",
        ),
        (lambda: softmax_cross_entropy(Z, LABELS, class_weight={3: 1.0}), ValueError, "label 3"),
        (
            lambda: softmax_cross_entropy(Z, LABELS, class_weight=[1, -1, 1]),
            ValueError,
            "not negative",
        ),
        (lambda: softmax_cross_entropy(Z, LABELS, label_smoothing=1.0), ValueError, "below 1"),
        (lambda: categorical_crossentropy(Z, LABELS), ValueError, r"-0.5 at \(0, 1\) is negative"),
        (lambda: categorical_crossentropy(Z * 0, LABELS), ValueError, "all 0"),
        (lambda: binary_cross_entropy(Z[:, 0], [0, 1, 2, 0]), ValueError, r"2 at \(2,\)"),
        (lambda: binary_cross_entropy(Z, [0, 1, 1, 0]), ValueError, "nothing is broadcast"),
        (lambda: mean_squared_error(Z, Z[:, :1]), ValueError, "nothing is broadcast"),
        (lambda: mean_squared_error(Z, Z * np.nan), ValueError, "NaN"),
        (lambda: losses.get("hinge"), ValueError, "softmax_cross_entropy, categorical"),
        (lambda: losses.get(3), TypeError, "name or a function"),
    ],
)
def test_errors_are_one_clear_line(call, error, message):
    with pytest.raises(error, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
