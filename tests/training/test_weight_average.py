"""Averaged weights: the formula, who sees them when, and that a run can go on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nanocnn as nc
from nanocnn.training import Checkpoint, WeightAverage
from tests.layers.examples import same
from tests.models.examples import Scale, pictures

X, Y = pictures(14, dtype="float64")
VALIDATION = pictures(5, seed=1, dtype="float64")


class Watch(nc.Callback):
    """Keep what is in the model after each batch and at the end of each epoch; may fail."""

    def __init__(self, fail_after: int | None = None) -> None:
        self.batches: list[Any] = []
        self.ends: list[Any] = []
        self.losses: list[float] = []
        self.fail_after = fail_after

    def on_batch_end(self, batch: int, logs: Any) -> None:
        self.batches.append(contents(self.model))
        if len(self.batches) == self.fail_after:
            raise OSError

    def on_epoch_end(self, epoch: int, logs: Any) -> None:
        self.ends.append(contents(self.model))
        self.losses.append(self.model.evaluate(*VALIDATION)[0])


def build() -> nc.Sequential:
    model = nc.Sequential(
        [nc.Conv2D(3, 3), nc.BatchNorm(activation="relu"), Scale(), nc.Flatten(), nc.Dense(2)],
        input_shape=(14, 12, 3),
        dtype="float64",
    )
    model.compile(nc.Adam(0.02), "softmax_cross_entropy", ["accuracy"])
    return model


def contents(model: nc.Sequential) -> dict[str, Any]:
    """Return copies of parameters and state."""
    return {key: value.copy() for key, value in {**model.params, **model.state}.items()}


def fit(model: nc.Sequential, *callbacks: nc.Callback, **options: Any) -> Any:
    """Train with 4 batches an epoch."""
    options = {"epochs": 3, "validation_data": VALIDATION, **options}
    return model.fit(X, Y, batch_size=4, callbacks=callbacks, verbose=False, **options)


def mean(after: list[Any], decay: float) -> dict[str, Any]:
    """Return the average by the sum that defines it; counts are those of the last step."""
    weights = decay ** np.arange(len(after))[::-1]
    weights = weights / weights.sum()
    return {
        key: last if last.dtype.kind == "i" else np.tensordot(weights, [a[key] for a in after], 1)
        for key, last in after[-1].items()
    }


def assert_close(actual: dict[str, Any], expected: dict[str, Any]) -> None:
    assert actual.keys() == expected.keys()
    for key, value in actual.items():
        np.testing.assert_allclose(value, expected[key], rtol=1e-11, atol=1e-13, err_msg=key)


@pytest.mark.compiled  # a library's matrix product has other bits from call to call
@pytest.mark.parametrize("decay", [0.0, 0.5, 0.99])
def test_the_model_holds_the_average_when_it_is_looked_at(decay: float) -> None:
    model, watch = build(), Watch()
    history = fit(model, WeightAverage(decay), watch).history
    for epoch, seen in enumerate(watch.ends):
        assert_close(seen, mean(watch.batches[: 4 * epoch + 4], decay))
    assert history["val_loss"] == watch.losses
    assert same(contents(model), watch.ends[-1])
    assert model.state["scale_1.seen"] == 3 * len(X)


def test_training_goes_on_with_the_raw_weights() -> None:
    with_average, without = Watch(), Watch()
    fit(build(), WeightAverage(0.9), with_average)
    fit(build(), without)
    assert same(with_average.batches, without.batches)
    assert not same(with_average.ends[-1], without.ends[-1])


def test_the_first_average_is_the_first_step_s_and_early_ones_are_plain_means() -> None:
    model, watch = build(), Watch()
    model.fit(X[:4], Y[:4], batch_size=4, callbacks=[watch, WeightAverage()], verbose=False)
    assert same(contents(model), watch.batches[0])
    model, watch = build(), Watch()
    fit(model, watch, WeightAverage(1 - 1e-9), epochs=1)
    for key, value in model.params.items():
        plain = np.mean([after[key] for after in watch.batches], axis=0)
        np.testing.assert_allclose(value, plain, rtol=1e-5, atol=1e-8)


def test_what_is_frozen_stays_exactly() -> None:
    model = build()
    model[0].freeze()
    before = model.params["conv2d_1.w"].copy()
    fit(model, WeightAverage(0.9))
    assert same(model.params["conv2d_1.w"], before)


def test_with_accumulation_only_steps_count() -> None:
    model, watch = build(), Watch()
    fit(model, watch, average := WeightAverage(0.5), accumulate=3, epochs=2)
    assert average.steps == 4
    steps = [watch.batches[k] for k in (2, 3, 6, 7)]
    assert_close({k: v for k, v in contents(model).items() if k in model.params},
                 {k: v for k, v in mean(steps, 0.5).items() if k in model.params})  # fmt: skip


@pytest.mark.parametrize("average_first", [True, False])
def test_early_stopping_compares_and_keeps_averages(average_first: bool) -> None:
    model, watch = build(), Watch()
    both = [WeightAverage(0.8), nc.EarlyStopping(patience=9)]
    history = fit(model, watch, *(both if average_first else both[::-1]), epochs=8).history
    best = int(np.argmin(history["val_loss"]))
    assert same(contents(model), watch.ends[best])
    assert model.evaluate(*VALIDATION)[0] == min(history["val_loss"])


@pytest.mark.parametrize("average_first", [True, False])
def test_an_error_in_an_epoch(average_first: bool) -> None:
    """The average stays, or the best epoch is put back, as the order says."""
    model, watch = build(), Watch(10)
    both = [WeightAverage(0.8), stop := nc.EarlyStopping()]
    with pytest.raises(OSError):
        fit(model, *(both if average_first else both[::-1]), watch)
    if average_first:
        assert same(contents(model), watch.ends[stop.best_epoch])
    else:
        assert_close(contents(model), mean(watch.batches, 0.8))


def test_nothing_is_averaged_where_nothing_was_learnt() -> None:
    class AtOnce(nc.Callback):
        def on_epoch_begin(self, epoch: int) -> None:
            raise OSError

    model = build()
    before = contents(model)
    with pytest.raises(OSError):
        fit(model, AtOnce(), WeightAverage())
    assert same(contents(model), before)


@pytest.mark.parametrize("after", [2, 4, 5, 8, 11])
@pytest.mark.parametrize("unit", ["batch", "epoch"])
@pytest.mark.parametrize("accumulate", [1, 3])
def test_an_interrupted_run_ends_alike(
    after: int, unit: str, accumulate: int, tmp_path: Path
) -> None:
    straight = build()
    expected = fit(straight, WeightAverage(0.8), accumulate=accumulate).history
    options: Any = {"accumulate": accumulate, "checkpoint": Checkpoint(tmp_path, unit=unit)}
    with pytest.raises(OSError):
        fit(build(), WeightAverage(0.8), Watch(after), **options)
    for _ in range(2):  # goes on; then there is nothing left to do
        model = build()
        assert fit(model, WeightAverage(0.8), **options).history == expected
        assert same(contents(model), contents(straight))


def test_a_checkpoint_holds_the_average_as_a_model_file(tmp_path: Path) -> None:
    model, watch = build(), Watch()
    fit(model, WeightAverage(0.8), watch, checkpoint=tmp_path)
    other = build()
    other.load_weights(Checkpoint(tmp_path).files()[-1])
    assert same(contents(other), watch.ends[-1])


@pytest.mark.parametrize("decay", [-0.1, 1, 1.5])
def test_mistakes_are_told(decay: float) -> None:
    with pytest.raises(ValueError, match="decay must be from 0 to below 1"):
        WeightAverage(decay)
