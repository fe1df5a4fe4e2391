"""What every layer must keep to: shapes, dtypes, purity, gradients, configuration."""

from __future__ import annotations

import json

import numpy as np
import pytest

import nanocnn as nc
from nanocnn import layers
from nanocnn.layers.base import Array, Layer
from tests.layers.examples import CASES, NAMES, built, images, remade, same, snapshot

KINDS = [*layers.__all__, "Sequential"]
every_layer = pytest.mark.parametrize("name", NAMES)


def run(layer: Layer, x: Array, dy: Array) -> tuple[Array, Array | None, dict[str, Array]]:
    y, cache = layer.forward(x, training=True, rng=7)
    dx, grads = layer.backward(dy, cache)
    return y, dx, grads


def test_every_exported_layer_has_a_case() -> None:
    assert {name.split()[0] for name in NAMES} == set(layers.__all__) - {"Layer"}


@every_layer
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_shapes_and_dtypes(name: str, dtype: str) -> None:
    make, input_shape, output_shape = CASES[name]
    layer = make()
    layer.dtype = dtype
    assert layer.build(input_shape, np.random.default_rng(0)) == output_shape
    assert {p.dtype for p in layer.params.values()} <= {np.dtype(dtype)}
    x, dy = images(input_shape, dtype), images(output_shape, dtype, seed=1)
    y, dx, grads = run(layer, x, dy)
    assert (y.shape, y.dtype) == (dy.shape, dy.dtype)
    assert dx is not None
    assert (dx.shape, dx.dtype) == (x.shape, x.dtype)
    for key, g in grads.items():
        assert (g.shape, g.dtype) == (layer.params[key].shape, x.dtype)


@every_layer
def test_forward_and_backward_change_nothing(name: str) -> None:
    layer, input_shape, output_shape = built(name)
    x, dy = images(input_shape), images(output_shape, seed=1)
    before, x_before, dy_before = snapshot(layer), x.copy(), dy.copy()
    x.flags.writeable = dy.flags.writeable = False
    run(layer, x, dy)
    layer(x)
    layer.forward(x)
    assert same(vars(layer), before)
    np.testing.assert_array_equal(x, x_before)
    np.testing.assert_array_equal(dy, dy_before)


@every_layer
def test_two_passes_may_be_open_at_once(name: str) -> None:
    layer, input_shape, output_shape = built(name)
    xs = [images(input_shape, seed=s) for s in (0, 1)]
    dys = [images(output_shape, seed=s) for s in (2, 3)]
    alone = [run(layer, x, dy)[1:] for x, dy in zip(xs, dys, strict=True)]
    for order in ((0, 1), (1, 0)):
        caches = [layer.forward(x, training=True, rng=7)[1] for x in xs]
        for i in order:
            assert same(layer.backward(dys[i], caches[i]), alone[i])
    again = layer.forward(xs[0], training=True, rng=7)[1]
    first, second = (layer.backward(dys[0], again) for _ in range(2))
    assert same(first, second), "a second backward pass must not add to the first"


@every_layer
def test_gradients_have_the_keys_of_the_parameters(name: str) -> None:
    layer, input_shape, output_shape = built(name)
    x, dy = images(input_shape), images(output_shape, seed=1)
    _, dx, grads = run(layer, x, dy)
    assert list(grads) == list(layer.params)
    layer.freeze()
    _, frozen_dx, frozen_grads = run(layer, x, dy)
    assert frozen_grads == {}
    # Frozen batch normalization computes something else: the running statistics are constants.
    assert same(frozen_dx, dx) != isinstance(layer, nc.BatchNorm)
    layer.unfreeze()
    assert same(run(layer, x, dy)[2], grads)


@every_layer
def test_dx_only_where_it_is_needed(name: str) -> None:
    layer, input_shape, output_shape = built(name)
    x, dy = images(input_shape), images(output_shape, seed=1)
    _, cache = layer.forward(x, training=True, rng=7)
    dx, grads = layer.backward(dy, cache, need_dx=False)
    assert dx is None
    assert same(grads, layer.backward(dy, cache)[1])


@every_layer
def test_inference_is_the_forward_pass_without_training(name: str) -> None:
    layer, input_shape, _ = built(name)
    x = images(input_shape)
    np.testing.assert_array_equal(layer(x), layer.forward(x, training=False)[0])


@every_layer
def test_gradients_are_right(name: str) -> None:
    layer, input_shape, _ = built(name)
    nc.gradcheck.check_layer(layer, input_shape).raise_if_failed()


@every_layer
def test_config_round_trip(name: str) -> None:
    layer, input_shape, output_shape = built(name)
    config = layer.get_config()
    json.dumps(config)
    twin = remade(layer)
    assert twin.get_config() == config
    assert twin.build(input_shape, np.random.default_rng(0)) == output_shape
    if layer.params:
        twin.params = layer.params
    x = images(input_shape)
    np.testing.assert_array_equal(twin(x), layer(x))


@every_layer
def test_repr_makes_the_layer_again(name: str) -> None:
    layer = CASES[name][0]()
    twin = eval(repr(layer), {kind: getattr(nc, kind) for kind in KINDS})
    assert twin.get_config() == layer.get_config()


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("Dropout", "Identity")])
def test_wrong_dtypes_are_refused(name: str) -> None:
    layer, input_shape, _ = built(name)
    with pytest.raises(TypeError, match="int64"):
        layer(np.ones((2, *input_shape), np.int64))
    if layer.params:
        with pytest.raises(TypeError, match=r"float64 but (w|gamma) is float32"):
            layer(np.ones((2, *input_shape)))


@pytest.mark.parametrize("layer", [nc.Conv2D(2, 3), nc.Dense(2), nc.Dense(2, name="head")])
def test_a_layer_that_is_not_built_says_so(layer: Layer) -> None:
    x = np.ones((1, 5, 5, 1), np.float32)
    with pytest.raises(ValueError, match=f"{type(layer).__name__}.* has no parameters yet; give"):
        layer(x)


def test_copies_that_share_parameters_share_freezing() -> None:
    layer, _, _ = built("Dense softmax")
    assert isinstance(layer, nc.Dense)
    bare = layer.without_activation()
    layer.freeze()
    assert not bare.trainable
    layer.params = {"w": np.ones((5, 3), np.float32), "b": np.zeros(3, np.float32)}
    assert same(bare.params, layer.params)
    assert layer.activation == "softmax"


def test_a_new_layer_needs_six_things() -> None:
    """The example of `nanocnn.layers.base`, as it stands there."""
    from typing import NamedTuple

    class ScaleCache(NamedTuple):
        x: Array

    names = {"Layer": Layer, "np": np, "ScaleCache": ScaleCache}
    lines = (layers.base.__doc__ or "").splitlines()
    body = [line[4:] for line in lines if line.startswith("    ") or not line.strip()]
    exec("\n".join(body), names)
    scale = names["Scale"]()  # type: ignore[operator]
    nc.gradcheck.check_layer(scale, (3, 4)).raise_if_failed()
