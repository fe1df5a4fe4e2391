"""Checkpoints: a run that was interrupted ends like one that was not, bit for bit."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nanocnn as nc
from nanocnn.data import Augment, DataLoader
from nanocnn.training import Checkpoint
from tests.layers.examples import same
from tests.models.examples import Scale, copies, pictures

X, Y = pictures(14)
VALIDATION = pictures(5, seed=1)


class Stop(Exception):
    """A run ends here, as if it had been interrupted."""


class Breaking(nc.Callback):
    """Raise Stop after so many batches of the whole run."""

    def __init__(self, after: int | None) -> None:
        self.after, self.seen = after, 0

    def on_batch_end(self, batch: int, logs: Any) -> None:
        self.seen += 1
        if self.seen == self.after:
            raise Stop


class Slower(nc.Callback):
    """Lower the rate by the batch, count, and know the best epoch so far, with its weights."""

    best: float = np.inf
    begun: int = 0
    weights: dict[str, Any]

    def on_train_begin(self) -> None:
        self.best, self.n, self.begun, self.weights = np.inf, np.int64(0), 0, {}

    def on_epoch_begin(self, epoch: int) -> None:
        self.begun += 1

    def on_batch_end(self, batch: int, logs: Any) -> None:
        self.n += 1
        self.model.optimizer.learning_rate *= 0.97

    def on_epoch_end(self, epoch: int, logs: Any) -> None:
        if logs["val_loss"] < self.best:
            self.best, self.weights = logs["val_loss"], copies(self.model)

    def on_train_end(self) -> None:
        self.model.optimizer.learning_rate = 0.01

    def get_state(self) -> dict[str, Any]:
        counts = [self.n, self.begun]
        return {"best": self.best, "counts": counts, "weights": self.weights}

    def set_state(self, state: dict[str, Any]) -> None:
        self.best, self.weights = state["best"], state["weights"]
        self.n, self.begun = state["counts"]


def build(seed: int = 0) -> nc.Sequential:
    model = nc.Sequential(
        [
            nc.Conv2D(4, 3, activation="relu"),
            Scale(),
            nc.MaxPool2D(3),
            nc.Flatten(),
            nc.Dropout(0.3),
            nc.Dense(2),
        ],
        input_shape=(14, 12, 3),
        seed=seed,
    )
    model.compile(nc.Adam(0.01), "softmax_cross_entropy", ["accuracy"])
    return model


def arrays() -> tuple[Any, Any]:
    return X, Y


def augmented() -> tuple[Any, Any]:
    augment = Augment(rotate=10, flip="horizontal", noise=0.02)
    return DataLoader((X, Y), 4, seed=3, augment=augment, mixup=0.4, balanced=True), None


def train(
    model: nc.Sequential, folder: Path | None, after: int | None = None, *,
    data: Callable[[], tuple[Any, Any]] = arrays, epochs: int = 3, every: int = 1,
    unit: str = "epoch", keep: int = 3, **options: Any,
) -> tuple[dict[str, list[float]], Slower]:  # fmt: skip
    """Train with batches of 4, that is 4 an epoch; return the history and what `Slower` knows."""
    slower = Slower()
    checkpoint = None if folder is None else Checkpoint(folder, every, unit=unit, keep=keep)
    options = {"batch_size": 4, "validation_data": VALIDATION, "verbose": False, **options}
    history = model.fit(*data(), epochs=epochs, callbacks=[slower, Breaking(after)],
                        checkpoint=checkpoint, **options)  # fmt: skip
    return history.history, slower


def everything(model: nc.Sequential, history: Any, slower: Slower) -> Any:
    assert isinstance(model.optimizer, nc.Adam)
    optimizer = {key: value.copy() for key, value in model.optimizer.state.items()}
    known = (slower.best, int(slower.n), slower.begun, slower.weights)
    return copies(model), dict(model.state), optimizer, model.optimizer.iterations, history, known


@pytest.mark.parametrize("data", [arrays, augmented])
@pytest.mark.parametrize("unit", ["epoch", "batch"])
@pytest.mark.parametrize("after", [1, 3, 4, 5, 8, 11])
def test_an_interrupted_run_ends_alike(data: Any, unit: str, after: int, tmp_path: Path) -> None:
    straight = build()
    expected = everything(straight, *train(straight, None, data=data))
    with pytest.raises(Stop):
        train(build(), tmp_path, after, data=data, unit=unit)
    model = build()
    assert same(everything(model, *train(model, tmp_path, data=data, unit=unit)), expected)
    assert expected[1]["scale_1.seen"] == 3 * len(X)


def test_interrupted_after_every_batch(tmp_path: Path) -> None:
    straight, model = build(), build()
    expected = everything(straight, *train(straight, None))
    for _ in range(10):  # one more batch each time, in the same process with the same objects
        with pytest.raises(Stop):
            train(model, tmp_path, 2, unit="batch")
    assert same(everything(model, *train(model, tmp_path, unit="batch")), expected)


def test_a_finished_run_returns_at_once_and_more_epochs_go_on(tmp_path: Path) -> None:
    first, again, more, straight = build(), build(), build(), build()
    expected = everything(first, *train(first, tmp_path))
    assert same(everything(again, *train(again, tmp_path, 1)), expected)  # learns from no batch
    expected = everything(straight, *train(straight, None, epochs=5))
    assert same(everything(more, *train(more, tmp_path, epochs=5)), expected)
    with pytest.raises(ValueError, match=r"has come to epoch 6, batch 0, beyond epochs=4; give"):
        train(build(), tmp_path, epochs=4)


class StopAt(nc.Callback):
    """End the run after the second batch of the second epoch."""

    def on_batch_end(self, batch: int, logs: Any) -> None:
        self.model.stop_training = self.n == 1 and batch == 1

    def on_epoch_begin(self, epoch: int) -> None:
        self.n = epoch


def test_a_run_that_a_callback_has_ended_is_finished(tmp_path: Path) -> None:
    lengths = []
    for epochs in (4, 4, 5):
        model = build()
        history = model.fit(X, Y, epochs=epochs, batch_size=4, verbose=False,
                            callbacks=StopAt(), checkpoint=tmp_path)  # fmt: skip
        lengths.append(len(history))
    assert lengths == [2, 2, 5]


def test_the_last_ones_are_kept_and_names_sort(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    train(build(), tmp_path, keep=2, every=3, unit="batch", epochs=2)
    names = sorted(os.listdir(tmp_path))
    assert names == ["epoch_00001_batch_0000003.safetensors",
                     "epoch_00002_batch_0000000.safetensors", "notes.txt"]  # fmt: skip
    assert [path.name for path in Checkpoint(tmp_path).files()] == names[:2]
    train(build(), tmp_path / "new" / "deep", every=2)
    assert sorted(os.listdir(tmp_path / "new" / "deep")) == [
        "epoch_00002_batch_0000000.safetensors", "epoch_00003_batch_0000000.safetensors"
    ]  # fmt: skip


def test_a_checkpoint_is_a_model_file(tmp_path: Path) -> None:
    model = build()
    train(model, tmp_path)
    loaded = nc.load(Checkpoint(tmp_path).files()[-1], custom_objects={"Scale": Scale})
    assert same(copies(loaded), copies(model))
    twin = build(seed=1)
    assert not twin.load_weights(Checkpoint(tmp_path).files()[-1]).missing
    assert same(copies(twin), copies(model))


def test_frozen_layers_stay_frozen(tmp_path: Path) -> None:
    class Unfreeze(nc.Callback):
        def on_epoch_end(self, epoch: int, logs: Any) -> None:
            self.model[0].unfreeze()

    results = []
    for folder, after in ((None, None), (tmp_path, 6), (tmp_path, None)):
        model = build()
        model[0].freeze()
        try:
            model.fit(X, Y, epochs=3, batch_size=4, verbose=False, checkpoint=folder,
                      callbacks=[Unfreeze(), Breaking(after)])  # fmt: skip
        except Stop:
            continue
        results.append(copies(model))
    assert same(results[0], results[1])
    assert not same(results[0]["conv2d_1.w"], build().params["conv2d_1.w"])


def test_the_bar_starts_where_the_run_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Stop):
        train(build(), tmp_path, 7, unit="batch")
    train(build(), tmp_path, unit="batch", verbose=True)
    shown = capsys.readouterr().err
    first = shown.lstrip("\r").split("\r")[0]
    assert first.startswith("epoch 2/3:  50%")
    assert "2/4" in first
    assert "epoch 1/3" not in shown


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch_size": 5}, "data.batch_size is 4 there and 5 here"),
        ({"seed": 8}, "seed is 0 there and 8 here"),
        ({"shuffle": False}, "shuffle is True there and False here"),
        ({"validation_data": None}, "validation is .* there and None here"),
        ({"label_smoothing": 0.1}, "loss.label_smoothing is None there and 0.1 here"),
        ({"data": lambda: (X[:12], Y[:12])}, r"data.images.0 is 14 there and 12 here"),
        ({"data": lambda: (X, Y[::-1])}, "data.contents is '.*' there and '.*' here"),
        ({"data": augmented}, "data.loader is None there and .DataLoader.* here"),
    ],
)
def test_another_run_is_refused(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    train(build(), tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    model = build(seed=0)
    fresh = copies(model)
    with pytest.raises(ValueError, match=f"has checkpoints of another run: {message}; give"):
        train(model, tmp_path, **change)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert same(copies(model), fresh)


def test_another_model_or_optimizer_is_refused(tmp_path: Path) -> None:
    train(build(), tmp_path)
    wider, faster = build(), build()
    wider = nc.Sequential([*wider.layers[:-1], nc.Dense(3, name="dense_1")],
                          input_shape=(14, 12, 3))  # fmt: skip
    wider.compile(nc.Adam(0.01), "softmax_cross_entropy", ["accuracy"])
    faster.compile(nc.Adam(0.02), "softmax_cross_entropy", ["accuracy"])
    for model, message in (
        (wider, r"model.layers.5.config.units is 2 there and 3 here"),
        (faster, r"compile.optimizer.learning_rate is 0.01 there and 0.02 here"),
    ):
        with pytest.raises(ValueError, match=f"checkpoints of another run: {message}"):
            train(model, tmp_path)


def test_a_callback_whose_state_is_needed_must_be_there(tmp_path: Path) -> None:
    train(build(), tmp_path)
    with pytest.raises(ValueError, match="had a callback Slower whose state it needs; give it too"):
        build().fit(X, Y, epochs=3, batch_size=4, validation_data=VALIDATION, verbose=False,
                    checkpoint=tmp_path)  # fmt: skip


def test_what_a_checkpoint_cannot_keep(tmp_path: Path) -> None:
    class Odd(nc.Callback):
        def get_state(self) -> dict[str, Any]:
            return {"f": [len]}

    class Bare:
        def step(self, params: Any, grads: Any) -> None:
            pass

        def get_config(self) -> dict[str, Any]:
            return {}

    with pytest.raises(
        TypeError, match=r"Odd.get_state returned <built-in function len> in 'callb"
    ):
        build().fit(X, Y, verbose=False, callbacks=Odd(), checkpoint=tmp_path)
    model = build()
    model.compile(Bare(), "softmax_cross_entropy")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"Bare has no dict `state`, so a checkpoint could not"):
        model.fit(X, Y, verbose=False, checkpoint=tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("wrong", [{"every": 0}, {"keep": True}, {"unit": "hour"}, {"every": 1.5}])
def test_wrong_arguments(wrong: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"^{next(iter(wrong))} must be .*, got"):
        Checkpoint(tmp_path, **wrong)
