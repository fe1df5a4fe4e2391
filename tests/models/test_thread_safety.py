"""One model, many threads or processes: every answer has the bits of a single thread's."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import nanocnn as nc
from nanocnn.kernels import threads as pool
from nanocnn.layers.base import Array
from tests.layers.examples import same
from tests.models.examples import copies, pictures, small

CALLERS = 8


@pytest.fixture
def shared_out(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the kernels use two threads for work of any size."""
    before = nc.get_num_threads()
    monkeypatch.setattr(pool, "INLINE_SECONDS", 0.0)
    nc.set_num_threads(2)
    yield
    nc.set_num_threads(before)


def predict_from_all_callers(model: nc.Sequential, calls: int) -> int:
    """Let threads predict at the same time; return how many answers were right."""
    batches = [pictures(n, seed=n)[0] for n in (1, 2, 3, 5)]
    before = nc.get_num_threads()
    nc.set_num_threads(1)
    expected = [model.predict(x) for x in batches]
    nc.set_num_threads(before)
    start = threading.Barrier(CALLERS)

    def caller(k: int) -> int:
        start.wait()
        turns = [(k + call) % len(batches) for call in range(calls)]
        return sum(np.array_equal(model.predict(batches[t]), expected[t]) for t in turns)

    with ThreadPoolExecutor(CALLERS) as callers:
        return sum(callers.map(caller, range(CALLERS)))


@pytest.mark.usefixtures("shared_out")
def test_predictions_from_eight_threads() -> None:
    assert predict_from_all_callers(small(), 50) == 50 * CALLERS


@pytest.mark.slow
@pytest.mark.parametrize("inline", [True, False])
def test_ten_thousand_predictions(inline: bool, shared_out: None,
                                  monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    if inline:
        monkeypatch.setattr(pool, "INLINE_SECONDS", 3e-4)
    assert predict_from_all_callers(small(), 1250) == 10_000


def trained(seed: int) -> dict[str, Array]:
    """Return the parameters after some steps of training."""
    model, (x, y) = small(seed=seed), pictures(12, seed=seed)
    model.compile(nc.Adam(0.01), "softmax_cross_entropy", ["accuracy"])
    model.fit(x, y, epochs=2, batch_size=4, verbose=False)
    return copies(model)


@pytest.mark.usefixtures("shared_out")
def test_models_trained_in_ones_own_thread_pool() -> None:
    alone = [trained(seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as executor:
        together = list(executor.map(trained, range(4)))
    assert all(map(same, together, alone))
    assert not same(alone[0], alone[1])


@pytest.mark.usefixtures("shared_out")
def test_training_beside_predictions() -> None:
    still, expected = small(), trained(1)
    with ThreadPoolExecutor(1) as executor:
        training = executor.submit(trained, 1)
        assert predict_from_all_callers(still, 20) == 20 * CALLERS
        assert same(training.result(), expected)


@pytest.mark.compiled  # as those processes do
def test_models_trained_in_new_processes() -> None:
    expected = [trained(seed) for seed in (0, 1)]
    with multiprocessing.get_context("spawn").Pool(2) as processes:
        found = processes.map(trained, (0, 1))
    assert all(map(same, found, expected))


FORKED = """
import multiprocessing, warnings
warnings.simplefilter("ignore")  # Python 3.12 warns of a fork beside threads: that is the point
import nanocnn as nc
from nanocnn.kernels import threads
from tests.layers.examples import same
from tests.models.test_thread_safety import trained
threads.INLINE_SECONDS = 0.0
nc.set_num_threads(2)
expected = [trained(seed) for seed in (0, 1)]
assert threads._pool is not None
with multiprocessing.get_context("fork").Pool(2) as processes:
    found = processes.map(trained, (0, 1))
assert all(map(same, found, expected))
assert same(trained(0), expected[0])
print("the same")
"""
FIRST = """
import threading
from concurrent.futures import ThreadPoolExecutor
import nanocnn as nc
from tests.models.examples import pictures, small
model, x, start = small(), pictures(4)[0], threading.Barrier(8)
def caller(_):
    start.wait()
    return model.predict(x).tobytes()
with ThreadPoolExecutor(8) as callers:
    answers = set(callers.map(caller, range(8)))
print(len(answers), nc.get_num_threads())
"""


def fresh(code: str, **variables: str) -> str:
    environment = {**os.environ, **variables}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=200,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_models_trained_in_forked_processes() -> None:
    assert fresh(FORKED) == "the same\n"


def test_the_first_call_of_all_may_come_from_many_threads() -> None:
    assert fresh(FIRST, NANOCNN_NUM_THREADS="3") == "1 3\n"


@pytest.mark.compiled
def test_three_steps_of_the_articles_network_on_any_number_of_threads(
    shared_out: None,
) -> None:
    def weights(threads: int) -> dict[str, Array]:
        nc.set_num_threads(threads)
        layers = [
            nc.Conv2D(32, 3, activation="relu"),
            nc.MaxPool2D(2),
            nc.Conv2D(64, 3, activation="relu"),
            nc.MaxPool2D(2),
            nc.Flatten(),
            nc.Dense(64, activation="relu"),
            nc.Dense(2),
        ]
        model, source = nc.Sequential(layers, input_shape=(128, 128, 3)), np.random.default_rng(0)
        model.compile("adam", "softmax_cross_entropy")
        x, y = source.random((24, 128, 128, 3), np.float32), source.integers(0, 2, 24)
        model.fit(x, y, batch_size=8, verbose=False)  # three steps
        return model.params

    first = weights(1)
    for n in (2, 4):
        assert same(weights(n), first), f"{n} threads"
