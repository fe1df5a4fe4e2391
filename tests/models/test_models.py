"""The models of the papers: their sizes, a first loss of ln K, and one batch learnt by heart."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nanocnn as nc
from nanocnn.layers.base import Array

K = 3
SHAPE = (16, 16, 2)


def all_containers() -> nc.Sequential:
    """Return containers in one another, with dropout in several places."""
    dense = nc.DenseBlock([[nc.Conv2D(2, 3, padding=1), nc.Dropout(0.2)], nc.Dropout(0.2)])
    across = nc.Concatenate([nc.Identity(), [nc.Dropout(0.3), nc.Conv2D(3, 1)]])
    return nc.Sequential(
        [
            nc.Residual([nc.Conv2D(2, 3, padding=1), nc.BatchNorm()]),
            nc.Add([dense, nc.Conv2D(8, 1), [nc.Dropout(0.1), nc.Conv2D(8, 1)]]),
            across,
            nc.GlobalAveragePool2D(),
            nc.Dense(K),
        ],
        input_shape=SHAPE,
    )


SMALL: dict[str, Callable[[], nc.Sequential]] = {
    "article_cnn": lambda: nc.models.article_cnn(SHAPE, K),
    "resnet": lambda: nc.models.resnet(SHAPE, K, depth=8, width=8),
    "densenet": lambda: nc.models.densenet(SHAPE, K, blocks=(2, 2), growth=8),
}
DEEP: dict[str, Callable[[], nc.Sequential]] = {
    "resnet 18": lambda: nc.models.resnet(SHAPE, K, depth=18, width=16),
    "resnet 34": lambda: nc.models.resnet(SHAPE, K, depth=34, width=8),
    "densenet 121": lambda: nc.models.densenet(SHAPE, K, growth=4),
}
ALL = {**SMALL, "all containers": all_containers}
every_model = pytest.mark.parametrize("name", SMALL)
any_model = pytest.mark.parametrize("name", ALL)


def data(n: int = 9) -> tuple[Array, Array]:
    rng = np.random.default_rng(0)
    return rng.random((n, *SHAPE), np.float32) * 0.5, np.arange(n) % K


def compiled(model: nc.Sequential) -> nc.Sequential:
    softmax = getattr(model.layers[-1], "activation", None) == "softmax"
    model.compile(nc.Adam(0.01), "categorical_crossentropy" if softmax else "softmax_cross_entropy")
    return model


def count(model: nc.Sequential) -> int:
    return sum(p.size for p in model.params.values())


def test_as_many_parameters_as_torchvision() -> None:
    """Gamma and beta count, running statistics do not."""
    image = (224, 224, 3)
    assert count(nc.models.resnet(image, 1000, depth=18)) == 11_689_512
    assert count(nc.models.resnet(image, 1000, depth=34)) == 21_797_672
    assert count(nc.models.densenet(image, 1000)) == 7_978_856


def test_as_many_parameters_as_the_article() -> None:
    dense = (30 * 30 * 64 + 1) * 64
    assert count(nc.models.article_cnn((128, 128, 3), 2)) == (
        (27 + 1) * 32 + (9 * 32 + 1) * 64 + dense + 65 * 2
    )


def test_as_many_parameters_as_in_the_paper_s_figure() -> None:
    """Figure 1 of the U-Net's paper: 64 to 1024 channels, 2 classes, a bias everywhere.

    "Same" padding, where the paper's convolutions are "valid": parameters do not depend on it.
    """
    down = [(1, 64), (64, 128), (128, 256), (256, 512), (512, 1024)]
    blocks = sum(9 * c * f + f + 9 * f * f + f for c, f in down)
    up = sum(4 * 2 * f * f + f for _, f in down[:-1])  # 2x2 filters from 2f channels to f
    joined = sum(9 * 2 * f * f + f + 9 * f * f + f for _, f in down[:-1])
    expected = blocks + up + joined + 64 * 2 + 2
    assert expected == 31_030_658
    unet = nc.models.unet((32, 32, 1), 2, depth=4, width=64, batch_norm=False)
    assert count(unet) == expected


def test_all_of_a_unet_learns_from_the_first_step() -> None:
    """A last layer of zeros would hide the loss from all layers before it."""
    model = nc.models.unet((8, 16, 2), K, depth=2, width=8)
    rng = np.random.default_rng(0)
    y, cache = model.forward(rng.standard_normal((2, 8, 16, 2)).astype(np.float32), training=True)
    _, dy = nc.losses.softmax_cross_entropy(y, rng.integers(0, K, (2, 8, 16)))
    grads = model.backward(dy, cache, need_dx=False)[1]
    assert grads.keys() == model.params.keys()
    assert all(g.any() for g in grads.values())


@pytest.mark.parametrize("options", [{}, {"residual": True}, {"batch_norm": False}])
def test_unet(options: dict[str, bool], tmp_path: Path) -> None:
    """A first loss of ln K, one batch learnt by heart, saved and loaded."""
    model = nc.models.unet((8, 16, 2), K, depth=2, width=8, **options)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 8, 16, 2)).astype(np.float32)
    masks = rng.integers(0, K, (2, 8, 16))
    optimizer, losses = nc.Adam(0.01), []
    for _ in range(150):
        y, cache = model.forward(x, training=True)
        loss, dy = nc.losses.softmax_cross_entropy(y, masks)
        optimizer.step(model.params, model.backward(dy, cache, need_dx=False)[1])
        model.update_state(cache)
        losses.append(loss)
    assert losses[0] == pytest.approx(math.log(K), rel=0.05)
    assert losses[-1] < 0.05
    model.save(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(nc.load(tmp_path / "m.safetensors")(x), model(x))


def test_stems() -> None:
    large, small = (nc.models.resnet((n, n, 1), 2, depth=8) for n in (64, 28))
    assert [type(layer).__name__ for layer in large.layers[:3]] == [
        "Conv2D", "BatchNorm", "MaxPool2D",
    ]  # fmt: skip
    assert [type(layer).__name__ for layer in small.layers[:3]] == [
        "Conv2D", "BatchNorm", "Residual",
    ]  # fmt: skip
    assert large.params["conv2d_1.w"].shape[:2] == (7, 7)
    assert small.params["conv2d_1.w"].shape[:2] == (3, 3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nc.models.resnet(SHAPE, K, depth=19), "depth must be one of 8, 10, .* got 19"),
        (lambda: nc.models.unet((16, 24, 1), K), r"multiples of 16 .* got \(16, 24, 1\)"),
        (lambda: nc.models.resnet(SHAPE, K, stem="tiny"), "'large', 'small' or None, got 'tiny'"),
    ],
)
def test_mistakes(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def overfitted(model: nc.Sequential, epochs: int) -> tuple[float, ...]:
    x, labels = data()
    compiled(model).fit(x, labels, epochs=epochs, batch_size=len(x), verbose=False)
    return model.evaluate(x, labels)


@every_model
def test_first_loss_is_that_of_a_guess(name: str) -> None:
    loss = compiled(SMALL[name]()).evaluate(*data())[0]
    assert loss == pytest.approx(math.log(K), rel=0.05)


@every_model
def test_overfits_one_batch(name: str) -> None:
    loss, accuracy = overfitted(SMALL[name](), 60)
    assert accuracy == 1
    assert loss < 0.02


@pytest.mark.slow
@pytest.mark.parametrize("name", DEEP)
def test_deep_models(name: str) -> None:
    model = DEEP[name]()
    assert compiled(model).evaluate(*data())[0] == pytest.approx(math.log(K), rel=0.05)
    assert overfitted(model, 60)[0] < 0.05


@any_model
def test_saved_and_loaded(name: str, tmp_path: Path) -> None:
    model = compiled(ALL[name]())
    x, labels = data()
    model.fit(x, labels, epochs=1, batch_size=len(x), verbose=False)
    model.save(tmp_path / "m.safetensors")
    loaded = nc.load(tmp_path / "m.safetensors")
    assert list(loaded.params) == list(model.params)
    assert list(loaded.state) == list(model.state)
    np.testing.assert_array_equal(loaded(x), model(x))
    assert repr(loaded) == repr(model)


@any_model
def test_same_bits_on_one_and_two_threads(name: str) -> None:
    before = nc.get_num_threads()
    try:
        weights = []
        for n in (1, 2):
            nc.set_num_threads(n)
            model = compiled(ALL[name]())
            x, labels = data()
            model.fit(x, labels, epochs=2, batch_size=len(x), verbose=False)
            weights.append({**model.params, **model.state})
    finally:
        nc.set_num_threads(before)
    for key, value in weights[0].items():
        np.testing.assert_array_equal(value, weights[1][key])


def test_dropout_differs_between_children() -> None:
    """Two branches that drop half of the ones: with one mask their sum would be 0 or 4."""
    x = np.ones((1, 1000), np.float32)
    for model in (
        nc.Add([nc.Dropout(0.5), nc.Dropout(0.5)]),
        nc.Residual(nc.Dropout(0.5), nc.Dropout(0.5)),
        nc.Add([(twice := nc.Dropout(0.5)), twice]),
    ):
        y, _ = model.forward(x, training=True, rng=3)
        assert set(np.unique(y)) == {0, 2, 4}


def test_statistics_of_every_child_are_updated() -> None:
    model = compiled(all_containers())
    before = {key: value.copy() for key, value in model.state.items()}
    x, labels = data()
    model.fit(x, labels, epochs=1, verbose=False)
    assert list(before) == [f"residual_1.sequential_1.batch_norm_1.{s}" for s in
                            ("mean", "variance")]  # fmt: skip
    for key, value in model.state.items():
        assert (value != before[key]).all()


def test_summary_shows_what_is_inside() -> None:
    lines = all_containers().summary().splitlines()
    assert lines[3].startswith("residual_1 (Residual)  ")
    assert lines[4].startswith("  sequential_1 (Sequential)  ")
    assert lines[5].startswith("    conv2d_1 (Conv2D)  ")
    rows = [line for line in lines[3:-3] if not line.startswith(" ")]
    assert len(rows) == 5
    kept = [int(line.split()[-1].replace(",", "")) for line in [*rows, lines[-2]]]
    assert kept[-1] == sum(kept[:-1])
