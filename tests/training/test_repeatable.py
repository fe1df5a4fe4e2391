"""The same seed gives the same bits: run after run, and on any number of threads."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import nanocnn as nc
from nanocnn.kernels import threads as pool
from nanocnn.layers.base import Array
from tests.layers.examples import same
from tests.models.examples import copies, pictures, small
from tests.sizes import sized

SIZE, IMAGES, BATCH = sized((50, 40, 16), (14, 9, 4))


@pytest.fixture
def threads() -> Iterator[Any]:
    before = nc.get_num_threads()
    yield nc.set_num_threads
    nc.set_num_threads(before)


def larger() -> nc.Sequential:
    """Return a model with enough work in it that threads are used."""
    model = nc.Sequential(
        [
            nc.Conv2D(16, 3, activation="relu"),
            nc.MaxPool2D(2),
            nc.Conv2D(16, 3, activation="gelu"),
            nc.AveragePool2D(2),
            nc.Flatten(),
            nc.Dropout(0.5),
            nc.Dense(2, activation="softmax"),
        ],
        input_shape=(SIZE, SIZE, 3),
        seed=1,
    )
    model.compile(nc.AdamW(0.01, clip_norm=1.0), "categorical_crossentropy", ["accuracy"])
    return model


def trained_bits() -> tuple[dict[str, Array], dict[str, list[float]]]:
    rng = np.random.default_rng(0)
    x, y = rng.random((IMAGES, SIZE, SIZE, 3), np.float32), rng.integers(0, 2, IMAGES)
    held_out = rng.random((8, SIZE, SIZE, 3), np.float32), rng.integers(0, 2, 8)
    model = larger()
    with nc.backend("numba"):
        history = model.fit(
            x, y, epochs=2, batch_size=BATCH, validation_data=held_out, verbose=False
        )
    return copies(model), history.history


def test_same_seed_same_bits_on_any_number_of_threads(
    threads: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "INLINE_SECONDS", 0.0)  # share out what little work there is
    threads(1)
    first = trained_bits()
    for n in (1, 2, 4):
        threads(n)
        assert same(trained_bits(), first), f"{n} threads"


@pytest.mark.slow
def test_same_bits_in_another_process() -> None:
    code = (
        "import hashlib; from tests.training.test_repeatable import trained_bits;"
        "p, h = trained_bits();"
        "print(hashlib.sha256(b''.join(a.tobytes() for a in p.values())).hexdigest(), h)"
    )
    told = set()
    for n in ("1", "2", "3"):
        env = {**os.environ, "NANOCNN_NUM_THREADS": n}
        told.add(
            subprocess.run(
                [sys.executable, "-c", code], env=env, check=True, capture_output=True, text=True
            ).stdout
        )
    assert len(told) == 1


def test_the_rungs_agree_over_twenty_steps() -> None:
    x, y = pictures(20, dtype="float64")
    results = []
    for rung in ("vectorized", "numba"):
        model = small(dtype="float64")
        model.compile(nc.Adam(0.01), "softmax_cross_entropy", ["accuracy"])
        with nc.backend(rung):
            history = model.fit(x, y, epochs=5, batch_size=5, verbose=False).history
        results.append((copies(model), history["loss"]))
    (a, losses_a), (b, losses_b) = results
    np.testing.assert_allclose(losses_a, losses_b, rtol=1e-9)
    for key in a:
        np.testing.assert_allclose(a[key], b[key], rtol=0, atol=1e-9)
    assert losses_a[-1] < losses_a[0]
