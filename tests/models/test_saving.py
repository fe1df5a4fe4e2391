"""Saving and loading: the same bits come back, and a kept file of format 1 loads for ever."""

from __future__ import annotations

import ast
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open

import nanocnn as nc
from nanocnn.layers.base import Array
from nanocnn.optimizers import Optimizer
from tests.layers.examples import same
from tests.models import make_format1
from tests.models.examples import Scale, copies, half_square, pictures, small

PACKAGE = Path(nc.__file__).parent


def saved(model: nc.Sequential, folder: Path, **options: Any) -> nc.Sequential:
    model.save(folder / "m.safetensors")
    return nc.load(folder / "m.safetensors", **options)


def largest(target: Array, y: Array) -> float:
    return float(y.max())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_round_trip_keeps_every_bit(dtype: str, tmp_path: Path) -> None:
    model, (x, y) = small(dtype=dtype, seed=4), pictures()
    model.compile("adam", "softmax_cross_entropy", ["accuracy"])
    model.fit(x, y, verbose=False)
    loaded = saved(model, tmp_path)
    assert list(loaded.params) == list(model.params)
    assert same(loaded.params, model.params)
    assert repr(loaded) == repr(model)
    assert loaded.output_shape == (2,)
    assert {layer.dtype for layer in loaded} == {dtype}
    np.testing.assert_array_equal(loaded.predict(x), model.predict(x))
    assert loaded.evaluate(x, y) == model.evaluate(x, y)
    assert all(p.flags.writeable for p in loaded.params.values())


def test_training_goes_on_alike_from_a_file(tmp_path: Path) -> None:
    model, (x, y) = small(), pictures()
    model.compile(nc.SGD(0.1, clip_norm=0.5), "softmax_cross_entropy", ["accuracy"])
    loaded = saved(model, tmp_path)
    for each in (model, loaded):
        each.fit(x, y, epochs=2, batch_size=5, verbose=False)
    assert same(loaded.params, model.params)


@pytest.mark.parametrize(
    "optimizer",
    [
        nc.SGD(0.5, momentum=0.9, nesterov=True, clip_norm=2.0),
        nc.RMSprop(0.01, weight_decay=0.1, decay_vectors=True),
        nc.Adam(3e-4, clip_value=0.25),
        nc.AdamW(1e-3),
    ],
)
def test_what_it_was_compiled_with(optimizer: Optimizer, tmp_path: Path) -> None:
    model = small("softmax")
    model.compile(optimizer, nc.losses.categorical_crossentropy, [])
    loaded = saved(model, tmp_path)
    assert loaded.optimizer is not None
    assert loaded.optimizer.get_config() == optimizer.get_config()
    assert (loaded.loss, loaded.metrics) == ("categorical_crossentropy", ())
    bare = saved(model, tmp_path, compile=False)
    assert bare.loss is bare.optimizer is None


def test_not_compiled(tmp_path: Path) -> None:
    loaded = saved(small(), tmp_path)
    assert loaded.loss is None
    with pytest.raises(RuntimeError, match=r"call model.compile\(optimizer=..., loss=...\) first"):
        loaded.fit(*pictures())


def test_frozen_shared_and_nested(tmp_path: Path) -> None:
    one, other = nc.Dense(4), nc.Dense(4)  # each called dense_1 in its own container
    inner = nc.Sequential([one, nc.Tanh()], name="inner")
    second = nc.Sequential([other, one.__class__(4, name="lone")], name="second")
    model = nc.Sequential([inner, second, inner, other], input_shape=(4,), seed=2)
    other.freeze()
    loaded = saved(model, tmp_path)
    x = np.random.default_rng(0).random((3, 4), np.float32)
    np.testing.assert_array_equal(loaded(x), model(x))
    assert loaded.layers[0] is loaded.layers[2]
    assert loaded.layers[1].layers[0] is loaded.layers[3]  # type: ignore[attr-defined]
    assert loaded.layers[0].layers[0] is not loaded.layers[3]  # type: ignore[attr-defined]
    assert not loaded.layers[3].trainable
    y, cache = loaded.forward(x)
    assert list(loaded.backward(y, cache)[1]) == list(model.backward(*model.forward(x))[1])
    assert not any("dense_1" in key and "second" in key for key in loaded.backward(y, cache)[1])


def test_own_layers_losses_metrics_and_initializers(tmp_path: Path) -> None:
    def threes(shape: tuple[int, ...], rng: np.random.Generator, dtype: str) -> Array:
        return np.full(shape, 3, dtype)

    class Slow(nc.SGD):
        pass

    model = nc.Sequential(
        [Scale(), nc.Flatten(), nc.Dense(2, initializer=threes)], input_shape=(3, 3, 1)
    )
    x, t = np.random.default_rng(0).random((8, 3, 3, 1), np.float32), np.eye(2)[np.arange(8) % 2]
    model.compile(Slow(0.01), half_square, [largest])
    model.fit(x, t, epochs=2, verbose=False)
    assert model.state["scale_1.seen"] == 16
    custom = {f.__name__: f for f in (Scale, half_square, largest, threes, Slow)}
    loaded = saved(model, tmp_path, custom_objects=custom)
    assert same(loaded.params, model.params)
    assert same(loaded.state, model.state)
    assert (loaded.loss, loaded.metrics) == (half_square, (largest,))
    assert type(loaded.optimizer) is Slow
    assert loaded.evaluate(x, t) == model.evaluate(x, t)

    path = tmp_path / "m.safetensors"
    for name in ("half_square", "largest", "Slow", "threes", "Scale"):
        fewer = {k: v for k, v in custom.items() if k != name}
        with pytest.raises(ValueError, match=f"'{name}'.*custom_objects|'{name}' is unknown"):
            nc.load(path, custom_objects=fewer)
    only = {"Scale": Scale, "threes": threes}
    np.testing.assert_array_equal(
        nc.load(path, custom_objects=only, compile=False).predict(x), model.predict(x)
    )


def test_an_own_loss_with_the_name_of_ours_is_not_taken_for_it(tmp_path: Path) -> None:
    def mean_squared_error(y: Array, target: Array) -> tuple[float, Array]:
        return 0.0, np.zeros_like(y)

    model = small()
    model.compile("sgd", mean_squared_error, [])
    with pytest.raises(ValueError, match="'mean_squared_error' is a function of your own; pass"):
        saved(model, tmp_path)
    loaded = saved(model, tmp_path, custom_objects={"mean_squared_error": mean_squared_error})
    assert loaded.loss is mean_squared_error


def test_a_failing_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "m.safetensors"
    small(seed=0).save(path)
    before = path.read_bytes()

    def fail(*args: object) -> None:
        raise OSError("no space left")

    for name in ("replace", "fsync"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, fail)
            with pytest.raises(OSError, match="no space left"):
                small(seed=1).save(path)
        assert path.read_bytes() == before
        assert os.listdir(tmp_path) == ["m.safetensors"]
    small(seed=1).save(path)
    assert path.read_bytes() != before


def test_the_file_is_plain_safetensors(tmp_path: Path) -> None:
    model = small()
    path = tmp_path / "m.safetensors"
    model.save(str(path))
    assert path.stat().st_mode & 0o777 == 0o666 & ~_umask()
    with safe_open(path, framework="numpy") as file:
        about = json.loads(file.metadata()["nanocnn"])
        assert about["format"] == 1
        assert about["model"]["layers"][0]["class"] == "Conv2D"
        assert set(file.keys()) == {f"params/{key}" for key in model.params}
        np.testing.assert_array_equal(
            file.get_tensor("params/dense_1.w"), model.params["dense_1.w"]
        )


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_what_cannot_be_saved(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not built, so there is nothing to save"):
        nc.Sequential([nc.Dense(2)]).save(tmp_path / "m")
    with pytest.raises(FileNotFoundError, match=r"no folder .*nowhere to save m in; make it first"):
        small().save(tmp_path / "nowhere" / "m")

    class Odd(Scale):
        def get_config(self) -> dict[str, Any]:
            return {"f": lambda: 0}

    with pytest.raises(TypeError, match=r"get_config of a layer .*JSON cannot hold: .*function"):
        nc.Sequential([Odd()], input_shape=(2,)).save(tmp_path / "m")
    assert os.listdir(tmp_path) == []


def test_load_weights(tmp_path: Path) -> None:
    model, twin = small(seed=0), small(seed=1)
    path = tmp_path / "m.safetensors"
    model.save(path)
    arrays = list(twin.params.values())
    twin.load_weights(path)
    assert same(twin.params, model.params)
    assert all(a is b for a, b in zip(arrays, twin.params.values(), strict=True))
    with pytest.raises(ValueError, match="the model is not built; give it an input_shape"):
        nc.Sequential([nc.Dense(2)]).load_weights(path)


def test_load_weights_of_another_architecture_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    small().save(path)
    others = [
        nc.Sequential([nc.Flatten(), nc.Dense(2)], input_shape=(14, 12, 3)),
        nc.Sequential([*small().layers[:6], nc.Dense(3)], input_shape=(14, 12, 3)),
        nc.Sequential([*small().layers, nc.Dense(3)], input_shape=(14, 12, 3)),
        small(dtype="float64"),
    ]
    messages = [
        "not known conv2d_1.b, conv2d_1.w",
        r"dense_2.[bw] is float32 \(.*2,?\) in the file, float32 \(.*3,?\) in the model",
        "missing dense_3.b, dense_3.w",
        "is float32 .* in the file, float64",
    ]
    for model, message in zip(others, messages, strict=True):
        before = copies(model)
        with pytest.raises(ValueError, match=f"does not fit this architecture: .*({message})"):
            model.load_weights(path)
        assert same(copies(model), before)


@pytest.mark.parametrize("rung", nc.BACKENDS)
def test_the_kept_file_of_format_1(rung: str) -> None:
    assert make_format1.PATH.stat().st_size < 20_000
    model = nc.load(make_format1.PATH)
    with nc.backend(rung):
        got = model.predict(make_format1.images())
    assert got.dtype == np.float32
    assert got.tolist() == [
        [0.6760406494140625, -0.349456787109375, 0.3723297119140625],
        [0.662322998046875, -0.361083984375, 0.420928955078125],
    ]
    assert model.layers[5] is model.layers[6]
    assert model.layers[0].layers[2].trainable is False  # type: ignore[attr-defined]
    assert model.optimizer is not None
    assert (
        model.optimizer.get_config()
        == nc.SGD(0.125, momentum=0.5, nesterov=True, weight_decay=0.25).get_config()
    )
    assert (model.loss, model.metrics) == ("softmax_cross_entropy", ("accuracy",))


def test_the_kept_file_is_what_is_written_today(tmp_path: Path) -> None:
    made = make_format1.model()
    made.save(tmp_path / "now.safetensors")
    assert repr(nc.load(tmp_path / "now.safetensors")) == repr(nc.load(make_format1.PATH))
    assert same(made.params, nc.load(make_format1.PATH).params)


def test_no_pickle_anywhere() -> None:
    """No module that could execute what a file contains, and NumPy's own is told not to."""
    banned = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name.split(".")[0] for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [(node.module or "").split(".")[0]]
            elif isinstance(node, ast.Call):
                called = getattr(node.func, "id", getattr(node.func, "attr", ""))
                owner = getattr(getattr(node.func, "value", None), "id", "")
                assert called not in {"eval", "exec", "__import__"}, path
                for word in node.keywords:
                    if word.arg == "allow_pickle":
                        assert isinstance(word.value, ast.Constant), path
                        assert word.value.value is False, path
                assert (owner, called) != ("np", "save"), path
            assert not banned & set(names), path
