"""The loop: it learns, it repeats itself bit by bit, it stops clearly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import nanocnn as nc
from nanocnn.layers.base import Array
from nanocnn.models.model import Model
from tests.layers.examples import same
from tests.models.examples import Scale, copies, half_square, pictures, small


def compiled(*, end: str | None = None, seed: int = 0, dtype: str = "float32") -> nc.Sequential:
    model = small(end, seed=seed, dtype=dtype)
    loss = "softmax_cross_entropy" if end is None else "categorical_crossentropy"
    model.compile(nc.Adam(0.01), loss, ["accuracy"])
    return model


@pytest.mark.parametrize("end", [None, "softmax"])
def test_learns_what_can_be_told_apart(end: str | None) -> None:
    model = compiled(end=end)
    x, y = pictures(60)
    xv, yv = pictures(40, seed=1)
    history = model.fit(
        x, y, epochs=12, batch_size=10, validation_data=(xv, yv), verbose=False
    ).history
    assert set(history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert history["accuracy"][-1] == 1
    assert history["val_accuracy"][-1] == 1
    assert history["loss"][-1] < 0.1 * history["loss"][0]
    scores = model.evaluate(xv, yv, batch_size=10)
    assert scores == (history["val_loss"][-1], history["val_accuracy"][-1])
    np.testing.assert_array_equal(model.predict(xv).argmax(axis=1), yv)


def test_a_step_is_what_the_pieces_give() -> None:
    """One epoch by hand: the order, the keys, the last, smaller batch."""
    from nanocnn.layers.keys import derive

    x, y = pictures(7)

    def make() -> nc.Sequential:
        return nc.Sequential(
            [nc.Flatten(), nc.Dense(6), nc.Dropout(0.5), nc.Dense(2)], input_shape=(14, 12, 3)
        )

    fitted, by_hand = make(), make()
    fitted.compile(nc.SGD(0.1), "softmax_cross_entropy", ["accuracy"])
    history = fitted.fit(x, y, epochs=2, batch_size=3, seed=5, verbose=False).history
    optimizer, losses = nc.SGD(0.1), []
    for epoch in range(2):
        order = np.random.default_rng([5, epoch]).permutation(7)
        total = 0.0
        for batch, start in enumerate((0, 3, 6)):
            now = order[start : start + 3]
            key = derive(derive(5, epoch), batch)
            z, cache = by_hand.forward(x[now], training=True, rng=key)
            loss, dz = nc.losses.softmax_cross_entropy(z, y[now])
            optimizer.step(by_hand.params, by_hand.backward(dz, cache, need_dx=False)[1])
            total += loss * len(now)
        losses.append(total / 7)
    assert same(copies(fitted), copies(by_hand))
    np.testing.assert_allclose(history["loss"], losses, rtol=1e-12)


def test_shuffling() -> None:
    seen: list[Array] = []

    def spy(y: Array, target: Array) -> tuple[float, Array]:
        seen.append(target)
        return 0.0, np.zeros_like(y)

    x, _ = pictures(10)
    model = small()
    model.compile("sgd", spy, [])

    def orders(**options: Any) -> list[list[int]]:
        seen.clear()
        model.fit(x, np.arange(10), epochs=3, batch_size=4, verbose=False, **options)
        flat = np.concatenate(seen)
        return [flat[i : i + 10].tolist() for i in (0, 10, 20)]

    shuffled = orders()
    assert all(sorted(order) == list(range(10)) for order in shuffled)
    assert len({tuple(order) for order in shuffled}) == 3
    assert orders() == shuffled
    assert orders(seed=1) != shuffled
    assert orders(shuffle=False) == [list(range(10))] * 3


def test_frozen_layers_do_not_move() -> None:
    model, (x, y) = compiled(end="softmax"), pictures()
    model[0].freeze()
    model[-1].trainable = False  # the one whose softmax the loss takes over
    before = copies(model)
    model.fit(x, y, epochs=2, verbose=False)
    after = copies(model)
    moved = {key for key in before if not same(before[key], after[key])}
    assert moved == {"conv2d_2.w", "conv2d_2.b", "dense_1.w", "dense_1.b"}

    class Thaw(nc.Callback):
        def on_epoch_end(self, epoch: int, logs: Any) -> None:
            self.model[-1].unfreeze()

    model.fit(x, y, epochs=1, callbacks=[Thaw()], verbose=False)
    assert same(model.params["dense_2.w"], before["dense_2.w"])
    model[-1].freeze()
    model.fit(x, y, epochs=2, callbacks=[Thaw()], verbose=False)
    assert not same(model.params["dense_2.w"], before["dense_2.w"])


def test_running_statistics_are_updated_in_training_only() -> None:
    model = nc.Sequential([Scale(), nc.Flatten(), nc.Dense(2, activation="softmax")])
    model.compile("sgd", "categorical_crossentropy")
    x, y = pictures()
    model.fit(x, y, epochs=3, batch_size=5, validation_data=pictures(6, seed=1), verbose=False)
    model.evaluate(x, y)
    model.predict(x)
    assert model.state["scale_1.seen"] == 36


def test_own_layers_keep_what_they_learnt_whatever_is_asked() -> None:
    """A layer whose `build` creates its parameters anew each time it is called."""
    model = nc.Sequential([Scale(), nc.Flatten(), nc.Dense(2, activation="softmax")])
    model.compile(nc.SGD(0.5), "categorical_crossentropy")
    x, y = pictures()
    model.fit(x, y, epochs=2, verbose=False)
    before = copies(model)
    assert (before["scale_1.s"] != 1).all()
    model.evaluate(x, y)
    model.predict(x)
    model.compile("adam", "categorical_crossentropy")
    model.summary()
    _ = model[:2]
    assert same(copies(model), before)


class Poison:
    """A loss that is right, but for one batch."""

    __name__ = "poison"

    def __init__(self, at: int, loss: float | None = None, gradient: float | None = None) -> None:
        self.calls, self.at, self.loss, self.gradient = 0, at, loss, gradient

    def __call__(self, y: Array, target: Array) -> tuple[float, Array]:
        loss, dy = half_square(y, np.eye(2)[target])
        self.calls += 1
        if self.calls == self.at:
            loss = loss if self.loss is None else self.loss
            if self.gradient is not None:
                dy[0, 0] = self.gradient
        return loss, dy


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_divergence_names_epoch_and_batch_and_keeps_the_parameters(value: float, what: str) -> None:
    model, (x, y) = small(), pictures()
    loss = Poison(6, **{what: value})
    kept: list[dict[str, Array]] = []

    class Keep(nc.Callback):
        ended = False

        def on_batch_end(self, batch: int, logs: Any) -> None:
            kept.append(copies(self.model))

        def on_train_end(self) -> None:
            self.ended = True

    keep = Keep()
    model.compile("adam", loss, [])
    message = {"loss": "the loss became", "gradient": "the gradient of .* became NaN or infinite"}
    with pytest.raises(nc.Diverged, match=f"{message[what]}.* in epoch 2, batch 2; try") as told:
        model.fit(x, y, epochs=9, batch_size=3, callbacks=[keep], verbose=False)
    assert "\n" not in str(told.value)
    assert len(kept) == 5
    assert same(copies(model), kept[-1])
    assert all(np.isfinite(p).all() for p in model.params.values())
    assert keep.ended
    model.compile("adam", "softmax_cross_entropy")
    model.fit(x, y, verbose=False)  # it can be trained again


@pytest.mark.parametrize("rung", ["vectorized", "numba"])
def test_a_learning_rate_far_too_large(rung: str) -> None:
    model, (x, y) = small(), pictures()
    model.compile(nc.SGD(1e30), "softmax_cross_entropy", ["accuracy"])
    with (
        nc.backend(rung),
        pytest.raises(nc.Diverged, match=r"in epoch [12], batch [1-4]; try a sm"),
    ):
        model.fit(x, y, epochs=2, batch_size=3, verbose=False)


def test_interrupting_leaves_the_model_usable() -> None:
    model, (x, y) = compiled(end="softmax"), pictures()

    class Interrupt(nc.Callback):
        ended = False

        def on_batch_end(self, batch: int, logs: Any) -> None:
            if batch == 2:
                raise KeyboardInterrupt

        def on_train_end(self) -> None:
            self.ended = True

    before, interrupt = copies(model), Interrupt()
    with pytest.raises(KeyboardInterrupt):
        model.fit(x, y, epochs=3, batch_size=3, callbacks=[interrupt], verbose=False)
    assert interrupt.ended
    assert not same(copies(model), before), "the steps that were done stay done"
    assert np.isfinite(model.predict(x)).all()
    model.evaluate(x, y)
    model.fit(x, y, epochs=2, verbose=False)


def test_progress_shows_loss_accuracy_and_time_left(capsys: pytest.CaptureFixture[str]) -> None:
    model, (x, y) = compiled(), pictures()
    model.fit(x, y, epochs=2, batch_size=3, validation_data=pictures(6, seed=1))
    text = capsys.readouterr().err
    assert "epoch 1/2" in text
    assert "epoch 2/2: 100%" in text
    assert "4/4 [" in text
    assert "<00:00" in text, "the time left"
    for name in ("loss=", "accuracy=", "val_loss=", "val_accuracy="):
        assert name in text
    model.fit(x, y, verbose=False)
    model.evaluate(x, y)
    assert capsys.readouterr().err == ""


def test_training_keeps_the_images_as_they_were() -> None:
    model, (x, y) = compiled(), pictures()
    xv, yv = pictures(6, seed=1)
    given = (x, y, xv, yv)
    before = tuple(array.copy() for array in given)
    for array in given:
        array.flags.writeable = False
    model.fit(x, y, epochs=2, batch_size=5, validation_data=(xv, yv), verbose=False)
    assert same(given, before)


def test_fitting_twice_goes_on() -> None:
    model, (x, y) = compiled(), pictures()
    assert isinstance(model, Model)
    first = model.fit(x, y, epochs=3, verbose=False).history["loss"]
    second = model.fit(x, y, epochs=3, verbose=False).history["loss"]
    assert second[0] < first[0]
    assert model.optimizer is not None
    assert model.optimizer.iterations == 6
