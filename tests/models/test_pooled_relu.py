"""relu's slope taken behind max pooling: the numbers of layer after layer, from less memory.

Compiled, the gradients of filters and biases are sums over windows and not over pixels, of which
all but one in a window are 0: the same numbers, added up in another order.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nanocnn as nc
from nanocnn.layers.base import Array, Layer
from nanocnn.models.pooled_relu import with_pooled_slopes
from nanocnn.models.summary import _arrays
from tests.layers.examples import same

WINDOWS: dict[str, dict[str, Any]] = {
    "side by side": {"window": 2},
    "overlapping": {"window": 3, "stride": 2},
    "with padding": {"window": (2, 3), "stride": (2, 1), "padding": "same"},
}


def model_of(dtype: str = "float32", **window: Any) -> nc.Sequential:
    layers = [
        nc.Conv2D(5, 3, activation="relu"),
        nc.MaxPool2D(**window),
        nc.Conv2D(4, 2, activation="relu", use_bias=False),
        nc.MaxPool2D(**window),
        nc.Flatten(),
        nc.Dense(3),
    ]
    return nc.Sequential(layers, input_shape=(17, 15, 2), dtype=dtype)


def images(dtype: str) -> Array:
    """Return images of small whole numbers, so that windows have equal values and many zeros."""
    x = np.random.default_rng(0).integers(-2, 3, (3, 17, 15, 2)).astype(dtype)
    x[0, :8] = 0
    return x


def one_after_another(model: nc.Sequential, x: Array, dy: Array) -> tuple[Array, Any, Any]:
    caches: list[Any] = []
    grads: dict[str, Array] = {}
    for layer in model:
        x, cache = layer.forward(x, training=True)
        caches.append(cache)
    y, d = x, dy
    for layer, cache in zip(reversed(model.layers), reversed(caches), strict=True):
        dx, own = layer.backward(d, cache)
        assert dx is not None
        d = dx
        grads |= {f"{layer.name}.{key}": g for key, g in own.items()}
    return y, d, {key: grads[key] for key in model.params}


def check_grads(found: dict[str, Array], expected: dict[str, Array], exact: bool) -> None:
    """Compare bits, or to the rounding of a sum of a few hundred numbers."""
    assert list(found) == list(expected)
    for key, g in expected.items():
        eps = 0.0 if exact else 16 * float(np.finfo(g.dtype).eps)
        np.testing.assert_allclose(found[key], g, rtol=0, atol=eps * np.abs(g).max(), strict=True)


@pytest.mark.parametrize("rung", nc.BACKENDS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("window", WINDOWS)
def test_same_as_layer_after_layer(window: str, dtype: str, rung: str) -> None:
    model, x = model_of(dtype, **WINDOWS[window]), images(dtype)
    model.params["conv2d_1.w"][...] = np.round(4 * model.params["conv2d_1.w"])  # makes equal values
    dy = np.random.default_rng(1).normal(size=(3, 3)).astype(dtype)
    with nc.backend(rung):
        y, dx, grads = one_after_another(model, x, dy)
        found, cache = model.forward(x, training=True)
        np.testing.assert_array_equal(found, y, strict=True)
        found_dx, found_grads = model.backward(dy, cache)
        np.testing.assert_array_equal(np.asarray(found_dx), dx, strict=True)
        check_grads(found_grads, grads, exact=rung != "numba")
        assert same(model.backward(dy, cache), (dx, found_grads))  # a cache is not used up
        assert same(model.backward(dy, cache, need_dx=False), (None, found_grads))
    assert (dx == 0).any()
    assert (dx != 0).any()


def test_a_nan_goes_the_same_way() -> None:
    model, x = model_of(window=2), images("float32")
    x[1, 6, 5, 0] = np.nan
    dy = np.ones((3, 3), np.float32)
    y, dx, grads = one_after_another(model, x, dy)
    found, cache = model.forward(x, training=True)
    assert np.isnan(found[1]).all()
    np.testing.assert_array_equal(found, y)
    found_dx, found_grads = model.backward(dy, cache)
    np.testing.assert_array_equal(found_dx, dx)
    for key, g in grads.items():
        lost = np.isnan(found_grads[key])
        assert lost.any() == np.isnan(g).any()
        # 0 times NaN is NaN: a pixel that did not win spoils sums over pixels, not over windows.
        assert (lost <= np.isnan(g)).all()


def test_the_output_of_the_convolution_is_not_kept() -> None:
    model, x = model_of(window=2), images("float32")
    _, cache = model.forward(x, training=True)
    kept = [a.shape for a in _arrays(cache)]
    assert (3, 7, 6, 5) in kept, "what the first pooling gives out"
    assert (3, 15, 13, 5) not in kept, "what the first convolution gives out"
    _, cache = model.layers[0].forward(x)
    assert (3, 15, 13, 5) in [a.shape for a in _arrays(cache)], "alone, it has to keep it"


def test_where_nothing_is_to_be_gained() -> None:
    def left_alone(*layers: Layer) -> bool:
        found = with_pooled_slopes(layers)
        return all(a is b for a, b in zip(found, layers, strict=True))

    conv, pool = nc.Conv2D(2, 3, activation="relu"), nc.MaxPool2D(2)
    assert not left_alone(conv, pool)
    assert not left_alone(nc.ReLU(), conv, pool, conv)
    assert left_alone(conv)
    assert left_alone(pool, conv)
    assert left_alone(conv, nc.AveragePool2D(2))
    assert left_alone(nc.Conv2D(2, 3), pool)
    assert left_alone(nc.Conv2D(2, 3, activation="tanh"), pool)  # other slopes at equal values


def test_frozen_layers_and_layers_that_stand_twice() -> None:
    conv, pool = nc.Conv2D(2, 3, padding="same", activation="relu"), nc.MaxPool2D(2)
    model = nc.Sequential([conv, pool, conv, pool], input_shape=(8, 12, 2))
    x = np.random.default_rng(0).normal(size=(2, 8, 12, 2)).astype(np.float32)
    dy = np.ones((2, 2, 3, 2), np.float32)
    first, first_cache = conv.forward(x)
    pooled, pool_cache = pool.forward(first)
    second, second_cache = conv.forward(pooled)
    _, last_cache = pool.forward(second)
    d, own = conv.backward(np.asarray(pool.backward(dy, last_cache)[0]), second_cache)
    dx, others = conv.backward(np.asarray(pool.backward(np.asarray(d), pool_cache)[0]), first_cache)
    found, grads = model.backward(dy, model.forward(x)[1])
    np.testing.assert_array_equal(found, dx)
    both = {f"{conv.name}.{key}": own[key] + others[key] for key in own}
    check_grads(grads, both, exact=False)
    conv.freeze()
    found, grads = model.backward(dy, model.forward(x)[1])
    np.testing.assert_array_equal(found, dx)
    assert grads == {}
