"""The functions of all rungs against values that PyTorch computed (see make_torch_values.py)."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from .values import Arrays, case_of, cases, close


def _tuples(value: Any) -> Any:
    """Turn JSON's lists into tuples: the kernels want (int, int)."""
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def found(source: str, case: str) -> tuple[Arrays, dict[str, Any]]:
    """Return arrays and options of a case."""
    arrays, options = case_of(source, "rungs", case)
    return arrays, {name: _tuples(value) for name, value in options.items()}


@pytest.fixture(params=["reference", "vectorized", "kernels"])
def rung(request: pytest.FixtureRequest) -> ModuleType:
    return importlib.import_module(f"nanocnn.{request.param}")


@pytest.fixture(params=["reference", "vectorized"])  # losses have no kernels: N*K numbers are few
def loss_rung(request: pytest.FixtureRequest) -> ModuleType:
    return importlib.import_module(f"nanocnn.{request.param}")


@cases("rungs", "conv2d")
def test_conv2d(rung: ModuleType, source: str, case: str) -> None:
    a, o = found(source, case)
    geometry = (o["stride"], o["padding"], o["dilation"], o["groups"])
    close(rung.conv2d_forward(a["x"], a["w"], a["b"], *geometry), a["y"])
    close(rung.conv2d_forward(a["x"], a["w"], None, *geometry) + a["b"], a["y"])
    close(rung.conv2d_backward_input(a["dy"], a["w"], a["x"].shape, *geometry), a["dx"])
    close(rung.conv2d_backward_weight(a["dy"], a["x"], a["w"].shape, *geometry), a["dw"])
    close(rung.conv2d_backward_bias(a["dy"]), a["db"])


@cases("rungs", "max_pool2d")
def test_max_pool2d(rung: ModuleType, source: str, case: str) -> None:
    a, o = found(source, case)
    geometry = (o["window"], o["stride"], o["padding"])
    y, winner = rung.max_pool2d_forward(a["x"], *geometry)
    close(y, a["y"])
    close(rung.max_pool2d_backward(a["dy"], winner, a["x"].shape, *geometry), a["dx"])


@cases("rungs", "average_pool2d")
def test_average_pool2d(rung: ModuleType, source: str, case: str) -> None:
    a, o = found(source, case)
    geometry = (o["window"], o["stride"], o["padding"])
    close(rung.average_pool2d_forward(a["x"], *geometry), a["y"])
    close(rung.average_pool2d_backward(a["dy"], a["x"].shape, *geometry), a["dx"])


@cases("rungs", "global_average_pool2d")
def test_global_average_pool2d(rung: ModuleType, source: str, case: str) -> None:
    a, _ = found(source, case)
    close(rung.global_average_pool2d_forward(a["x"]), a["y"])
    close(rung.global_average_pool2d_backward(a["dy"], a["x"].shape), a["dx"])


@cases("rungs", "conv_transpose2d")
def test_conv_transpose2d(rung: ModuleType, source: str, case: str) -> None:
    a, o = found(source, case)
    size, geometry = a["y"].shape[1:3], (o["stride"], o["padding"])
    close(rung.conv_transpose2d_forward(a["x"], a["w"], a["b"], size, *geometry), a["y"])
    close(rung.conv_transpose2d_backward_input(a["dy"], a["w"], a["x"].shape, *geometry), a["dx"])
    close(rung.conv_transpose2d_backward_weight(a["dy"], a["x"], a["w"].shape, *geometry), a["dw"])
    close(rung.conv2d_backward_bias(a["dy"]), a["db"])


@cases("rungs", "upsample2d")
def test_upsample2d(rung: ModuleType, source: str, case: str) -> None:
    a, o = found(source, case)
    close(rung.upsample2d_forward(a["x"], **o), a["y"])
    close(rung.upsample2d_backward(a["dy"], **o), a["dx"])


@cases("rungs", "zero_pad2d")
def test_zero_pad2d(rung: ModuleType, source: str, case: str) -> None:
    a, o = found(source, case)
    close(rung.zero_pad2d_forward(a["x"], **o), a["y"])
    close(rung.zero_pad2d_backward(a["dy"], **o), a["dx"])


@cases("rungs", "dense")
def test_dense(rung: ModuleType, source: str, case: str) -> None:
    a, _ = found(source, case)
    close(rung.dense_forward(a["x"], a["w"], a["b"]), a["y"])
    close(rung.dense_forward(a["x"], a["w"], None) + a["b"], a["y"])
    close(rung.dense_backward_input(a["dy"], a["w"]), a["dx"])
    close(rung.dense_backward_weight(a["dy"], a["x"]), a["dw"])
    close(rung.dense_backward_bias(a["dy"]), a["db"])


@cases("rungs", "batch_norm")
def test_batch_norm(rung: ModuleType, source: str, case: str) -> None:
    a, o = found(source, case)
    if "mean" in o:
        mean, variance = np.array(o["mean"]), np.array(o["variance"])
        backward = rung.batch_norm_backward_constant
    else:
        mean, variance = rung.batch_norm_statistics(a["x"])
        backward = rung.batch_norm_backward
    rest = (mean, variance, o["epsilon"])
    close(rung.batch_norm_forward(a["x"], a["gamma"], a["beta"], *rest), a["y"])
    gradients = backward(a["dy"], a["x"], a["gamma"], *rest)
    for name, gradient in zip(("dx", "dgamma", "dbeta"), gradients, strict=True):
        close(gradient, a[name])


@cases("rungs", "group_norm")
def test_group_norm(rung: ModuleType, source: str, case: str) -> None:
    a, o = found(source, case)
    forward = rung.group_norm_forward
    y, *rest = forward(a["x"], a["gamma"], a["beta"], o["groups"], o["epsilon"])
    close(y, a["y"])
    gradients = rung.group_norm_backward(a["dy"], a["x"], a["gamma"], *rest, o["epsilon"])
    for name, gradient in zip(("dx", "dgamma", "dbeta"), gradients, strict=True):
        close(gradient, a[name])


@cases("rungs", "relu", "sigmoid", "tanh", "softmax")
def test_slope_from_the_output(rung: ModuleType, source: str, case: str) -> None:
    a, _ = found(source, case)
    y = getattr(rung, f"{case}_forward")(a["x"])
    close(y, a["y"])
    close(getattr(rung, f"{case}_backward")(a["dy"], y), a["dx"])


@cases("rungs", "leaky_relu", "gelu")
def test_slope_from_the_input(rung: ModuleType, source: str, case: str) -> None:
    a, options = found(source, case)
    close(getattr(rung, f"{case}_forward")(a["x"], **options), a["y"])
    close(getattr(rung, f"{case}_backward")(a["dy"], a["x"], **options), a["dx"])


@cases("rungs", "sgd")
def test_sgd(rung: ModuleType, source: str, case: str) -> None:
    a, o = found(source, case)
    p = a["p"].copy()
    velocity = np.zeros_like(p) if o["momentum"] else None
    for g, after in zip(a["g"], a["after"], strict=True):
        assert rung.sgd_update(p, g, velocity, **o) is None
        close(p, after)


@cases("rungs", "rmsprop")
def test_rmsprop(rung: ModuleType, source: str, case: str) -> None:
    a, o = found(source, case)
    p = a["p"].copy()
    v = np.zeros_like(p)
    buffer = np.zeros_like(p) if o["momentum"] else None
    for g, after in zip(a["g"], a["after"], strict=True):
        assert rung.rmsprop_update(p, g, v, buffer, **o) is None
        close(p, after)


@cases("rungs", "adam")
def test_adam(rung: ModuleType, source: str, case: str) -> None:
    a, o = found(source, case)
    p = a["p"].copy()
    m, v = np.zeros_like(p), np.zeros_like(p)
    for t, (g, after) in enumerate(zip(a["g"], a["after"], strict=True), start=1):
        assert rung.adam_update(p, g, m, v, t, **o) is None
        close(p, after)


@cases("rungs", "softmax_cross_entropy", "categorical_crossentropy", "binary_cross_entropy")
def test_weighted_losses(loss_rung: ModuleType, source: str, case: str) -> None:
    a, _ = found(source, case)
    loss, dy = getattr(loss_rung, case)(a["outputs"], a["q"], a["s"])
    assert loss == pytest.approx(float(a["loss"]), rel=1e-12)
    close(dy, a["dy"])


@cases("rungs", "mean_squared_error")
def test_mean_squared_error(loss_rung: ModuleType, source: str, case: str) -> None:
    a, _ = found(source, case)
    loss, dy = loss_rung.mean_squared_error(a["outputs"], a["t"])
    assert loss == pytest.approx(float(a["loss"]), rel=1e-12)
    close(dy, a["dy"])
