"""Calls with mixed or foreign dtypes, each with what the message must say."""

from __future__ import annotations

from collections.abc import Callable

from nanocnn import ops

from .mistakes import F64, MATRIX, ROWS, B, W, X, f32

WRONG_TYPES: dict[str, tuple[Callable[[], object], list[str]]] = {
    "mixed x and w": (
        lambda: ops.conv2d_forward(X, W.astype(F64)),
        ["conv2d: x is float32 but w is float64", "w.astype(x.dtype)"],
    ),
    "mixed x and b": (
        lambda: ops.conv2d_forward(X, W, B.astype(F64)),
        ["x is float32 but b is float64", "b.astype(x.dtype)"],
    ),
    "mixed conv dy": (
        lambda: ops.conv2d_backward(f32(2, 3, 5, 8).astype(F64), ops.conv2d_forward(X, W)[1]),
        ["conv2d backward: x is float32 but dy is float64", "dy.astype(x.dtype)"],
    ),
    "mixed dense": (
        lambda: ops.dense_forward(ROWS.astype(F64), MATRIX),
        ["dense: x is float64 but w is float32"],
    ),
    "mixed dense dy": (
        lambda: ops.dense_backward(f32(3, 5).astype(F64), ops.dense_forward(ROWS, MATRIX)[1]),
        ["dense backward: x is float32 but dy is float64"],
    ),
    "mixed relu dy": (
        lambda: ops.relu_backward(X.astype(F64), ops.relu_forward(X)[1]),
        ["relu backward: y is float32 but dy is float64", "dy.astype(y.dtype)"],
    ),
    "mixed gelu dy": (
        lambda: ops.gelu_backward(X.astype(F64), ops.gelu_forward(X)[1]),
        ["gelu backward: x is float32 but dy is float64"],
    ),
    "mixed softmax dy": (
        lambda: ops.softmax_backward(ROWS.astype(F64), ops.softmax_forward(ROWS)[1]),
        ["softmax backward: y is float32 but dy is float64"],
    ),
    "a list": (
        lambda: ops.relu_forward([1.0]),  # type: ignore[arg-type]
        ["relu: x must be a NumPy array, got list", "np.asarray(x, dtype=np.float32)"],
    ),
    "complex numbers on the compiled rung": (
        lambda: ops.relu_forward(X.astype(complex)),
        ["x is complex128", "needed float32 or float64", "nanocnn.backend('vectorized')"],
    ),
    "foreign byte order": (lambda: ops.relu_forward(X.astype(">f4")), ["x is >f4"]),
}
