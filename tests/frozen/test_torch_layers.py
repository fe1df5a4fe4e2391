"""Layers, losses and optimizers, as a user calls them, against what PyTorch computed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import nanocnn as nc
from nanocnn import losses, optimizers
from nanocnn.layers.base import Layer

from .values import Arrays, case_of, cases, close

every_backend = pytest.mark.parametrize("backend", nc.BACKENDS)


def conv(filters: int, activation: str | None = None) -> nc.Conv2D:
    return nc.Conv2D(filters, 3, padding=1, activation=activation)


CONTAINERS: dict[str, Callable[[], Layer]] = {
    "Residual/identity": lambda: nc.Residual([conv(5, "tanh"), conv(4)]),
    "Residual/projected": lambda: nc.Residual([conv(5, "tanh"), conv(6)], nc.Conv2D(6, 1)),
    "Add/three": lambda: nc.Add([conv(4), nc.Identity(), nc.Tanh()]),
    "Concatenate/three": lambda: nc.Concatenate([conv(4), nc.Identity(), nc.Tanh()]),
    "DenseBlock/two": lambda: nc.DenseBlock([conv(2, "tanh"), conv(3)]),
}


def layer_of(case: str, config: dict, a: Arrays) -> Layer:
    """Return the layer with PyTorch's parameters, in float64."""
    make = CONTAINERS.get(case, lambda: getattr(nc, case.split("/")[0])(**config))
    layer: Layer = make()
    layer.dtype = "float64"
    layer.build(a["x"].shape[1:], np.random.default_rng(0))
    for key, p in layer.params.items():
        p[...] = a[key]
    return layer


@every_backend
@cases("layers")
def test_layer(backend: str, source: str, case: str) -> None:
    a, config = case_of(source, "layers", case)
    layer = layer_of(case, config, a)
    with nc.backend(backend):
        y, cache = layer.forward(a["x"], training=True, rng=11)
        dx, grads = layer.backward(a["dy"], cache)
    close(y, a["y"])
    assert dx is not None
    close(dx, a["dx"])
    given = {key for key in a if key.startswith("d") and key[1:] in a}
    assert {f"d{key}" for key in grads} == given - {"dx", "dy"}
    for key, g in grads.items():
        close(g, a[f"d{key}"])


@every_backend
@cases("losses")
def test_loss(backend: str, source: str, case: str) -> None:
    a, options = case_of(source, "losses", case)
    with nc.backend(backend):
        loss, dy = getattr(losses, case.split("/")[0])(a["y"], a["target"], **options)
    assert loss == pytest.approx(float(a["loss"]), rel=1e-12)
    close(dy, a["dy"])


@every_backend
@cases("optimizers")
def test_optimizer(backend: str, source: str, case: str) -> None:
    a, config = case_of(source, "optimizers", case)
    optimizer = getattr(optimizers, case.split("/")[0])(**config)
    params = {"w": a["w"].copy(), "b": a["b"].copy()}
    with nc.backend(backend):
        for t, (gw, gb) in enumerate(zip(a["gw"], a["gb"], strict=True)):
            optimizer.step(params, {"w": gw, "b": gb})
            close(params["w"], a["after_w"][t])
            close(params["b"], a["after_b"][t])


def test_the_comparison_can_fail() -> None:
    a, config = case_of("frozen", "layers", "Conv2D/same")
    layer = layer_of("Conv2D/same", {**config, "padding": ((1, 0), (1, 1))}, a)
    y, _ = layer.forward(a["x"])  # the odd pixel before the image instead of behind it
    assert y.shape == a["y"].shape
    with pytest.raises(AssertionError):
        close(y, a["y"])
