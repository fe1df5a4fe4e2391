"""Gradient accumulation: k batches of b are one batch of k*b."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nanocnn as nc
from nanocnn.layers.base import Array
from nanocnn.training import Checkpoint
from nanocnn.training.accumulation import Gradients
from tests.layers.examples import same
from tests.models.examples import copies, pictures, small

X, Y = pictures(14, dtype="float64")


class Fail(nc.Callback):
    """Raise after so many batches, or end the run."""

    def __init__(self, after: int, *, stop: bool = False) -> None:
        self.after, self.stop = after, stop

    def on_batch_end(self, batch: int, logs: Any) -> None:
        self.after -= 1
        if not self.after:
            if not self.stop:
                raise OSError
            self.model.stop_training = True


def compiled(optimizer: Any, dtype: str = "float64") -> nc.Sequential:
    model = small(dtype=dtype)
    model.compile(optimizer, "softmax_cross_entropy", ["accuracy"])
    return model


def fit(model: nc.Sequential, batch_size: int, accumulate: int, **options: Any) -> Any:
    options = {"epochs": 2, **options}
    return model.fit(X, Y, batch_size=batch_size, accumulate=accumulate, verbose=False, **options)


@pytest.mark.parametrize("batch_size", [1, 2, 3, 4])
@pytest.mark.parametrize("k", [2, 3, 5])
@pytest.mark.parametrize("clip", [{}, {"clip_norm": 0.2}, {"clip_value": 0.05}])
def test_k_batches_are_one_of_k_times_the_size(
    batch_size: int, k: int, clip: dict[str, float]
) -> None:
    """14 images: the last group of an epoch and its last batch are smaller in most cases."""
    many = compiled(nc.SGD(0.1, momentum=0.9, weight_decay=0.01, **clip))
    one = compiled(nc.SGD(0.1, momentum=0.9, weight_decay=0.01, **clip))
    assert many.optimizer is not None
    assert one.optimizer is not None
    history = fit(many, batch_size, k).history
    expected = fit(one, batch_size * k, 1).history
    assert many.optimizer.iterations == one.optimizer.iterations == 2 * -(-14 // (batch_size * k))
    for name, p in many.params.items():
        assert np.abs(p - one.params[name]).max() < 1e-12, name
    np.testing.assert_allclose(history["loss"], expected["loss"], rtol=1e-12)


def test_it_makes_a_difference() -> None:
    plain, accumulated = compiled(nc.SGD(0.1)), compiled(nc.SGD(0.1))
    fit(plain, 4, 1)
    fit(accumulated, 4, 2)
    assert not same(copies(plain), copies(accumulated))


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(0, 99))
@settings(deadline=None)
def test_the_mean_is_weighted_by_the_sizes(sizes: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows: list[Array] = [rng.normal(size=(n, 3)) for n in sizes]
    gradients = Gradients()
    for each in rows:
        gradients.add(len(each), {"a.w": each.mean(axis=0)})
    assert gradients.n == sum(sizes)
    mean = gradients.take()
    np.testing.assert_allclose(mean["a.w"], np.concatenate(rows).mean(axis=0), atol=1e-14)
    assert (gradients.n, gradients.mean) == (0, {})


def test_one_batch_is_taken_as_it_is_and_dtypes_stay() -> None:
    gradients, g = Gradients(), np.float32([0.1, 0.7])
    gradients.add(3, {"a.w": g})
    assert gradients.mean["a.w"] is g
    gradients.add(4, {"a.w": g * 2})
    assert gradients.mean["a.w"].dtype == np.float32
    np.testing.assert_array_equal(g, np.float32([0.1, 0.7]))


def test_what_is_frozen_in_between_does_not_move() -> None:
    gradients = Gradients()
    gradients.add(1, {"a.w": np.ones(1), "b.w": np.ones(1)})
    gradients.add(1, {"b.w": np.full(1, 3.0), "c.w": np.ones(1)})
    assert {k: float(g[0]) for k, g in gradients.take().items()} == {"b.w": 2, "c.w": 1}


def test_running_statistics_follow_each_batch() -> None:
    def build() -> nc.Sequential:
        model = nc.Sequential([nc.BatchNorm(), nc.Flatten(), nc.Dense(2)], input_shape=(14, 12, 3))
        model.compile(nc.SGD(0.0), "softmax_cross_entropy")
        return model

    one, two = build(), build()
    for model, k in ((one, 1), (two, 3)):
        model.fit(X, Y, batch_size=4, accumulate=k, verbose=False)
    assert same(dict(one.state), dict(two.state))


def test_a_run_that_is_stopped_in_a_group_makes_its_step() -> None:
    model = compiled(nc.SGD(0.1))
    assert model.optimizer is not None
    fit(model, 2, 3, callbacks=[Fail(4, stop=True)])
    assert model.optimizer.iterations == 2
    shorter = compiled(nc.SGD(0.1))
    order = np.random.default_rng([0, 0]).permutation(14)[:8]
    shorter.fit(X[order], Y[order], batch_size=6, shuffle=False, verbose=False)
    for name, p in model.params.items():
        assert np.abs(p - shorter.params[name]).max() < 1e-12


@pytest.mark.parametrize("after", [2, 3, 4, 6, 9])
def test_an_interrupted_run_ends_alike(after: int, tmp_path: Path) -> None:
    """Batches of 3, so 5 an epoch, and groups of 3 and 2; also in the midst of a group."""
    straight = compiled(nc.Adam(0.01), "float32")
    expected = fit(straight, 3, 3).history
    checkpoint = Checkpoint(tmp_path, unit="batch")
    with pytest.raises(OSError):
        fit(compiled(nc.Adam(0.01), "float32"), 3, 3, callbacks=[Fail(after)],
            checkpoint=checkpoint)  # fmt: skip
    model = compiled(nc.Adam(0.01), "float32")
    assert fit(model, 3, 3, checkpoint=checkpoint).history == expected
    assert same(copies(model), copies(straight))
    with pytest.raises(ValueError, match=r"of another run: .*accumulate"):
        fit(model, 3, 2, checkpoint=checkpoint)


@pytest.mark.parametrize("accumulate", [0, 1.5, True])
def test_mistakes_are_told(accumulate: Any) -> None:
    with pytest.raises(ValueError, match="accumulate must be a whole number from 1"):
        fit(compiled("sgd"), 4, accumulate)
