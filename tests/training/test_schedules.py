"""Schedules: factors worked out by hand, what `fit` makes of them, and that the rate comes back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nanocnn as nc
from nanocnn.schedules import Cosine, OneCycle, OnPlateau, Schedule, Step
from nanocnn.training import Checkpoint
from tests.layers.examples import same
from tests.models.examples import copies, pictures, small

X, Y = pictures(12)
VALIDATION = pictures(5, seed=1)


class Rates(nc.Callback):
    """Write down the rate that each batch was learnt with; fail after so many batches."""

    def __init__(self, fail_after: int | None = None, error: type[BaseException] = OSError) -> None:
        self.rates: list[float] = []
        self.fail_after, self.error = fail_after, error

    def on_batch_end(self, batch: int, logs: Any) -> None:
        self.rates.append(self.model.optimizer.learning_rate)
        if len(self.rates) == self.fail_after:
            raise self.error


def compiled(rate: float = 0.02) -> nc.Sequential:
    model = small()
    model.compile(nc.SGD(rate, momentum=0.5), "softmax_cross_entropy", ["accuracy"])
    return model


def fit(model: nc.Sequential, *callbacks: nc.Callback, epochs: int = 3, **options: Any) -> Any:
    """Train with 3 batches an epoch."""
    options = {"validation_data": VALIDATION, **options}
    return model.fit(X, Y, epochs=epochs, batch_size=4, callbacks=callbacks, verbose=False,
                     **options)  # fmt: skip


ROOT = math.sqrt(0.5)


@pytest.mark.parametrize(
    ("schedule", "epochs", "expected"),
    [
        (Step(2), 6, {0: 1, 1.99: 1, 2: 0.1, 3.5: 0.1, 4: 0.01, 5: 0.01}),
        (Step([1, 4], 0.5), 9, {0.5: 1, 1: 0.5, 3.9: 0.5, 4: 0.25, 8: 0.25}),
        (Cosine(), 8, {0: 1, 2: (1 + ROOT) / 2, 4: 0.5, 6: (1 - ROOT) / 2, 8: 0}),
        (Cosine(floor=0.2), 8, {0: 1, 2: 0.2 + 0.4 * (1 + ROOT), 4: 0.6, 8: 0.2}),
        (Cosine(warmup=2), 10, {0: 0.01, 1: 0.505, 1.5: 0.7525, 2: 1, 6: 0.5, 10: 0}),
        (Cosine(warmup=0.5, floor=0.1), 1, {0: 0.01, 0.25: 0.505, 0.5: 1, 0.75: 0.55, 1: 0.1}),
        (OneCycle(peak=0.25, start=0.2, end=0), 8, {0: 0.2, 1: 0.6, 2: 1, 5: 0.5, 8: 0}),
        (OneCycle(), 10, {0: 0.04, 1.5: 0.52, 3: 1, 6.5: (1 + 4e-6) / 2, 10: 4e-6}),
    ],
)
def test_factors_worked_out_by_hand(
    schedule: Schedule, epochs: int, expected: dict[float, float]
) -> None:
    for t, factor in expected.items():
        assert schedule.factor(t, epochs) == pytest.approx(factor, rel=1e-12, abs=1e-15), t


@pytest.mark.parametrize(
    ("schedule", "values", "expected"),
    [
        (OnPlateau(patience=2), [3, 2, 2, 2], 0.1),
        (OnPlateau(patience=2), [3, 2, 2], 1),
        (OnPlateau(patience=2), [3, 2, 2.5, 1.9, 2, 1.8], 1),
        (OnPlateau(patience=1, gamma=0.5), [3, 3, 3, 3], 0.125),
        (OnPlateau(patience=1, gamma=0.5, floor=0.2), [3, 3, 3, 3], 0.2),
        (OnPlateau(patience=1, min_delta=0.5), [3, 2.5, 2.4], 0.1),
        (OnPlateau("val_accuracy", patience=2), [0.5, 0.4, 0.3], 0.1),
        (OnPlateau("val_accuracy", patience=2), [0.5, 0.6, 0.7], 1),
        (OnPlateau("loss", mode="max", patience=2), [3, 2, 1], 0.1),
        (OnPlateau(patience=2), [math.nan, math.nan], 0.1),
        (OnPlateau(patience=2), [], 1),
    ],
)
def test_plateaus_by_hand(schedule: OnPlateau, values: Sequence[float], expected: float) -> None:
    assert schedule.factor(values) == pytest.approx(expected, rel=1e-12)


SMOOTH = [Cosine(), Cosine(warmup=0.7), Cosine(warmup=1, floor=0.3), OneCycle(), OneCycle(peak=0.9)]


@given(st.sampled_from(SMOOTH), st.integers(2, 50), st.floats(0, 1), st.floats(0, 1))
def test_smooth_factors_are_bounded_and_have_no_jumps(
    schedule: Schedule, epochs: int, u: float, v: float
) -> None:
    a, b = schedule.factor(u * epochs, epochs), schedule.factor(v * epochs, epochs)
    assert 0 <= a <= 1
    steepest = 0.99 / 0.7 * epochs + math.pi / 2 / 0.1 + math.pi  # the shortest rises and falls
    assert abs(a - b) <= steepest * abs(u - v) + 1e-12


@given(st.integers(1, 5), st.integers(1, 20), st.floats(0, 0.999))
def test_steps_are_constant_within_an_epoch(every: int, epoch: int, part: float) -> None:
    for schedule in (Step(every), Step([every, every + 3], 0.5)):
        assert schedule.factor(epoch + part, 99) == schedule.factor(epoch, 99)
        assert schedule.factor(epoch, 99) <= schedule.factor(epoch - 1, 99)


@pytest.mark.parametrize("schedule", [Step(1, 0.5), Cosine(), Cosine(warmup=1), OneCycle()])
def test_fit_sets_the_rate_of_each_batch_and_puts_it_back(schedule: Schedule) -> None:
    model, rates = compiled(), Rates()
    fit(model, schedule, rates)
    expected = [0.02 * schedule.factor(k / 3, 3) for k in range(9)]
    np.testing.assert_allclose(rates.rates, expected, rtol=1e-14)
    assert len(set(rates.rates)) >= 3
    assert model.optimizer is not None
    assert model.optimizer.learning_rate == 0.02


def test_the_rate_is_what_the_optimizer_steps_with() -> None:
    """The same by hand: a model whose rate is set before each of its batches."""
    fitted, by_hand = compiled(), compiled()
    fit(fitted, Cosine(), epochs=2)

    class Hand(nc.Callback):
        batches = 0

        def on_train_begin(self) -> None:
            self.model.optimizer.learning_rate = 0.02

        def on_batch_end(self, batch: int, logs: Any) -> None:
            self.batches += 1
            rate = 0.02 * (1 + math.cos(math.pi * self.batches / 6)) / 2
            self.model.optimizer.learning_rate = rate

    fit(by_hand, Hand(), epochs=2)
    for name, p in fitted.params.items():
        np.testing.assert_allclose(p, by_hand.params[name], rtol=1e-5, atol=1e-7)


def test_plateau_in_fit() -> None:
    model, rates = compiled(0.0), Rates()  # nothing is learnt: no epoch is better than the first
    fit(model, OnPlateau(patience=2, gamma=0.5), rates, epochs=2)
    assert rates.rates == [0.0] * 6
    model = compiled(1e-12)
    fit(model, OnPlateau(patience=2, gamma=0.5, min_delta=1), rates := Rates(), epochs=6)
    assert rates.rates == [1e-12] * 9 + [0.5e-12] * 6 + [0.25e-12] * 3
    assert model.optimizer is not None
    assert model.optimizer.learning_rate == 1e-12


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
@pytest.mark.parametrize("make", [Cosine, OneCycle, OnPlateau, lambda: Step(1)])
def test_whatever_happens_the_rate_is_put_back(make: Any, error: type[BaseException]) -> None:
    model = compiled()
    with pytest.raises(error):
        fit(model, make(), Rates(5, error))
    assert model.optimizer is not None
    assert model.optimizer.learning_rate == 0.02


def test_the_rate_is_put_back_even_if_another_callback_fails_at_the_end() -> None:
    class Bad(nc.Callback):
        def on_train_end(self) -> None:
            raise OSError("no room")

    model = compiled()
    with pytest.raises(OSError, match="no room"):
        fit(model, Bad(), Cosine())
    assert model.optimizer is not None
    assert model.optimizer.learning_rate == 0.02


def test_one_of_your_own_and_the_same_object_twice() -> None:
    class Linear(Schedule):
        def factor(self, t: float, epochs: int) -> float:
            return 1 - t / epochs

    linear = Linear()
    for _ in range(2):
        fit(compiled(), linear, rates := Rates(), epochs=1)
        assert rates.rates == pytest.approx([0.02, 0.02 * 2 / 3, 0.02 / 3])
    with pytest.raises(NotImplementedError, match="Schedule must define factor"):
        fit(compiled(), Schedule())


@pytest.mark.parametrize("make", [Cosine, OneCycle, lambda: OnPlateau(patience=1, min_delta=0.05)])
@pytest.mark.parametrize("after", [2, 3, 5, 7])
@pytest.mark.parametrize("unit", ["batch", "epoch"])
def test_an_interrupted_run_ends_alike(make: Any, after: int, unit: str, tmp_path: Path) -> None:
    straight, model = compiled(), compiled()
    expected = fit(straight, make(), whole := Rates()).history
    checkpoint = Checkpoint(tmp_path, unit=unit)
    with pytest.raises(OSError):
        fit(model, make(), Rates(after), checkpoint=checkpoint)
    model = compiled()
    history = fit(model, make(), rest := Rates(), checkpoint=checkpoint).history
    assert history == expected
    assert same(copies(model), copies(straight))
    done = after - 1 if unit == "batch" else (after - 1) // 3 * 3
    assert len(rest.rates) == len(whole.rates) - done
    assert rest.rates == whole.rates[-len(rest.rates) :]


def test_a_schedule_that_is_missing_when_the_run_goes_on_is_told(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        fit(compiled(), Cosine(), Rates(5), checkpoint=tmp_path)
    with pytest.raises(ValueError, match="had a callback Cosine whose state it needs"):
        fit(compiled(), checkpoint=tmp_path)


def test_two_schedules_in_one_run() -> None:
    model = compiled()
    before = copies(model)
    with pytest.raises(ValueError, match=r"only one schedule can .* got Cosine and OnPlateau"):
        fit(model, Cosine(), Rates(), OnPlateau())
    assert same(copies(model), before)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Step(0), "at must be a whole number of epochs from 1"),
        (lambda: Step([5, 3]), r"several that rise; got \[5, 3\]"),
        (lambda: Step([]), "at must be"),
        (lambda: Step(1, gamma=2), "gamma must be from 0 to 1, got 2"),
        (lambda: Cosine(warmup=-1), "warmup must be a number of epochs"),
        (lambda: Cosine(floor=1.5), "floor must be from 0 to 1"),
        (lambda: OneCycle(peak=1), "peak must be between 0 and 1"),
        (lambda: OneCycle(start=-0.1), "start must be from 0 to 1"),
        (lambda: OnPlateau(patience=0), "patience must be a whole number of epochs from 1"),
        (lambda: OnPlateau(gamma=-1), "gamma must be"),
        (lambda: OnPlateau(mode="less"), "mode must be 'min', 'max' or 'auto', got 'less'"),
        (lambda: OnPlateau("val_thing"), "does not know whether a smaller 'val_thing' is better"),
        (lambda: OnPlateau(min_delta=-1), "min_delta must be"),
    ],
)
def test_mistakes_are_told(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_mistakes_that_show_in_a_run_are_told_before_it() -> None:
    model = compiled()
    before = copies(model)
    with pytest.raises(ValueError, match="a warm-up of 3 epochs needs a longer run than 3"):
        fit(model, Cosine(warmup=3))
    missing = "no 'val_loss' to monitor; there are loss, accuracy; fit needs validation_data for it"
    with pytest.raises(ValueError, match=missing):
        fit(model, OnPlateau(), validation_data=None)
    there = "no 'val_dice' to monitor; there are loss, accuracy, val_loss, val_accuracy"
    with pytest.raises(ValueError, match=there):
        fit(model, OnPlateau("val_dice"))
    assert same(copies(model), before)
