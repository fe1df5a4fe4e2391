"""Both readable rungs against values that PyTorch computed (see make_torch_values.py)."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]

_FILE = Path(__file__).with_name("torch_values.npz")
with np.load(_FILE, allow_pickle=False) as _stored:
    VALUES = {key: _stored[key] for key in _stored.files}


def _tuples(value: Any) -> Any:
    """Turn JSON's lists into tuples: the kernels want (int, int)."""
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


CASES: dict[str, dict[str, Any]] = {
    case: {name: _tuples(value) for name, value in options.items()}
    for case, options in json.loads(str(VALUES.pop("cases")))["cases"].items()
}


def named(kind: str) -> list[str]:
    """Return the cases of one kind."""
    return [case for case in CASES if case.split("/")[0] == kind]


def arrays(case: str) -> Arrays:
    """Return the arrays of a case by their short names, read-only."""
    found = {k.rsplit("/", 1)[1]: v for k, v in VALUES.items() if k.rsplit("/", 1)[0] == case}
    for array in found.values():
        array.setflags(write=False)
    return found


def close(actual: NDArray[Any], expected: NDArray[Any]) -> None:
    """Compare in float64, with room for a few roundings."""
    assert actual.dtype == expected.dtype == np.float64
    np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-13)


@pytest.fixture(params=["reference", "vectorized", "kernels"])
def rung(request: pytest.FixtureRequest) -> ModuleType:
    return importlib.import_module(f"nanocnn.{request.param}")


@pytest.fixture(params=["reference", "vectorized"])  # losses have no kernels: N*K numbers are few
def loss_rung(request: pytest.FixtureRequest) -> ModuleType:
    return importlib.import_module(f"nanocnn.{request.param}")


def test_file_is_small_and_complete() -> None:
    assert _FILE.stat().st_size < 200_000
    assert {key.rsplit("/", 1)[0] for key in VALUES} == set(CASES)
    assert len(CASES) == 36


@pytest.mark.parametrize("case", named("conv2d"))
def test_conv2d(rung: ModuleType, case: str) -> None:
    a, o = arrays(case), CASES[case]
    geometry = (o["stride"], o["padding"], o["dilation"], o["groups"])
    close(rung.conv2d_forward(a["x"], a["w"], a["b"], *geometry), a["y"])
    close(rung.conv2d_forward(a["x"], a["w"], None, *geometry) + a["b"], a["y"])
    close(rung.conv2d_backward_input(a["dy"], a["w"], a["x"].shape, *geometry), a["dx"])
    close(rung.conv2d_backward_weight(a["dy"], a["x"], a["w"].shape, *geometry), a["dw"])
    close(rung.conv2d_backward_bias(a["dy"]), a["db"])


@pytest.mark.parametrize("case", named("max_pool2d"))
def test_max_pool2d(rung: ModuleType, case: str) -> None:
    a, o = arrays(case), CASES[case]
    geometry = (o["window"], o["stride"], o["padding"])
    y, winner = rung.max_pool2d_forward(a["x"], *geometry)
    close(y, a["y"])
    close(rung.max_pool2d_backward(a["dy"], winner, a["x"].shape, *geometry), a["dx"])


@pytest.mark.parametrize("case", named("average_pool2d"))
def test_average_pool2d(rung: ModuleType, case: str) -> None:
    a, o = arrays(case), CASES[case]
    geometry = (o["window"], o["stride"], o["padding"])
    close(rung.average_pool2d_forward(a["x"], *geometry), a["y"])
    close(rung.average_pool2d_backward(a["dy"], a["x"].shape, *geometry), a["dx"])


def test_global_average_pool2d(rung: ModuleType) -> None:
    a = arrays("global_average_pool2d")
    close(rung.global_average_pool2d_forward(a["x"]), a["y"])
    close(rung.global_average_pool2d_backward(a["dy"], a["x"].shape), a["dx"])


def test_dense(rung: ModuleType) -> None:
    a = arrays("dense")
    close(rung.dense_forward(a["x"], a["w"], a["b"]), a["y"])
    close(rung.dense_forward(a["x"], a["w"], None) + a["b"], a["y"])
    close(rung.dense_backward_input(a["dy"], a["w"]), a["dx"])
    close(rung.dense_backward_weight(a["dy"], a["x"]), a["dw"])
    close(rung.dense_backward_bias(a["dy"]), a["db"])


@pytest.mark.parametrize("name", ["relu", "sigmoid", "tanh", "softmax"])
def test_activations_whose_slope_follows_from_the_output(rung: ModuleType, name: str) -> None:
    a = arrays(name)
    y = getattr(rung, f"{name}_forward")(a["x"])
    close(y, a["y"])
    close(getattr(rung, f"{name}_backward")(a["dy"], y), a["dx"])


@pytest.mark.parametrize("name", ["leaky_relu", "gelu"])
def test_activations_whose_slope_needs_the_input(rung: ModuleType, name: str) -> None:
    a, options = arrays(name), CASES[name]
    close(getattr(rung, f"{name}_forward")(a["x"], **options), a["y"])
    close(getattr(rung, f"{name}_backward")(a["dy"], a["x"], **options), a["dx"])


@pytest.mark.parametrize("case", named("sgd"))
def test_sgd(rung: ModuleType, case: str) -> None:
    a, o = arrays(case), CASES[case]
    p = a["p"].copy()
    velocity = np.zeros_like(p) if o["momentum"] else None
    for g, after in zip(a["g"], a["after"], strict=True):
        assert rung.sgd_update(p, g, velocity, **o) is None
        close(p, after)


@pytest.mark.parametrize("case", named("rmsprop"))
def test_rmsprop(rung: ModuleType, case: str) -> None:
    a, o = arrays(case), CASES[case]
    p = a["p"].copy()
    v = np.zeros_like(p)
    buffer = np.zeros_like(p) if o["momentum"] else None
    for g, after in zip(a["g"], a["after"], strict=True):
        assert rung.rmsprop_update(p, g, v, buffer, **o) is None
        close(p, after)


@pytest.mark.parametrize("case", named("adam"))
def test_adam(rung: ModuleType, case: str) -> None:
    a, o = arrays(case), CASES[case]
    p = a["p"].copy()
    m, v = np.zeros_like(p), np.zeros_like(p)
    for t, (g, after) in enumerate(zip(a["g"], a["after"], strict=True), start=1):
        assert rung.adam_update(p, g, m, v, t, **o) is None
        close(p, after)


@pytest.mark.parametrize(
    "name", ["softmax_cross_entropy", "categorical_crossentropy", "binary_cross_entropy"]
)
def test_weighted_losses(loss_rung: ModuleType, name: str) -> None:
    a = arrays(name)
    loss, dy = getattr(loss_rung, name)(a["outputs"], a["q"], a["s"])
    assert loss == pytest.approx(float(a["loss"]), rel=1e-12)
    close(dy, a["dy"])


def test_mean_squared_error(loss_rung: ModuleType) -> None:
    a = arrays("mean_squared_error")
    loss, dy = loss_rung.mean_squared_error(a["outputs"], a["t"])
    assert loss == pytest.approx(float(a["loss"]), rel=1e-12)
    close(dy, a["dy"])
