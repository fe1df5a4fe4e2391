"""Fine-tuning: weights by name, a new head on an old model, frozen layers."""

from __future__ import annotations

import doctest
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nanocnn as nc
from nanocnn.models import weights
from nanocnn.models.saving import ModelFileError
from tests.layers.examples import same
from tests.models.examples import Scale, copies, pictures, small

HEAD = ("head.w", "head.b")


def with_head(classes: int, name: str | None = "head", *, seed: int = 1, **options: Any) -> Any:
    layers = [
        nc.Conv2D(4, 3, activation="relu"),
        Scale(),
        nc.MaxPool2D(3),
        nc.Flatten(),
        nc.Dense(8, activation="relu"),
        nc.Dense(classes, name=name),
    ]
    return nc.Sequential(layers, input_shape=(14, 12, 3), seed=seed, **options)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    old = with_head(2, seed=0)
    old[1].params["s"][...] = 3
    old[1].state["seen"][...] = 7
    old.save(tmp_path / "old.safetensors")
    return tmp_path / "old.safetensors"


def old(path: Path) -> nc.Sequential:
    return nc.load(path, custom_objects={"Scale": Scale})


def test_weights_by_name(path: Path) -> None:
    model = with_head(5, "new_head")
    before = copies(model)
    told = model.load_weights(path, by_name=True)
    body = ("conv2d_1.w", "conv2d_1.b", "scale_1.s", "dense_1.w", "dense_1.b")
    assert set(told.taken) == {*body, "scale_1.seen"}
    assert set(told.missing) == {"new_head.w", "new_head.b"}
    assert set(told.unused) == set(HEAD)
    assert told.mismatched == ()
    assert str(told).splitlines()[1:] == ["missing 2: new_head.w, new_head.b", "mismatched 0: -",
                                          "unused 2: head.b, head.w"]  # fmt: skip
    for name in body:
        assert same(model.params[name], old(path).params[name])
    for name in told.missing:
        assert same(model.params[name], before[name])
    assert model.state["scale_1.seen"] == 7


def test_what_has_the_name_but_not_the_shape(path: Path) -> None:
    model = with_head(5)
    before = copies(model)
    with pytest.raises(
        ModelFileError, match=r"head.w is float32 \(8, 2\) in the file, float32 \(8,"
    ):
        model.load_weights(path, by_name=True)
    assert same(copies(model), before)
    told = model.load_weights(path, by_name=True, skip_mismatch=True)
    assert told.mismatched == HEAD
    assert not told.missing + told.unused
    assert same(model.params["head.w"], before["head.w"])
    assert same(model.params["dense_1.w"], old(path).params["dense_1.w"])


def test_wrong_ways_to_ask(path: Path) -> None:
    with pytest.raises(ValueError, match="skip_mismatch is for by_name=True"):
        with_head(2).load_weights(path, skip_mismatch=True)
    with pytest.raises(ModelFileError, match=r"conv2d_1.w is float32 .* in the file, float64"):
        with_head(2, dtype="float64").load_weights(path, by_name=True)
    stranger = nc.Sequential([nc.Flatten(), nc.Dense(2, name="mine")], input_shape=(14, 12, 3))
    with pytest.raises(ModelFileError, match="no parameter that fits a name of this model; it has"):
        stranger.load_weights(path, by_name=True)
    told = with_head(2).load_weights(path)
    assert len(told.taken) == 8
    assert not told.missing + told.unused + told.mismatched


@pytest.mark.parametrize("optimizer", [nc.Adam(0.01), nc.AdamW(0.01, weight_decay=0.1)])
def test_a_new_head_alone_is_trained(optimizer: Any, path: Path) -> None:
    base = old(path)
    model = nc.Sequential([*base.layers[:-1], nc.Dense(3, name="new")], input_shape=(14, 12, 3))
    assert same({k: model.params[k] for k in list(base.params)[:-2]},
                {k: base.params[k] for k in list(base.params)[:-2]})  # fmt: skip
    model[:-1].freeze()
    before = copies(model)
    model.compile(optimizer, "softmax_cross_entropy")
    x, y = pictures(12)
    history = model.fit(x, y, epochs=5, batch_size=4, verbose=False).history["loss"]
    assert history[-1] < history[0]
    after = copies(model)
    for name in before:
        assert same(after[name], before[name]) == (not name.startswith("new."))
    model.unfreeze()
    model.fit(x, y, verbose=False)
    assert not any(same(copies(model)[name], before[name]) for name in before)


def test_a_frozen_layer_costs_no_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    model, (x, y) = small(), pictures(4)
    model[2].freeze()  # in the midst: dx is still needed, dw is not
    asked = []
    for i in (0, 2):
        layer: Any = model[i]
        inner = layer._op_backward

        def count(dy: Any, cache: Any, need_dx: bool, need_dw: bool, inner: Any = inner) -> Any:
            asked.append((need_dx, need_dw))
            return inner(dy, cache, need_dx, need_dw)

        monkeypatch.setattr(layer, "_op_backward", count)
    with nc.backend("vectorized"):
        logits, cache = model.forward(x, training=True)
        _, dy = nc.losses.softmax_cross_entropy(logits, y)
        _, grads = model.backward(dy, cache, need_dx=False)
    assert asked == [(True, False), (False, True)]
    assert not any(name.startswith("conv2d_2") for name in grads)
    asked.clear()
    model[:5].freeze()
    _, grads = model.backward(dy, cache, need_dx=False)
    assert asked == []  # nothing below the first layer that learns is asked at all
    assert set(grads) == {"dense_1.w", "dense_1.b", "dense_2.w", "dense_2.b"}


def test_the_examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for text in (nc.Sequential.load_weights.__doc__, weights.__doc__):
        example = doctest.DocTestParser().get_doctest(text or "", {}, "example", None, None)
        assert len(example.examples) > 4
        assert doctest.DocTestRunner().run(example).failed == 0
    assert os.listdir(tmp_path) == ["old.safetensors"]


def test_logits_of_a_shared_body_are_the_same(path: Path) -> None:
    base, (x, _) = old(path), pictures(4)
    model = nc.Sequential([base[:-1], nc.Dense(3, name="new")], input_shape=(14, 12, 3))
    np.testing.assert_array_equal(model[:1](x), base[:-1](x))
