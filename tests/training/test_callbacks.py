"""Callbacks, and the history that `fit` returns."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nanocnn as nc
from tests.models.examples import pictures, small

X, Y = pictures(7)
XV, YV = pictures(5, seed=1)


def compiled() -> nc.Sequential:
    model = small()
    model.compile("adam", "softmax_cross_entropy", ["accuracy"])
    return model


class Recorder(nc.Callback):
    """Write down every call."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def on_train_begin(self) -> None:
        self.calls.append("train begin")

    def on_epoch_begin(self, epoch: int) -> None:
        self.calls.append(f"epoch {epoch} begin")

    def on_batch_begin(self, batch: int) -> None:
        self.calls.append(f"batch {batch} begin")

    def on_batch_end(self, batch: int, logs: Any) -> None:
        self.calls.append((f"batch {batch}", sorted(logs)))

    def on_validation_begin(self, epoch: int) -> None:
        self.calls.append(f"validation {epoch} begin")

    def on_epoch_end(self, epoch: int, logs: Any) -> None:
        self.calls.append((f"epoch {epoch} end", sorted(logs)))

    def on_train_end(self) -> None:
        self.calls.append("train end")


def test_order_of_calls() -> None:
    recorder, model = Recorder(), compiled()
    model.fit(X, Y, epochs=2, batch_size=4, validation_data=(XV, YV), callbacks=[recorder],
              verbose=False)  # fmt: skip
    names = ["accuracy", "loss"]
    expected: list[Any] = ["train begin"]
    for epoch in (0, 1):
        expected += [f"epoch {epoch} begin", "batch 0 begin", ("batch 0", names)]
        expected += ["batch 1 begin", ("batch 1", names), f"validation {epoch} begin"]
        expected += [(f"epoch {epoch} end", [*names, "val_accuracy", "val_loss"])]
    assert recorder.calls == [*expected, "train end"]
    assert recorder.model is model


def test_one_callback_alone_and_several() -> None:
    alone, first, second = Recorder(), Recorder(), Recorder()
    compiled().fit(X, Y, callbacks=alone, verbose=False)  # type: ignore[arg-type]
    compiled().fit(X, Y, callbacks=iter([first, second]), verbose=False)
    assert alone.calls == first.calls == second.calls
    assert nc.Callback.model is None


def test_several_run_in_the_order_given_and_all_end_even_if_one_fails() -> None:
    calls: list[tuple[str, str]] = []

    class Named(nc.Callback):
        def __init__(self, name: str) -> None:
            self.name = name

        def on_train_begin(self) -> None:
            calls.append((self.name, "begin"))

        def on_validation_begin(self, epoch: int) -> None:
            calls.append((self.name, "validation"))

        def on_train_end(self) -> None:
            calls.append((self.name, "end"))
            if self.name == "a":
                raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        compiled().fit(X, Y, callbacks=[Named("a"), Named("b")], verbose=False)
    at = ("begin", "validation", "end")
    assert calls == [(name, when) for when in at for name in ("a", "b")]


def test_what_fit_tells_a_callback() -> None:
    told = nc.Callback()
    compiled().fit(X, Y, epochs=2, batch_size=3, callbacks=[told], validation_data=(XV, YV),
                   verbose=False)  # fmt: skip
    assert (told.epochs, told.n_batches) == (2, 3)
    assert told.logged == ("loss", "accuracy", "val_loss", "val_accuracy")
    compiled().fit(X, Y, callbacks=[told], verbose=False)
    assert told.logged == ("loss", "accuracy")


@pytest.mark.parametrize(("at", "batches", "epochs"), [("batch", 2, 1), ("epoch", 4, 2)])
def test_stopping(at: str, batches: int, epochs: int) -> None:
    class Stop(Recorder):
        def on_batch_end(self, batch: int, logs: Any) -> None:
            super().on_batch_end(batch, logs)
            if at == "batch" and batch == 1:
                self.model.stop_training = True

        def on_epoch_end(self, epoch: int, logs: Any) -> None:
            super().on_epoch_end(epoch, logs)
            if at == "epoch" and epoch == 1:
                self.model.stop_training = True

    stop, model = Stop(), compiled()
    size = 2 if at == "batch" else 4
    history = model.fit(X, Y, epochs=5, batch_size=size, callbacks=[stop], verbose=False)
    assert len(history) == epochs
    ended = [call for call in stop.calls if isinstance(call, tuple)]
    assert sum(call[0].startswith("batch") for call in ended) == batches
    assert stop.calls[-2][0] == f"epoch {epochs - 1} end"
    assert stop.calls[-1] == "train end"
    assert len(model.fit(X, Y, epochs=2, verbose=False)) == 2, "the next fit begins afresh"


def test_the_learning_rate_may_be_changed() -> None:
    class Halve(nc.Callback):
        def on_epoch_end(self, epoch: int, logs: Any) -> None:
            self.model.optimizer.learning_rate *= 0.5

    model = compiled()
    model.fit(X, Y, epochs=3, callbacks=[Halve()], verbose=False)
    assert model.optimizer is not None
    assert model.optimizer.learning_rate == pytest.approx(1e-3 / 8)


def test_logs_are_means_over_the_images_so_far() -> None:
    model = compiled()
    model.compile(nc.SGD(0.0), "softmax_cross_entropy", ["accuracy"])
    seen = []

    class See(nc.Callback):
        def on_batch_end(self, batch: int, logs: Any) -> None:
            seen.append(logs["loss"])

    history = model.fit(X, Y, batch_size=4, shuffle=False, callbacks=[See()], verbose=False)
    each = [nc.losses.softmax_cross_entropy(model(X[i : i + 1]), Y[i : i + 1])[0] for i in range(7)]
    assert seen == [pytest.approx(np.mean(each[:4])), pytest.approx(np.mean(each))]
    assert history.history["loss"] == [pytest.approx(np.mean(each))]


def test_history_and_its_table(tmp_path: Path) -> None:
    history = compiled().fit(X, Y, epochs=3, validation_data=(XV, YV), verbose=False)
    assert list(history.history) == ["loss", "accuracy", "val_loss", "val_accuracy"]
    assert all(len(values) == 3 for values in history.history.values())
    assert all(type(v) is float for values in history.history.values() for v in values)
    assert len(history) == 3
    assert repr(history).startswith("History(3 epochs; last: loss 0.")
    history.to_csv(tmp_path / "history.csv")
    with open(tmp_path / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    for name, values in history.history.items():
        assert [float(row[name]) for row in rows] == values


def test_an_empty_history(tmp_path: Path) -> None:
    history = nc.History()
    assert len(history) == 0
    assert repr(history) == "History(0 epochs; last: )"
    history.to_csv(tmp_path / "h.csv")
    assert (tmp_path / "h.csv").read_text().split() == ["epoch"]
