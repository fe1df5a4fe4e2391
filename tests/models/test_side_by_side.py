"""A convolution behind Concatenate that reads both images where they lie: the same numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nanocnn as nc
from nanocnn.kernels import pair
from nanocnn.kernels.transform import LANES
from nanocnn.layers.base import Array, Layer
from nanocnn.models import sequential
from nanocnn.models.side_by_side import with_pairs_apart
from nanocnn.models.summary import _arrays
from tests.layers.examples import same


def conv(filters: int, **options: Any) -> nc.Conv2D:
    return nc.Conv2D(filters, 3, **{"padding": "same", **options})


def up(filters: int) -> nc.ConvTranspose2D:
    return nc.ConvTranspose2D(filters, 2, stride=2)


def crossing(behind: list[Layer], below: list[Layer] | None = None, dtype: str = "float32") -> Any:
    """Return a model with one level of a U-Net, whose image goes across and down."""
    down = [nc.MaxPool2D(2), conv(2 * LANES), up(LANES)] if below is None else below
    layers = [conv(2 * LANES), nc.Concatenate([nc.Identity(), down]), *behind]
    return nc.Sequential(layers, input_shape=(16, 20, 2), dtype=dtype)


MODELS = {
    "Winograd": lambda: crossing([conv(2 * LANES), conv(2)]),
    "an activation that is fused": lambda: crossing([conv(LANES * 2, activation="relu")]),
    "an activation behind it": lambda: crossing([conv(2 * LANES, activation="gelu")]),
    "no bias, no padding": lambda: crossing([conv(2 * LANES, use_bias=False, padding="valid")]),
    "pooling behind relu": lambda: crossing([conv(2 * LANES, activation="relu"), nc.MaxPool2D(2)]),
    "no vector ends where they meet": lambda: crossing(
        [conv(2 * LANES)], [nc.MaxPool2D(2), up(LANES - 1)]
    ),
    "the first is no whole vector": lambda: nc.Sequential(
        [conv(LANES + 1), nc.Concatenate([nc.Identity(), conv(LANES)]), conv(2 * LANES)],
        input_shape=(9, 8, 3),
    ),
    "a stride": lambda: crossing([conv(2 * LANES, stride=2)]),
    "float64": lambda: crossing([conv(2 * LANES)], dtype="float64"),
    "overlapping windows": lambda: crossing(
        [conv(2 * LANES)], [nc.MaxPool2D(3, stride=2, padding=1), up(LANES)]
    ),
    "pooling alone": lambda: crossing(
        [conv(2 * LANES)], [nc.MaxPool2D(2, stride=1, padding="same")]
    ),
    "no pooling below": lambda: crossing([conv(2 * LANES)], [conv(LANES), nc.ReLU()]),
    "a layer below, no list": lambda: nc.Sequential(
        [conv(LANES), nc.Concatenate([nc.Identity(), conv(LANES)]), conv(2 * LANES)],
        input_shape=(9, 8, 2),
    ),
    "nothing goes across": lambda: nc.Sequential(
        [conv(LANES), nc.Concatenate([conv(LANES), [nc.MaxPool2D(2), up(LANES)]]), conv(16)],
        input_shape=(8, 8, 2),
    ),
    "deep": lambda: nc.models.unet((32, 32, 1), 3, depth=3, width=8),
}


def images(model: nc.Sequential) -> Array:
    assert model.input_shape is not None
    return np.random.default_rng(0).normal(size=(2, *model.input_shape)).astype(model.dtype)


def both_ways(model: nc.Sequential, x: Array, dy: Array) -> tuple[Array, Any, Any]:
    y, cache = model.forward(x, training=True)
    return y, model.backward(dy, cache), model.backward(dy, cache, need_dx=False)


@pytest.mark.parametrize("rung", nc.BACKENDS[1:])
@pytest.mark.parametrize("name", MODELS)
def test_same_bits_as_joined(name: str, rung: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = MODELS[name]()
    x = images(model)
    with nc.backend(rung):
        dy = np.random.default_rng(1).normal(size=model(x).shape).astype(model.dtype)
        found = both_ways(model, x, dy), model(x)
        monkeypatch.setattr(sequential, "with_pairs_apart", list)
        expected = both_ways(model, x, dy), model(x)
    assert same(found, expected)
    assert list(found[0][1][1]) == list(expected[0][1][1]) == list(model.params)


def test_the_joined_image_is_not_made() -> None:
    model = MODELS["Winograd"]()
    x = images(model)
    with nc.backend("numba"):
        _, cache = model.forward(x, training=True)
        shapes = [a.shape for a in _arrays(cache)]
        assert (2, 16, 20, 2 * LANES) in shapes
        assert (2, 16, 20, 3 * LANES) not in shapes
        with nc.config.winograd(False):
            _, cache = model.forward(x, training=True)
    assert (2, 16, 20, 3 * LANES) in [a.shape for a in _arrays(cache)]


@pytest.mark.parametrize("name", ["Winograd", "an activation that is fused"])
def test_a_cache_serves_where_the_gradient_is_computed_otherwise(name: str) -> None:
    model = MODELS[name]()
    x = images(model)
    y, cache = model.forward(x, training=True)
    dy = np.ones_like(y)
    expected = model.backward(dy, cache)
    with nc.backend("vectorized"):
        other = model.backward(dy, cache)
    with nc.config.winograd(False):
        direct = model.backward(dy, cache)
    for found in (other, direct):
        assert found[1].keys() == expected[1].keys()
        pairs = zip(
            (found[0], *found[1].values()), (expected[0], *expected[1].values()), strict=True
        )
        for a, b in pairs:
            np.testing.assert_allclose(a, b, rtol=0, atol=2e-5 * np.abs(b).max())


def test_gradients_that_are_handed_in_stay_as_they_are() -> None:
    model = MODELS["Winograd"]()
    x = images(model)
    y, cache = model.forward(x, training=True)
    dy = np.random.default_rng(1).normal(size=y.shape).astype(np.float32)
    before = [a.copy() for a in (x, dy, *_arrays(cache))]
    first, second = model.backward(dy, cache), model.backward(dy, cache)
    assert same(first, second)
    for a, b in zip((x, dy, *_arrays(cache)), before, strict=True):
        np.testing.assert_array_equal(a, b)


def test_frozen_layers() -> None:
    model = MODELS["Winograd"]()
    joined = model.layers[2]
    joined.freeze()
    x = images(model)
    y, cache = model.forward(x, training=True)
    _, grads = model.backward(np.ones_like(y), cache)
    assert not any(name.startswith(f"{joined.name}.") for name in grads)
    assert len(grads) == len(model.params) - 2


def test_where_nothing_is_to_be_gained() -> None:
    def left_alone(*layers: Layer) -> bool:
        found = with_pairs_apart(layers)
        return all(a is b for a, b in zip(found, layers, strict=True))

    two, three = (nc.Concatenate([nc.Identity() for _ in range(n)]) for n in (2, 3))
    assert not left_alone(two, conv(2))
    assert left_alone(three, conv(2))
    assert left_alone(two, nc.ReLU())
    assert left_alone(nc.Add([nc.Identity(), nc.Identity()]), conv(2))


def test_a_layer_below_that_returns_no_gradient_is_named() -> None:
    class Forgetful(Layer):
        def forward(self, x: Array, *, training: bool = False, rng: Any = None) -> Any:
            return x, None

        def backward(self, dy: Array, cache: Any, *, need_dx: bool = True) -> Any:
            return None, {}

    model = crossing([conv(2 * LANES)], [nc.MaxPool2D(2), Forgetful(name="mine"), up(LANES)])
    y, cache = model.forward(images(model), training=True)
    with pytest.raises(TypeError, match="'mine': backward returned no dx"):
        model.backward(np.ones_like(y), cache)


def test_which_pairs_pay() -> None:
    def pays(c_a: int, c_b: int, dtype: str = "float32", rows: int = 16, **geometry: Any) -> bool:
        a, b = np.empty((1, 16, 16, c_a), dtype), np.empty((1, rows, 16, c_b), "float32")
        w = np.empty((3, 3, geometry.pop("depth", c_a + c_b), 2 * LANES), dtype)
        options = {"stride": (1, 1), "padding": ((1, 1), (1, 1)), "dilation": (1, 1), "groups": 1}
        return pair.pair_pays(a, b, w, **options | geometry)

    assert pays(2 * LANES, LANES)
    assert pays(2 * LANES, LANES + 1)
    assert not pays(LANES + 1, 2 * LANES), "they meet within a vector"
    assert not pays(2 * LANES, LANES, "float64")
    assert not pays(2 * LANES, LANES, rows=8), "other sizes: the error is concatenation's"
    assert not pays(2 * LANES, LANES, depth=LANES), "wrong filters: the error is convolution's"
    assert not pays(2 * LANES, LANES, stride=(2, 2))
