"""The learning-rate range test: what it finds, and that nothing is changed."""

from __future__ import annotations

import copy
import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import nanocnn as nc
from nanocnn.data import DataLoader
from nanocnn.layers.base import Array
from nanocnn.training import Diverged, RangeTest, lr_range_test
from tests.models.examples import pictures

X, Y = pictures(40)


def build(optimizer: Any = "sgd", loss: Any = "softmax_cross_entropy") -> nc.Sequential:
    model = nc.Sequential(
        [nc.Conv2D(4, 3), nc.BatchNorm(activation="relu"), nc.Flatten(), nc.Dropout(0.2),
         nc.Dense(2)],
        input_shape=(14, 12, 3),
    )  # fmt: skip
    model.compile(optimizer, loss, ["accuracy"])
    return model


def valley(curvature: float) -> nc.Sequential:
    """Return a model of one weight, 1 at first, whose loss is curvature/2 times its square."""

    def square(y: Array, target: Array) -> tuple[float, Array]:
        # The same for all images, as all pixels are 1; dy is shared out among them.
        return float(curvature * (y**2).mean() / 2), curvature * y / len(y)

    model = nc.Sequential([nc.Dense(1)], input_shape=(1,), dtype="float64")
    model.compile(nc.SGD(1.0), square, [])
    model.params["dense_1.w"][...] = 1.0
    model.params["dense_1.b"][...] = 0.0
    return model


def test_rates_losses_and_smoothing_by_hand() -> None:
    """Gradient descent on a parabola: w and b are both multiplied by what can be written down."""
    model, ones = valley(0.1), np.ones((4, 1))
    found = lr_range_test(model, ones, np.zeros(4), lowest=1e-3, highest=1e-1, steps=5,
                          batch_size=4, smoothing=0.5)  # fmt: skip
    np.testing.assert_allclose(found.rates, [10**e for e in (-3, -2.5, -2, -1.5, -1)], rtol=1e-12)
    y, losses = 1.0, []
    for rate in found.rates:
        losses.append(0.05 * y**2)
        y -= 2 * rate * 0.1 * y  # by w, and as much by b
    np.testing.assert_allclose(found.losses, losses, rtol=1e-12)
    second = (0.5 * losses[0] + losses[1]) / 1.5
    third = (0.25 * losses[0] + 0.5 * losses[1] + losses[2]) / 1.75
    np.testing.assert_allclose(found.smoothed[:3], [losses[0], second, third], rtol=1e-12)
    assert not found.diverged
    assert found.best == 4
    assert found.suggestion == pytest.approx(0.01)
    assert "still falling at the end" in str(found)


@pytest.mark.parametrize("curvature", [0.01, 1.0, 100.0])
def test_it_finds_the_scale_of_the_problem(curvature: float) -> None:
    """Descent on a parabola diverges above 1/curvature (w and b): the smallest loss lies near."""
    found = lr_range_test(valley(curvature), np.ones((4, 1)), np.zeros(4), lowest=1e-5 / curvature,
                          highest=1e3 / curvature, steps=200, batch_size=4)  # fmt: skip
    assert found.diverged
    assert len(found.rates) < 200
    assert 0.1 < found.rates[found.best] * curvature < 10
    assert found.suggestion == pytest.approx(found.rates[found.best] / 10)
    assert found.smoothed[-1] > 4 * found.smoothed.min()
    assert (found.smoothed[:-1] <= 4 * np.minimum.accumulate(found.smoothed[:-1])).all()


def everything(model: nc.Sequential) -> bytes:
    optimizer: Any = model.optimizer
    known = {key: value.tobytes() for key, value in optimizer.state.items()}
    return pickle.dumps([
        {k: v.tobytes() for k, v in {**model.params, **model.state}.items()},
        known, optimizer.iterations, optimizer.get_config(), model.preparation,
        model.stop_training, model.input_shape, [layer.trainable for layer in model.layers],
    ])  # fmt: skip


@pytest.mark.parametrize("highest", [1.0, 1e9])
def test_nothing_is_changed(highest: float) -> None:
    model, other = build(nc.Adam(0.01)), build(nc.Adam(0.01))
    for each in (model, other):
        each.fit(X, Y, epochs=2, verbose=False)
    arrays = [id(p) for p in model.params.values()]
    before = everything(model)
    found = lr_range_test(model, X, Y, highest=highest, steps=60, batch_size=8)
    assert everything(model) == before
    assert [id(p) for p in model.params.values()] == arrays
    assert len(set(found.losses.tolist())) > 10, "something was learnt"
    for each in (model, other):
        each.fit(X, Y, epochs=1, verbose=False)
    assert everything(model) == everything(other)


def test_a_model_that_is_not_built_stays_so() -> None:
    model = nc.Sequential([nc.Flatten(), nc.Dense(2)])
    model.compile("sgd", "softmax_cross_entropy")
    assert len(lr_range_test(model, X, Y, steps=5).rates) == 5
    assert model.input_shape is None


def test_it_is_repeatable_and_goes_through_the_data_again() -> None:
    found = [lr_range_test(build(), X, Y, steps=12, batch_size=16, seed=s) for s in (1, 1, 2)]
    np.testing.assert_array_equal(found[0].losses, found[1].losses)
    assert not np.array_equal(found[0].losses, found[2].losses)
    assert len(found[0].losses) == 12  # of 3 batches an epoch


def test_from_a_loader_and_with_options_of_fit() -> None:
    loader = DataLoader((X, Y), 8, seed=1)
    model = build()
    streamed = lr_range_test(model, loader, steps=7)
    assert model.preparation is None
    assert len(streamed.losses) == 7
    plain = lr_range_test(model, X, Y, steps=3, batch_size=40)
    weighted = lr_range_test(model, X, Y, steps=3, batch_size=40, class_weight=[2.0, 2.0])
    np.testing.assert_allclose(weighted.losses[0], 2 * plain.losses[0], rtol=1e-6)


def test_infinite_losses_end_it() -> None:
    calls = iter(range(100))

    def breaks(y: Array, target: Array) -> tuple[float, Array]:
        return (math.inf if next(calls) == 6 else 1.0), np.zeros_like(y)

    found = lr_range_test(build(loss=breaks), X, Y, steps=50)
    assert found.diverged
    assert len(found.rates) == len(found.losses) == len(found.smoothed) == 6
    assert np.isfinite(found.losses).all()


def test_a_first_step_that_diverges_is_told() -> None:
    def broken(y: Array, target: Array) -> tuple[float, Array]:
        return math.nan, np.zeros_like(y)

    with pytest.raises(Diverged, match="the loss became nan in epoch 1, batch 1"):
        lr_range_test(build(loss=broken), X, Y)


def test_what_is_printed() -> None:
    rates = np.array([1e-3, 1e-2, 1e-1])
    falls = RangeTest(rates, np.array([3.0, 1, 9]), np.array([3.0, 2, 5]), True)
    assert str(falls).splitlines() == [
        "learning-rate range test: 3 steps from 1.00e-03, diverged at 1.00e-01",
        "smoothed loss: 3 at first, smallest 2 at rate 1.00e-02",
        "suggestion: 1.00e-03, a tenth of that rate",
    ]
    rises = falls._replace(smoothed=np.array([3.0, 4, 5]))
    assert rises.suggestion is None
    assert "no suggestion: the loss never fell; begin with a lower rate" in str(rises)


@pytest.mark.parametrize("smoothed", [[3.0, 2, 5], [3.0, 4, 5], [1.0, 1, 1]])
def test_the_picture(smoothed: list[float], tmp_path: Path) -> None:
    losses = np.array(smoothed)
    RangeTest(np.array([1e-3, 1e-2, 1e-1]), losses, losses, True).plot(tmp_path / "p.png")
    with Image.open(tmp_path / "p.png") as picture:
        assert picture.size == (768, 480)
        assert len(np.unique(np.asarray(picture))) > 50


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lowest": 0}, "needed is 0 < lowest < highest, got 0 and 1"),
        ({"lowest": 2.0}, "got 2.0 and 1.0"),
        ({"highest": math.inf}, "needed is 0 < lowest < highest"),
        ({"steps": 1}, "steps must be a whole number from 2, got 1"),
        ({"batch_size": 0}, "batch_size must be a whole number from 1"),
        ({"smoothing": 1}, "smoothing must be from 0 to below 1"),
    ],
)
def test_mistakes_are_told(options: dict[str, Any], message: str) -> None:
    model = build()
    before = copy.deepcopy(model.params)
    with pytest.raises(ValueError, match=message):
        lr_range_test(model, X, Y, **options)
    assert all((p == before[name]).all() for name, p in model.params.items())
