"""Calls of the normalizations that must fail, each with what its message must say."""

from __future__ import annotations

from collections.abc import Callable

from nanocnn import ops

from .mistakes import X, f32

NORM = f32(4), f32(4)
WRONG_NORMS: dict[str, tuple[Callable[[], object], list[str]]] = {
    "norm without a batch": (
        lambda: ops.batch_norm_forward(f32(4), *NORM),
        ["batch_norm: x must have axes (N, ..., C)", "(4,)"],
    ),
    "norm gamma": (
        lambda: ops.layer_norm_forward(X, f32(5), f32(4)),
        ["layer_norm: gamma must have shape (4,), got (5,)"],
    ),
    "norm beta": (
        lambda: ops.group_norm_forward(X, f32(4), f32(1)),
        ["group_norm: beta must have shape (4,), got (1,)"],
    ),
    "norm epsilon": (
        lambda: ops.batch_norm_forward(X, *NORM, epsilon=0.0),
        ["batch_norm: epsilon must be a finite number above 0, got 0.0"],
    ),
    "norm activation": (
        lambda: ops.batch_norm_forward(X, *NORM, activation="tanh"),
        ["batch_norm: activation must be None or 'relu', got 'tanh'"],
    ),
    "norm mean alone": (
        lambda: ops.batch_norm_forward(X, *NORM, mean=[0, 0, 0, 0]),
        ["batch_norm: give both mean and variance"],
    ),
    "norm mean of another shape": (
        lambda: ops.batch_norm_forward(X, *NORM, mean=[0, 0], variance=[1, 1, 1, 1]),
        ["batch_norm: mean must have shape (4,), got (2,)"],
    ),
    "norm variance below zero": (
        lambda: ops.batch_norm_forward(X, *NORM, mean=[0, 0, 0, 0], variance=[1, 1, -2, 1]),
        ["batch_norm: variance must not be negative, its least is -2.0"],
    ),
    "norm groups": (
        lambda: ops.group_norm_forward(X, *NORM, groups=3),
        ["group_norm: groups must divide the 4 channels, got 3"],
    ),
    "norm dy": (
        lambda: ops.batch_norm_backward(X[:1], ops.batch_norm_forward(X, *NORM)[1]),
        ["batch_norm backward: dy must have shape (2, 5, 6, 4), got (1, 5, 6, 4)"],
    ),
    "norm dy of a group": (
        lambda: ops.layer_norm_backward(X[:1], ops.layer_norm_forward(X, *NORM)[1]),
        ["layer_norm backward: dy must have shape (2, 5, 6, 4), got (1, 5, 6, 4)"],
    ),
}
