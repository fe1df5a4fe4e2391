"""Batch normalization folded away: the same outputs, from fewer layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nanocnn as nc
from nanocnn.layers.base import Layer
from nanocnn.layers.container import Container

LINEAR: dict[str, Callable[[], list[Layer]]] = {
    "Conv2D": lambda: [nc.Conv2D(4, 3, use_bias=False)],
    "Conv2D with bias and groups": lambda: [nc.Conv2D(4, 3, groups=2, padding="same")],
    "ConvTranspose2D": lambda: [nc.ConvTranspose2D(3, 2, stride=2)],
    "DepthwiseConv2D": lambda: [nc.DepthwiseConv2D(3, depth_multiplier=2)],
    "SeparableConv2D": lambda: [nc.SeparableConv2D(3, 3)],
    "Dense": lambda: [nc.Flatten(), nc.Dense(3)],
}


def trained(layers: list[Layer], shape: tuple[int, ...] = (7, 6, 4)) -> nc.Sequential:
    """Return a model whose parameters and statistics are nothing special."""
    model = nc.Sequential(layers, input_shape=shape, dtype="float64")
    rng = np.random.default_rng(0)
    for p in model.params.values():
        p[...] = rng.standard_normal(p.shape)
    for name, value in model.state.items():
        value[...] = rng.uniform(0.5, 2, value.shape) if "variance" in name else 0.3
    return model


def norms(layer: Layer) -> int:
    children = layer.layers if isinstance(layer, Container) else ()
    return isinstance(layer, nc.BatchNorm) + sum(map(norms, children))


def images(model: nc.Sequential) -> Any:
    assert model.input_shape is not None
    return np.random.default_rng(1).standard_normal((3, *model.input_shape))


@pytest.mark.parametrize("activation", [None, "relu", "gelu"])
@pytest.mark.parametrize("kind", LINEAR)
def test_one_layer_does_what_two_did(kind: str, activation: str | None) -> None:
    model = trained([*LINEAR[kind](), nc.BatchNorm(activation=activation)])
    before = {name: p.copy() for name, p in model.params.items()}
    folded = nc.models.fold_batch_norm(model)
    assert len(folded) == len(model) - 1
    assert folded.layers[-1].name == model.layers[-2].name
    x = images(model)
    np.testing.assert_allclose(folded(x), model(x), rtol=1e-12, atol=1e-12)
    for name, p in model.params.items():
        np.testing.assert_array_equal(p, before[name])


def test_inside_containers() -> None:
    model = trained(
        [
            nc.Conv2D(4, 3, padding=1),
            nc.BatchNorm(activation="relu"),
            nc.Residual([nc.Conv2D(4, 3, padding=1), nc.BatchNorm()]),
            nc.Concatenate([nc.Identity(), [nc.Conv2D(3, 1), nc.BatchNorm()]]),
            nc.GlobalAveragePool2D(),
            nc.Dense(2),
        ]
    )
    model.compile("adam", loss="softmax_cross_entropy")
    folded = nc.models.fold_batch_norm(model)
    assert norms(model) == 3
    assert norms(folded) == 0
    assert folded.state == {}
    x = images(model)
    np.testing.assert_allclose(folded(x), model(x), rtol=1e-12)
    assert folded.evaluate(x, [0, 1, 0]) == pytest.approx(model.evaluate(x, [0, 1, 0]))


def test_what_cannot_be_folded_stays() -> None:
    layers: list[Layer] = [
        nc.BatchNorm(),
        nc.Conv2D(4, 3, activation="relu"),
        nc.BatchNorm(),
        nc.MaxPool2D(2),
        nc.BatchNorm(),
    ]
    model = trained(layers)
    folded = nc.models.fold_batch_norm(model)
    assert folded.layers == model.layers
    x = images(model)
    np.testing.assert_array_equal(folded(x), model(x))


def test_a_block_that_stands_twice_stays_one() -> None:
    block = nc.Residual([nc.Conv2D(4, 3, padding=1), nc.BatchNorm()])
    model = trained([block, nc.ReLU(), block])
    folded = nc.models.fold_batch_norm(model)
    assert folded.layers[0] is folded.layers[2]
    x = images(model)
    np.testing.assert_allclose(folded(x), model(x), rtol=1e-12)


def test_a_folded_model_is_saved_and_loaded(tmp_path: Any) -> None:
    model = nc.models.fold_batch_norm(trained([nc.Conv2D(4, 3), nc.BatchNorm(activation="relu")]))
    model.save(tmp_path / "folded.safetensors")
    x = images(model)
    np.testing.assert_array_equal(nc.load(tmp_path / "folded.safetensors")(x), model(x))


def test_a_model_that_is_not_built() -> None:
    with pytest.raises(ValueError, match="not built, so there are no statistics to fold"):
        nc.models.fold_batch_norm(nc.Sequential([nc.Conv2D(4, 3), nc.BatchNorm()]))
