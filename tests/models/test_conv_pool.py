"""Convolution and pooling in one go within models: the bits of the layers, and less memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import nanocnn as nc
from nanocnn.kernels import choice, memory
from nanocnn.layers.base import Array
from tests.models.examples import Scale, small


def conv(filters: int = 5, **options: Any) -> nc.Conv2D:
    return nc.Conv2D(filters, 3, activation="relu", **options)


def twice() -> nc.Sequential:
    """Return a model in which a convolution stands three times, and a pooling twice."""
    shared, pool = conv(2, padding="same"), nc.MaxPool2D(2)
    return nc.Sequential([shared, pool, shared, pool, shared, nc.MaxPool2D(1), nc.Flatten()],
                         input_shape=(16, 15, 2))  # fmt: skip


def model_of(*layers: Any, dtype: str = "float32") -> nc.Sequential:
    return nc.Sequential([*layers], input_shape=(16, 15, 2), dtype=dtype, seed=3)


MODELS: dict[str, Callable[[], nc.Sequential]] = {
    "convolution and pooling alone": lambda: model_of(conv(), nc.MaxPool2D(2)),
    "float64": lambda: model_of(conv(), nc.MaxPool2D(2), conv(), nc.MaxPool2D(2), dtype="float64"),
    "pooling with padding": lambda: model_of(conv(), nc.MaxPool2D(3, stride=2, padding="same")),
    "overlapping": lambda: model_of(conv(), nc.MaxPool2D(3, stride=(1, 2)), nc.Flatten()),
    "stride, dilation, groups": lambda: model_of(
        conv(4, stride=(2, 1), padding="same", groups=2),
        nc.MaxPool2D((2, 3), stride=(1, 3)),
        conv(6, dilation=(2, 1), use_bias=False),
        nc.MaxPool2D((2, 1)),
    ),
    "nested": lambda: model_of(
        nc.Sequential([conv(), nc.MaxPool2D(2)]),
        conv(),
        nc.Sequential([nc.MaxPool2D(2), nc.Flatten(), nc.Dense(3)]),
    ),
    "layers that stand twice": twice,
    "a layer of the user's own between": lambda: model_of(conv(), Scale(), nc.MaxPool2D(2)),
    "a layer of the user's own around": lambda: model_of(
        Scale(), conv(), nc.MaxPool2D(2), Scale(), conv(), nc.MaxPool2D(2)
    ),
    "Winograd": lambda: model_of(
        conv(16), nc.MaxPool2D(2), conv(32, padding="same"), nc.MaxPool2D(2)
    ),
}


def images(model: nc.Sequential) -> Array:
    """Return images of small whole numbers: equal values, and zeros behind relu."""
    numbers = np.random.default_rng(0).integers(-2, 3, (3, 16, 15, 2))
    return numbers.astype(model.dtype)


def layer_after_layer(model: nc.Sequential, x: Array) -> Array:
    for layer in model:
        x = layer_after_layer(layer, x) if isinstance(layer, nc.Sequential) else layer(x)
    return x


@pytest.mark.parametrize("rung", nc.BACKENDS)
@pytest.mark.parametrize("name", MODELS)
def test_inference_equals_layer_after_layer(name: str, rung: str) -> None:
    model = MODELS[name]()
    x = images(model)
    with nc.backend(rung):
        expected = layer_after_layer(model, x)
        assert expected.any()
        np.testing.assert_array_equal(model(x), expected, strict=True)
        np.testing.assert_array_equal(model.forward(x)[0], expected, strict=True)
        np.testing.assert_array_equal(model.predict(x), expected, strict=True)


@pytest.mark.parametrize("backward_on", nc.BACKENDS)
@pytest.mark.parametrize("forward_on", nc.BACKENDS)
def test_forward_on_one_rung_and_backward_on_another(forward_on: str, backward_on: str) -> None:
    model = small(dtype="float64")
    x = np.random.default_rng(0).normal(size=(2, 14, 12, 3))
    dy = np.ones((2, 2))
    with nc.backend("reference"):
        expected_dx, expected = model.backward(dy, model.forward(x)[1])
    with nc.backend(forward_on):
        _, cache = model.forward(x)
    with nc.backend(backward_on):
        dx, grads = model.backward(dy, cache)
    np.testing.assert_allclose(dx, expected_dx, rtol=0, atol=1e-12)
    for key, g in expected.items():
        np.testing.assert_allclose(grads[key], g, rtol=0, atol=1e-12)


def test_the_summary_is_the_same_on_every_rung() -> None:
    texts = set()
    for rung in nc.BACKENDS:
        with nc.backend(rung):
            texts.add(small().summary())
    assert len(texts) == 1


def peak(call: Callable[[], Any]) -> tuple[int, Any]:
    """Return the bytes that a call needs at worst, in the kernels too, and what it returns."""
    call()  # compiled, planned
    memory.release_memory()
    tracemalloc.start()
    try:
        found = call()
        return tracemalloc.get_traced_memory()[1], found
    finally:
        tracemalloc.stop()


@pytest.fixture
def one_thread() -> Iterator[None]:
    before = nc.get_num_threads()
    nc.set_num_threads(1)
    yield
    nc.set_num_threads(before)


@pytest.mark.compiled
@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("filters", [8, 64, 20], ids=["bands", "Winograd", "two passes"])
def test_the_largest_array_is_never_made(filters: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two of three kinds never make it, nor its gradient; the third shows that it would be seen.

    Where filters do not fill Winograd's vectors, one kernel follows the other.
    """
    monkeypatch.setattr(choice, "_nearest_speedup", lambda *shape: 2.0)  # whatever was measured
    model = nc.Sequential([conv(filters), nc.MaxPool2D(2)], input_shape=(66, 62, 12))
    x = np.random.default_rng(0).normal(size=(12, 66, 62, 12)).astype(np.float32)
    largest = 12 * 64 * 60 * filters * 4
    with nc.backend("numba"):
        inference, y = peak(lambda: model(x))
        training, (_, cache) = peak(lambda: model.forward(x, training=True))
        alone, _ = peak(lambda: layer_after_layer(model, x))
        backward, _ = peak(lambda: model.backward(y, cache, need_dx=False))
    kept = y.nbytes + y.size  # and a byte that tells the winner
    assert alone > largest + kept
    if filters == 20:
        assert min(inference, training) > largest + kept
        assert largest < backward < 2 * largest  # dz, which is 0 but at the winners
    else:
        assert kept < min(inference, training)
        assert max(inference, training, backward) < 0.7 * largest
