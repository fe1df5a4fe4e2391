"""The recipe for chest X-rays, on synthetic squares: training, averaging, measuring."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import nanocnn as nc

EXAMPLES = Path(__file__).parents[2] / "examples"
sys.path.insert(0, str(EXAMPLES))  # as for a script in that folder

from model_steps import pneumonia  # noqa: E402
from model_steps.images import Data, Part  # noqa: E402


def squares(n, seed):
    """Noise, with a bright square in a quarter of the images."""
    rng = np.random.default_rng(seed)
    labels = (np.arange(n) % 4 == 0).astype(np.int64)
    images = rng.random((n, 20, 20, 1), np.float32) * np.float32(0.3)
    images[labels == 1, 6:14, 6:14] += np.float32(0.6)
    return Part(images, labels, None)


@pytest.fixture(scope="module")
def data():
    return Data(squares(96, 0), squares(32, 1), squares(32, 2), ("no", "yes"), None)


@pytest.fixture(scope="module")
def trained(data):
    ticks = []
    how = {"epochs": 6, "networks": 2, "tick": lambda: ticks.append(1)}
    return pneumonia.train(data, 0, **how), ticks


def test_learns(data, trained):
    model, ticks = trained
    assert len(ticks) == 2 * 6
    found = pneumonia.evaluate(model, data.val)
    assert found["auc"].value > 0.9
    for estimate in (found["auc"], found["accuracy"]):
        assert estimate.low <= estimate.value <= estimate.high


def test_one_model_that_is_saved_and_loaded(data, trained, tmp_path):
    model, _ = trained
    logits = model.predict(data.val.images)
    assert logits.shape == (32, 2)
    model.save(tmp_path / "m.safetensors")
    assert np.array_equal(nc.load(tmp_path / "m.safetensors").predict(data.val.images), logits)


def test_average_is_the_mean_of_the_logits():
    x = np.random.default_rng(0).random((5, 12, 12, 1), np.float32)
    models = [pneumonia.network((12, 12, 1), 2, seed, seed != 1) for seed in range(3)]
    rng = np.random.default_rng(1)
    for model in models:  # their last layers begin at zero
        w = model.layers[-1].params["w"]
        w[...] = rng.standard_normal(w.shape)
    each = [model.predict(x) for model in models]
    assert np.abs(each[0] - each[1]).max() > 0.01
    mean = pneumonia.average(models).predict(x)
    np.testing.assert_allclose(mean, np.mean(each, axis=0), rtol=1e-5, atol=1e-6)


def test_same_seed_same_bits_another_seed_others(data):
    few = data._replace(train=Part(*(a[:16] for a in data.train[:2]), None))
    a, b, c = (
        pneumonia.train(few, seed, epochs=1, networks=1).predict(data.val.images)
        for seed in (3, 3, 4)
    )
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


def test_exposure_tells_a_standardizing_network_nothing(data):
    """Brighter and flatter: its answer stays, that of the other one does not."""
    x = data.val.images
    brighter = x * np.float32(0.7) + np.float32(0.2)
    for standardize in (True, False):
        model = pneumonia.network((20, 20, 1), 2, 0, standardize)
        w = model.layers[-1].params["w"]
        w[...] = np.random.default_rng(0).standard_normal(w.shape)
        y, changed = model.predict(x), model.predict(brighter)
        difference = np.abs(changed - y).max() / np.abs(y).max()
        assert (difference < 0.01) == standardize, difference


def test_only_the_training_part_is_learnt_from(data):
    few = data._replace(train=Part(*(a[:16] for a in data.train[:2]), None))
    nan = Part(np.full_like(data.val.images, np.nan), data.val.labels, None)
    a = pneumonia.train(few, 0, epochs=1, networks=1)
    b = pneumonia.train(few._replace(val=nan, test=nan), 0, epochs=1, networks=1)
    assert all(np.array_equal(a.params[k], b.params[k]) for k in a.params)


def test_changed_images_keep_their_labels_and_owners(data):
    part = pneumonia.changed(data.val)
    n = len(data.val.labels)
    assert len(part.images) == len(part.labels) == pneumonia.CHANGED_TIMES * n
    assert np.array_equal(part.labels[n : 2 * n], data.val.labels)
    assert np.array_equal(part.patients[:n], part.patients[-n:])
    assert len(np.unique(part.patients)) == n
    assert not np.array_equal(part.images[:n], part.images[n : 2 * n])
    assert np.array_equal(part.images, pneumonia.changed(data.val).images)


def test_the_brightest_of_each_class_are_held_out(data):
    apart = pneumonia.brightest_apart(data)
    n = len(data.train.labels) + len(data.val.labels)
    assert len(apart.train.labels) + len(apart.val.labels) == n
    assert apart.test is data.test
    for label in (0, 1):
        kept, held_out = (
            part.images[part.labels == label].mean(axis=(1, 2, 3))
            for part in (apart.train, apart.val)
        )
        assert kept.max() <= held_out.min()
        assert 0.2 <= len(held_out) / (len(kept) + len(held_out)) < 0.24


@pytest.mark.slow
def test_run_by_its_path(tmp_path):
    arrays = {}
    for part, n in (("train", 32), ("val", 16), ("test", 16)):
        made = squares(n, n)
        arrays |= {f"{part}_images": (255 * made.images[..., 0]).astype(np.uint8)}
        arrays |= {f"{part}_labels": made.labels.reshape(-1, 1)}
    np.savez(tmp_path / "squares.npz", **arrays)
    script = EXAMPLES / "model_steps" / "pneumonia.py"
    command = [sys.executable, "-W", "error", script, "--data", tmp_path / "squares.npz"]
    command += ["--epochs", "1", "--networks", "2", "--brightest"]
    environment = {**os.environ, "PYTHONPATH": str(EXAMPLES.parent)}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=300, env=environment, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[:2] for line in lines if "auc" in line] == [
        ["validation", "auc"],
        ["changed", "auc"],
    ]
    assert "test" not in done.stdout
