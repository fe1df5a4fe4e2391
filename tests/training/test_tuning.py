"""`tune`: what is trained and on what, what wins, what fails, and what is refused."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nanocnn as nc
from nanocnn.data import Augment, Preparation
from nanocnn.data.transforms import ZScore
from nanocnn.training import Tuning, integer, log_uniform, tune, uniform
from nanocnn.training.tuning.space import draw
from tests.training.trials import SPACE, X, Y, build, dataset, run, table


@pytest.fixture(scope="module")
def result() -> Tuning:
    return run()


def test_the_better_half_goes_on(result: Tuning) -> None:
    assert [t.epochs for t in result.trials] == [4, 2, 2, 1, 1, 1]
    first = run(epochs=1)  # all six for the budget of the first rung, each by itself
    ranked = [t.number for t in first.trials]
    assert {t.number for t in result.trials if t.epochs > 1} == set(ranked[:3])
    assert [t.number for t in result.trials[3:]] == ranked[3:]
    for t in result.trials:
        assert t.score == t.history["val_loss"][-1]
        assert len(t.history["val_loss"]) == t.epochs
        assert t.values == draw(SPACE, 0, t.number)


def test_a_trial_does_not_depend_on_the_others(result: Tuning) -> None:
    """Fewer trials, or a shorter search, leave what a trial gives for its epochs as it is."""
    alone = {t.number: t for t in run(trials=5, epochs=2, min_epochs=2).trials}
    both = [t for t in result.trials if t.epochs == 2 and t.number in alone]
    assert both
    for t in both:
        assert alone[t.number].values == t.values
        assert alone[t.number].history == t.history


def test_another_seed_draws_other_values(result: Tuning) -> None:
    other = {str(t.values) for t in run(seed=1, epochs=1).trials}
    assert not other & {str(t.values) for t in result.trials}


def test_the_same_bits_on_any_number_of_threads(result: Tuning) -> None:
    before = nc.get_num_threads()
    try:
        nc.set_num_threads(1 if before > 1 else 2)
        assert table(run()) == table(result)
    finally:
        nc.set_num_threads(before)


def test_a_builders_fit_arguments_are_used() -> None:
    seen: list[tuple[int, int]] = []

    class Spy(nc.Callback):
        def on_train_begin(self) -> None:
            seen.append((self.n_batches, self.epochs))

    def spied(**values: Any) -> Any:
        model, options = build(**values, seed=0)
        return model, {**options, "callbacks": [Spy()], "augment": Augment(noise=0.1)}

    result = run(build=spied, trials=3, epochs=2, min_epochs=2)
    n = 32
    sizes = {t.number: t.values["batch_size"] for t in result.trials}
    assert seen == [(-(-n // sizes[k]), 2) for k in range(3)]
    assert {8, 16} == set(sizes.values())


def test_the_best_model_is_the_one_that_won(result: Tuning) -> None:
    train, val = nc.data.stratified_split(Y, (0.8, 0.2), 0)
    scores = result.best_model().evaluate(X[val], Y[val], batch_size=8)
    assert scores.loss == result.best.score
    assert min(t.score or 0.0 for t in result.trials if t.epochs == 4) == result.best.score
    assert len(train) + len(val) == 40


def spy_on_images(given: Any, **options: Any) -> tuple[set[int], set[int]]:
    """Return the numbers of the images that were learnt from, and measured on."""
    learnt: set[bytes] = set()
    measured: set[bytes] = set()

    class Watch(nc.Layer):
        def forward(self, x: Any, *, training: bool = False, rng: Any = None) -> Any:
            (learnt if training else measured).update(image.tobytes() for image in x)
            return x, None

        def backward(self, dy: Any, cache: Any, *, need_dx: bool = True) -> Any:
            return dy, {}

    def spied(learning_rate: float, filters: int, batch_size: int, seed: int) -> Any:
        model, fitting = build(learning_rate, filters, batch_size, seed)
        new = nc.Sequential([Watch(), *model.layers], seed=seed)
        new.compile(model.optimizer, model.loss, model.metrics)
        return new, fitting

    run(given, build=spied, trials=2, epochs=1, **options)
    pixels = dataset().arrays()[0].astype(np.float32)
    numbers = {image.tobytes(): i for i, image in enumerate(pixels)}
    return {numbers[b] for b in learnt}, {numbers[b] for b in measured}


PARTS = np.array(["train", "val", "test", "train"] * 10)


def test_the_test_part_is_not_touched() -> None:
    learnt, measured = spy_on_images(dataset(PARTS))
    assert learnt == set(np.flatnonzero(PARTS == "train"))
    assert measured == set(np.flatnonzero(PARTS == "val"))
    two = np.where(PARTS == "val", "train", PARTS)
    learnt, measured = spy_on_images(dataset(two))
    assert learnt | measured == set(np.flatnonzero(two == "train"))
    assert not learnt & measured
    assert len(measured) == 6
    with pytest.raises(ValueError, match="nothing is chosen on a test part"):
        run(dataset(PARTS).part("test"))


def test_a_share_is_stratified_and_keeps_groups_together() -> None:
    groups = np.array([f"patient {i // 4}" for i in range(40)])
    learnt, measured = spy_on_images(dataset(groups=groups), validation_share=0.3)
    assert learnt | measured == set(range(40))
    assert not set(groups[sorted(learnt)]) & set(groups[sorted(measured)])
    assert len(measured) == 12
    assert Y[sorted(measured)].sum() == 6


def test_validation_data_that_are_given() -> None:
    val = dataset().subset(np.arange(6))
    learnt, measured = spy_on_images(dataset().subset(np.arange(6, 40)), validation_data=val)
    assert (learnt, measured) == (set(range(6, 40)), set(range(6)))


def test_preparation_is_fitted_on_what_is_learnt_from() -> None:
    prepared = Preparation(transforms=ZScore())
    model = run(dataset(PARTS), preparation=prepared, trials=1).best_model()
    assert model.preparation == prepared.fit(dataset(PARTS).part("train"))


def failing(learning_rate: float, filters: int) -> nc.Sequential:
    if filters == 3:
        raise ValueError("three filters\nare too many")
    model = nc.Sequential([nc.Conv2D(filters, 3), nc.Flatten(), nc.Dense(2)])
    model.compile(nc.SGD(1e38 if filters == 4 else learning_rate), "mse", ["accuracy"])
    return model


def test_trials_that_fail_are_recorded(tmp_path: Path) -> None:
    one_hot = np.eye(2, dtype=np.float32)[Y]
    space = {"learning_rate": log_uniform(1e-5, 1e-4), "filters": integer(2, 5)}
    options: dict[str, Any] = {"build": failing, "space": space, "trials": 12, "epochs": 2}
    options |= {"batch_size": 8, "folder": tmp_path / "out"}
    result = run((X, one_hot), **options)
    reasons = {2: "", 3: "ValueError: three filters are too many", 4: "Diverged: ", 5: ""}
    assert {t.values["filters"] for t in result.trials} == set(reasons)
    for t in result.trials:
        assert t.failed.startswith(reasons[t.values["filters"]])
        assert (t.score is None) == bool(t.failed) == (t.values["filters"] in (3, 4))
    ok = [t.score is not None for t in result.trials]
    assert ok == sorted(ok, reverse=True)
    assert "ValueError: three filters are too many" in str(result)
    assert f"{ok.count(False)} failed" in repr(result)
    again = run((X, one_hot), **options)
    assert again.to_json() == result.to_json(), "failures are not tried again"


@pytest.mark.compiled  # NumPy warns of the overflow that is meant to happen
def test_if_all_fail() -> None:
    with pytest.raises(ValueError, match="three filters"):
        run(build=failing, space={"learning_rate": [1.0], "filters": [3]})
    one_hot = np.eye(2, dtype=np.float32)[Y]
    result = run((X, one_hot), build=failing, space={"learning_rate": [1.0], "filters": [4]})
    with pytest.raises(RuntimeError, match="all 6 trials failed; the first: val_loss is nan"):
        _ = result.best_values
    assert "6 failed" in repr(result)


def test_table_csv_and_json(result: Tuning, tmp_path: Path) -> None:
    head, *rows = (line.split() for line in str(result).splitlines())
    assert head == ["trial", *SPACE, "epochs", "val_loss", "seconds"]
    assert [int(row[0]) for row in rows] == [t.number for t in result.trials]
    assert rows[0][5] == f"{result.best.score:.4f}"
    assert json.loads(json.dumps(result.to_json()))["trials"][0]["values"] == result.best_values
    result.to_csv(tmp_path / "t.csv")
    with open(tmp_path / "t.csv", newline="") as file:
        read = list(csv.DictReader(file))
    assert [int(row["trial"]) for row in read] == [t.number for t in result.trials]
    assert float(read[0]["val_loss"]) == result.best.score
    assert float(read[0]["learning_rate"]) == result.best_values["learning_rate"]


def test_progress(capfd: pytest.CaptureFixture[str]) -> None:
    best = run(verbose=True).best
    last = capfd.readouterr().err.split("\r")[-1]
    assert "10/10" in last
    assert f"best val_loss {best.score:.4f}, trial {best.number}" in last


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"space": {}}, "space must be a dict with at least one hyper-parameter"),
        ({"space": {**SPACE, "rate": [1]}}, "space has 'rate', which build does not take; it takes "
                                            "learning_rate, filters, batch_size, seed"),
        ({"space": {"filters": [1]}}, "build needs 'learning_rate', which space does not have"),
        ({"space": {**SPACE, "filters": []}}, r"space\['filters'\] is an empty choice"),
        ({"space": {**SPACE, "filters": 3}}, r"space\['filters'\] is 3; needed is a list"),
        ({"space": {"a b": [1]}}, "the name 'a b', which no parameter can have"),
        ({"monitor": "val_auc"}, "monitor 'val_auc' is unknown; with this model it can be "
                                 "val_loss or val_accuracy"),
        ({"monitor": "loss"}, "monitor 'loss' is unknown"),
        ({"mode": "more"}, "mode='more' is unknown; give 'max' or 'min'"),
        ({"trials": 0}, "trials must be a whole number from 1, got 0"),
        ({"eta": 1}, "eta must be a whole number from 2, got 1"),
        ({"min_epochs": 5}, "min_epochs is 5, more than epochs, 4"),
        ({"seed": -1}, "seed must be a whole number from 0, got -1"),
    ],
)  # fmt: skip
def test_refused(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says) as told:
        run(**options)
    assert "\n" not in str(told.value)


def test_builders_that_are_refused() -> None:
    with pytest.raises(TypeError, match=r"build must return a compiled nanocnn\.Sequential"):
        tune(lambda a: None, {"a": [1]}, (X, Y), verbose=False)
    with pytest.raises(TypeError, match="build must be a function"):
        tune(3, {"a": [1]}, (X, Y), verbose=False)  # type: ignore[arg-type]
    wrong = lambda **values: (build(**values, seed=0)[0], {"epochs": 3})  # noqa: E731
    with pytest.raises(ValueError, match="build returned the fit argument 'epochs'; known are"):
        run(build=wrong)
    model = build(0.1, 2, 8, 0)[0]
    with pytest.raises(ValueError, match="layers or an optimizer of the trial before"):
        tune(lambda a: model, {"a": [1]}, (X, Y), verbose=False)


def test_a_metric_of_ones_own_needs_a_mode() -> None:
    def spread(target: Any, y: Any) -> float:
        return float(np.ptp(y))

    def own(units: int, seed: int) -> nc.Sequential:
        model = nc.Sequential([nc.Flatten(), nc.Dense(units), nc.Dense(2)], seed=seed)
        model.compile("sgd", "softmax_cross_entropy", [spread])
        return model

    few: dict[str, Any] = {"build": own, "space": {"units": integer(1, 40)}, "epochs": 1}
    with pytest.raises(ValueError, match="say whether more val_spread is better, mode='max'"):
        run(**few, monitor="val_spread")
    ends = [run(**few, monitor="val_spread", mode=mode) for mode in ("max", "min")]
    assert [t.number for t in ends[0].trials] == [t.number for t in ends[1].trials][::-1]


@pytest.mark.parametrize("n", [1, 3, 30])
def test_the_picture(n: int, tmp_path: Path) -> None:
    from nanocnn.training import Tuning
    from nanocnn.training.tuning import Trial

    space = {**SPACE, "dropout": uniform(0, 0.5), "augment": [None, Augment(flip="both")]}
    trials = [Trial(i, draw(space, 0, i), 1 + i % 3, None if i % 5 == 1 else 0.5 + i / 60, 1.0)
              for i in range(n)]  # fmt: skip
    path = tmp_path / "trials.png"
    Tuning(tuple(trials), space, "val_accuracy", "max", lambda trial: None).figure(path)
    assert re.match(rb"\x89PNG", path.read_bytes())
    assert path.stat().st_size > 20_000
