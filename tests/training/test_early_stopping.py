"""Early stopping: when it stops, and what it leaves in the model."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

import nanocnn as nc
from nanocnn.training import Checkpoint
from tests.layers.examples import same
from tests.models.examples import pictures

X, Y = pictures(12)
VALIDATION = pictures(5, seed=1)


class Scripted(nc.EarlyStopping):
    """Sees these values instead of those of the run, and keeps the weights of each epoch."""

    def __init__(self, values: list[float], **options: Any) -> None:
        super().__init__(**options)
        self.values, self.kept = values, []  # type: ignore[var-annotated]

    def on_epoch_end(self, epoch: int, logs: Any) -> None:
        self.kept.append(contents(self.model))
        super().on_epoch_end(epoch, {**logs, self.monitor.name: self.values[epoch]})


class Fail(nc.Callback):
    """Raise after so many batches."""

    def __init__(self, after: int, error: type[BaseException]) -> None:
        self.after, self.error = after, error

    def on_batch_end(self, batch: int, logs: Any) -> None:
        self.after -= 1
        if not self.after:
            raise self.error


def build() -> nc.Sequential:
    model = nc.Sequential(
        [nc.Conv2D(3, 3), nc.BatchNorm(activation="relu"), nc.Flatten(), nc.Dense(2)],
        input_shape=(14, 12, 3),
    )
    model.compile(nc.Adam(0.01), "softmax_cross_entropy", ["accuracy"])
    return model


def contents(model: nc.Sequential) -> dict[str, Any]:
    """Return copies of parameters and state."""
    return {key: value.copy() for key, value in {**model.params, **model.state}.items()}


def fit(model: nc.Sequential, *callbacks: nc.Callback, epochs: int = 6, **options: Any) -> Any:
    """Train with 3 batches an epoch."""
    options = {"validation_data": VALIDATION, **options}
    return model.fit(X, Y, epochs=epochs, batch_size=4, callbacks=callbacks, verbose=False,
                     **options)  # fmt: skip


@pytest.mark.parametrize(
    ("values", "options", "epochs", "best"),
    [
        ([3, 2, 1, 2, 2, 2], {"patience": 2}, 5, 2),
        ([3, 2, 3, 1, 3, 3], {"patience": 2}, 6, 3),
        ([3, 2, 2, 2, 1, 0], {"patience": 2}, 4, 1),
        ([1, 2, 3, 4, 5, 6], {"patience": 1}, 2, 0),
        ([6, 5, 4, 3, 2, 1], {"patience": 1}, 6, 5),
        ([3, 2.5, 2.6, 1, 1, 1], {"patience": 2, "min_delta": 0.5}, 3, 0),
        ([3, 2.4, 2, 1.8, 1.7, 1.6], {"patience": 3, "min_delta": 0.5}, 6, 3),
        ([0.1, 0.9, 0.2, 0.3, 0, 0], {"monitor": "val_accuracy", "patience": 2}, 4, 1),
        ([1, 2, 1, 1, 0, 0], {"mode": "max", "patience": 2}, 4, 1),
        ([math.nan, 2, math.nan, math.nan, 1, 1], {"patience": 2}, 4, 1),
        ([math.inf, 5, 6, 4, 4, 4], {"patience": 2}, 6, 3),
    ],
)
def test_when_it_stops_and_what_comes_back(
    values: list[float], options: dict[str, Any], epochs: int, best: int
) -> None:
    model, stop = build(), Scripted(values, **options)
    history = fit(model, stop)
    assert len(history) == len(stop.kept) == epochs
    assert (stop.best_epoch, stop.best) == (best, values[best])
    assert stop.wait == epochs - 1 - best
    assert same(contents(model), stop.kept[best])
    assert not same(contents(model), stop.kept[best - 1])
    assert all(not same(stop.kept[best][key], stop.kept[best - 1][key]) for key in model.state)


def test_the_best_need_not_come_back() -> None:
    model, stop = build(), Scripted([3, 2, 1, 2, 2, 2], patience=2, restore_best=False)
    fit(model, stop)
    assert same(contents(model), stop.kept[-1])
    assert stop.best_epoch == 2


def test_nothing_to_put_back() -> None:
    model, stop = build(), Scripted([math.nan] * 6, patience=3)
    assert len(fit(model, stop)) == 3
    assert stop.best_epoch == -1
    assert same(contents(model), stop.kept[-1])


@pytest.mark.compiled  # a library's matrix product has other bits from call to call
def test_what_is_measured_at_the_end_is_the_best_of_the_history() -> None:
    model = build()
    history = fit(model, nc.EarlyStopping(patience=3), epochs=8).history
    assert model.evaluate(*VALIDATION)[0] == min(history["val_loss"])


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_an_interrupted_run_leaves_the_best_too(error: type[BaseException]) -> None:
    model, stop = build(), Scripted([3, 1, 2, 2, 2, 2])
    with pytest.raises(error):
        fit(model, stop, Fail(11, error))
    assert len(stop.kept) == 3
    assert same(contents(model), stop.kept[1])


def test_the_same_object_begins_afresh() -> None:
    stop = Scripted([3, 2, 2, 2, 2, 2], patience=2)
    first, second = build(), build()
    assert len(fit(first, stop)) == len(fit(second, stop)) == 4
    assert same(contents(first), contents(second))


@pytest.mark.parametrize("after", [5, 8, 9, 10, 14])
@pytest.mark.parametrize("unit", ["batch", "epoch"])
def test_an_interrupted_run_ends_alike(after: int, unit: str, tmp_path: Path) -> None:
    values = [3, 1, 2, 0.5, 2, 2, 2, 2]
    straight, model = build(), build()
    expected = fit(straight, stop := Scripted(values, patience=2), epochs=8).history
    checkpoint = Checkpoint(tmp_path, unit=unit)
    with pytest.raises(OSError):
        fit(model, Scripted(values, patience=2), Fail(after, OSError), epochs=8,
            checkpoint=checkpoint)  # fmt: skip
    for _ in range(2):  # goes on; then there is nothing left to do
        model, again = build(), Scripted(values, patience=2)
        assert fit(model, again, epochs=8, checkpoint=checkpoint).history == expected
        assert (again.best, again.best_epoch, again.wait) == (stop.best, stop.best_epoch, stop.wait)
        assert same(contents(model), contents(straight))
    assert (stop.best_epoch, len(expected["loss"])) == (3, 6)


def test_names_that_are_not_there_are_told_before_training() -> None:
    model = build()
    before = contents(model)
    with pytest.raises(ValueError, match="no 'val_dice' to monitor; there are loss, accuracy, val"):
        fit(model, nc.EarlyStopping("val_dice"))
    with pytest.raises(ValueError, match=r"no 'val_loss' .* fit needs validation_data for it$"):
        fit(model, nc.EarlyStopping(), validation_data=None)
    assert same(contents(model), before)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"patience": 0}, "patience must be a whole number of epochs from 1, got 0"),
        ({"patience": True}, "patience must be"),
        ({"min_delta": math.nan}, "min_delta must be a finite number"),
        ({"mode": "up"}, "mode must be 'min', 'max' or 'auto', got 'up'"),
        ({"monitor": "score"}, "mode='auto' does not know .* 'score' is better; give mode='min'"),
    ],
)
def test_mistakes_are_told(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        nc.EarlyStopping(**options)
