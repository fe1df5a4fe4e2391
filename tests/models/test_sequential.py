"""The container: names, sharing, building, gradients through it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nanocnn as nc
from nanocnn.layers.base import Array
from nanocnn.models.sequential import output_shape_of
from tests.layers.examples import images, same, snapshot
from tests.models.examples import Scale, copies, pictures, small


def test_names_are_unique_and_stable() -> None:
    made = [nc.Conv2D(2, 1), nc.ReLU(), nc.Conv2D(2, 1), nc.MaxPool2D(2), nc.GlobalAveragePool2D()]
    model = nc.Sequential(made)
    names = ["conv2d_1", "re_lu_1", "conv2d_2", "max_pool2d_1", "global_average_pool2d_1"]
    assert [layer.name for layer in model] == names
    assert [layer.name for layer in nc.Sequential(made)] == names
    given = nc.Sequential([nc.Dense(2), nc.Dense(2, name="dense_1"), nc.Dense(2)])
    assert [layer.name for layer in given] == ["dense_2", "dense_1", "dense_3"]


def test_names_that_collide() -> None:
    with pytest.raises(ValueError, match="two layers are called 'a'; give each its own name"):
        nc.Sequential([nc.Dense(2, name="a"), nc.Dense(2, name="a")])


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda: nc.Sequential([]), ValueError, "at least one layer, got none"),
        (lambda: nc.Sequential([nc.Dense]), TypeError, r"layers\[0\] must be a layer, got <class"),
        (lambda: nc.Sequential([nc.ReLU(), None]), TypeError, r"layers\[1\] must be .* got None"),
        (lambda: nc.Sequential(nc.Dense(2)), TypeError, r"must be a list, .*write Sequential\(\["),
        (lambda: nc.Sequential([nc.ReLU()], seed=-1), ValueError, "seed must be .* got -1"),
        (lambda: nc.Sequential([nc.ReLU()], seed=1.5), ValueError, "seed must be .* got 1.5"),
        (lambda: nc.Sequential([nc.ReLU()], dtype="float16"), ValueError, "'float32' or 'float64'"),
        (lambda: nc.Sequential([nc.ReLU()], input_shape=(0, 3)), ValueError, r"got \(0, 3\)"),
        (lambda: nc.Sequential([nc.ReLU()], input_shape=5), ValueError, "such as .*, got 5"),
        (lambda: nc.Sequential([nc.ReLU()], input_shape=(None, 3)), ValueError, "whole numbers"),
        (lambda: nc.Sequential([nc.ReLU()], input_shape=(2.0, 3)), ValueError, r"got \(2.0, 3\)"),
    ],
)
def test_wrong_arguments(make: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message) as told:
        make()
    assert "\n" not in str(told.value)


def test_shapes_that_do_not_fit_name_the_layer() -> None:
    with pytest.raises(ValueError, match=r"Dense 'dense_1' needs rows.*put Flatten"):
        nc.Sequential([nc.Conv2D(2, 3), nc.Dense(2)], input_shape=(8, 8, 3))
    with pytest.raises(ValueError, match=r"Conv2D 'conv2d_2': the image is 3x3, .*smaller than"):
        nc.Sequential([nc.Conv2D(2, 3), nc.MaxPool2D(2), nc.Conv2D(2, 5)], input_shape=(8, 8, 3))


def test_a_failed_build_leaves_the_model_as_it_was() -> None:
    model = nc.Sequential([nc.Conv2D(2, 3), nc.Sequential([Scale()]), nc.Conv2D(2, 5)])
    with pytest.raises(ValueError, match="conv2d_2"):
        model.build((6, 6, 3), np.random.default_rng(0))
    assert model.params == {}
    assert model.state == {}
    assert model.input_shape is None
    assert model.build((9, 9, 1), np.random.default_rng(0)) == (3, 3, 2)


def test_seeds_decide_and_lazy_building_gives_the_same() -> None:
    first, again, other = small(), small(), small(seed=1)
    assert same(first.params, again.params)
    assert not same(first.params, other.params)
    lazy = nc.Sequential([type(layer)(**layer.get_config()) for layer in first])
    assert lazy.params == {}
    lazy.predict(pictures()[0])
    assert lazy.input_shape == (14, 12, 3)
    assert same(lazy.params, first.params)
    double = small(dtype="float64")
    for key, p in first.params.items():
        np.testing.assert_array_equal(p, double.params[key].astype(np.float32))


def test_gradients_of_the_whole_model() -> None:
    model = small("gelu")
    x, y = pictures(4)
    nc.gradcheck.check_model(model, x, y, loss="softmax_cross_entropy").raise_if_failed()


@pytest.mark.parametrize("rung", ["reference", "vectorized", "numba"])
def test_backward_equals_layer_after_layer(rung: str) -> None:
    model, (x, _) = small(dtype="float64"), pictures(2, dtype="float64")
    dy = images((2,), "float64", 2)
    before = snapshot(model)
    with nc.backend(rung):
        y, cache = model.forward(x, training=True, rng=0)
        dx, grads = model.backward(dy, cache)
        a: Array = x
        caches = []
        for layer in model:
            a, own = layer.forward(a, training=True)
            caches.append(own)
        d: Array | None = dy
        expected: dict[str, Array] = {}
        for layer, own in zip(reversed(model.layers), reversed(caches), strict=True):
            assert d is not None
            d, own_grads = layer.backward(d, own)
            expected |= {f"{layer.name}.{k}": g for k, g in own_grads.items()}
    np.testing.assert_array_equal(y, a)
    np.testing.assert_array_equal(dx, d)
    assert list(grads) == list(model.params)
    for key, g in grads.items():  # some are sums over windows, compiled, and not over pixels
        np.testing.assert_allclose(g, expected[key], rtol=0, atol=1e-14, strict=True)
    assert same(vars(model), before)


def test_need_dx_goes_down_and_stops_at_the_last_learner() -> None:
    calls = []

    class Spy(Scale):
        def backward(self, dy: Array, cache: Any, *, need_dx: bool = True) -> Any:
            calls.append((self.name, need_dx))
            return super().backward(dy, cache, need_dx=need_dx)

    model = nc.Sequential([Spy(name="a"), Spy(name="b"), Spy(name="c")], input_shape=(3,))
    y, cache = model.forward(images((3,)))
    model.backward(y, cache, need_dx=False)
    assert calls == [("c", True), ("b", True), ("a", False)]
    model[0].freeze()
    calls.clear()
    dx, grads = model.backward(y, cache, need_dx=False)
    assert calls == [("c", True), ("b", False)]
    assert dx is None
    assert list(grads) == ["b.s", "c.s"]
    model.freeze()
    assert model.backward(y, cache, need_dx=False) == (None, {})
    assert model.backward(y, cache)[0] is not None


def test_a_layer_that_stands_twice_gets_the_sum() -> None:
    shared = nc.Dense(4, activation="tanh")
    tied = nc.Sequential([shared, nc.ReLU(), shared], input_shape=(4,), dtype="float64")
    assert list(tied.params) == ["dense_1.w", "dense_1.b"]
    ends = [nc.Dense(4, activation="tanh") for _ in range(2)]
    apart = nc.Sequential([ends[0], nc.ReLU(), ends[1]], input_shape=(4,), dtype="float64")
    for layer in (apart[0], apart[2]):
        layer.params = copies(shared)
    x, dy = images((4,), "float64"), images((4,), "float64", seed=1)
    y, cache = tied.forward(x)
    dx, grads = tied.backward(dy, cache)
    y2, cache2 = apart.forward(x)
    dx2, grads2 = apart.backward(dy, cache2)
    np.testing.assert_array_equal(y, y2)
    np.testing.assert_array_equal(dx, dx2)
    for key in ("w", "b"):
        total = grads2[f"dense_2.{key}"] + grads2[f"dense_1.{key}"]
        np.testing.assert_array_equal(grads[f"dense_1.{key}"], total)
    nc.gradcheck.check_layer(tied, (4,)).raise_if_failed()


def test_slices_share_parameters() -> None:
    model, (x, _) = small(), pictures(3)
    front, back = model[:5], model[5:]
    assert front.output_shape == back.input_shape == (12,)
    np.testing.assert_array_equal(back(front(x)), model(x))
    front.params["conv2d_1.w"][...] = 0.5
    assert (model.params["conv2d_1.w"] == 0.5).all()
    model.params["dense_2.b"] += 1
    np.testing.assert_array_equal(back(front(x)), model(x))
    model[0].params = {"w": model[0].params["w"] * 2, "b": model[0].params["b"] + 1}
    np.testing.assert_array_equal(front.params["conv2d_1.w"], model.params["conv2d_1.w"])
    assert model[-1] is model.layers[-1]
    assert [layer.name for layer in model[2:4]] == ["conv2d_2", "max_pool2d_2"]
    assert len(model) == 7
    for empty in (slice(3, 3), slice(5, 2), slice(None, None, 2), slice(None, None, -1)):
        with pytest.raises(ValueError, match="at least one layer, in order"):
            model[empty]


def test_nested_models_are_layers() -> None:
    inner = nc.Sequential([nc.Conv2D(3, 3), nc.Sequential([nc.ReLU(), nc.Flatten()])])
    model = nc.Sequential([inner, nc.Dense(2)], input_shape=(5, 4, 2), dtype="float64", seed=3)
    assert list(model.params) == [
        "sequential_1.conv2d_1.w", "sequential_1.conv2d_1.b", "dense_1.w", "dense_1.b",
    ]  # fmt: skip
    assert {p.dtype for p in model.params.values()} == {np.dtype("float64")}
    flat = nc.Sequential([nc.Conv2D(3, 3), nc.ReLU(), nc.Flatten(), nc.Dense(2)],
                         input_shape=(5, 4, 2), dtype="float64", seed=3)  # fmt: skip
    x, dy = images((5, 4, 2), "float64"), images((2,), "float64", seed=1)
    (y, cache), (y2, cache2) = model.forward(x), flat.forward(x)
    np.testing.assert_array_equal(y, y2)
    (dx, grads), (dx2, grads2) = model.backward(dy, cache), flat.backward(dy, cache2)
    np.testing.assert_array_equal(dx, dx2)
    assert same(list(grads.values()), list(grads2.values()))
    inner.trainable = False
    assert list(model.backward(dy, cache)[1]) == ["dense_1.w", "dense_1.b"]
    assert not inner.trainable
    assert model.trainable
    model.unfreeze()
    assert len(model.backward(dy, cache)[1]) == 4


def test_asking_for_shapes_changes_nothing() -> None:
    model = nc.Sequential(
        [nc.Sequential([nc.Conv2D(2, 3), Scale()]), nc.GlobalAveragePool2D(), Scale(), nc.Dense(2)],
        input_shape=(6, 6, 1),
    )
    for p in model.params.values():
        p[...] = 0.25
    model.state["scale_1.seen"][...] = 9
    before = snapshot(model)
    assert model.multiply_adds((9, 8, 1)) == 7 * 6 * 9 * 2 + 2 * 2
    assert output_shape_of(model, (12, 12, 1)) == (2,)
    _ = model[1:]
    model.build((6, 6, 1), np.random.default_rng(5))
    assert same(vars(model[1:]), vars(model[1:]))
    assert same(vars(model), before)


def test_built_parts_keep_their_parameters_in_a_new_model() -> None:
    base = small()
    before = copies(base)
    new = nc.Sequential([*base.layers[:5], nc.Dense(3)], input_shape=(14, 12, 3), seed=9)
    assert same(copies(base), before)
    assert new.params["conv2d_1.w"] is base.params["conv2d_1.w"]
    assert new[-1].name == "dense_1"
    with pytest.raises(ValueError, match=r"Conv2D 'conv2d_1' has float32 parameters .*is float64"):
        nc.Sequential(base.layers[:5], input_shape=(14, 12, 3), dtype="float64")
    with pytest.raises(ValueError, match="Conv2D 'conv2d_1' has parameters of shapes"):
        nc.Sequential(base.layers[:5], input_shape=(14, 12, 1))


def test_multiply_adds_of_a_model_without_shapes() -> None:
    model = nc.Sequential([nc.Dense(2)])
    with pytest.raises(ValueError, match="Sequential is not built; give it an input_shape"):
        model.multiply_adds((4,))
    assert model.params == {}


def test_inference_from_many_threads() -> None:
    from concurrent.futures import ThreadPoolExecutor

    model = small()
    xs = [pictures(5, seed=s)[0] for s in range(8)]
    expected = [model(x) for x in xs]
    with ThreadPoolExecutor(4) as pool:
        for y, z in zip(pool.map(model, xs), expected, strict=True):
            np.testing.assert_array_equal(y, z)


def test_repr_shows_the_layers() -> None:
    model = nc.Sequential([nc.Flatten(), nc.Dense(2)], input_shape=(2, 2, 1))
    twin = eval(repr(model), vars(nc))
    assert repr(twin) == repr(model)
    assert "Dense(units=2" in repr(model)


def test_a_layer_that_forgets_dx_is_named() -> None:
    class Forgetful(nc.Layer):
        def forward(self, x, *, training=False, rng=None):  # type: ignore[no-untyped-def]
            return x, None

        def backward(self, dy, cache, *, need_dx=True):  # type: ignore[no-untyped-def]
            return None, {}

    model = nc.Sequential([nc.Dense(3), Forgetful(name="sieve")], input_shape=(2,))
    y, cache = model.forward(np.ones((1, 2), np.float32))
    with pytest.raises(TypeError, match="Forgetful 'sieve': backward returned no dx"):
        model.backward(y, cache)
