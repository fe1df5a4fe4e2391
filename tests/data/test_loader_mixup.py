"""Mixup in the loader: after the augmentation, before what leaves [0, 1]; labels become rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nanocnn as nc
from nanocnn.data import Augment, DataError, DataLoader, Preparation, mixup
from nanocnn.data.transforms import Compose

from .feeding import Center, Power, epoch, same_batches, with_masks, write_classes

NOISY = Augment(flip="both", noise=0.1, seed=3)
RECIPE = Preparation(transforms=Compose([Power(), Center(mean=0.3)]))


def pair(n: int = 11) -> tuple[Any, Any]:
    x = np.random.default_rng(n).random((n, 12, 14, 1), np.float32)
    return x, np.arange(n) % 3


@pytest.mark.parametrize("threads", [0, 2])
def test_what_is_done_in_which_order(threads: int) -> None:
    x, y = pair()
    loader = DataLoader(
        (x, y), 4, seed=5, preparation=RECIPE, augment=NOISY, mixup=0.3, threads=threads
    )
    order = np.random.default_rng([5, 2]).permutation(11)
    batches = epoch(loader, 2)
    assert len(batches) == 3
    for start, (images, targets) in zip((0, 4, 8), batches, strict=True):
        k = order[start : start + 4]
        expected = NOISY(x[k] ** 2, epoch=2, indices=k)
        rows = np.eye(3, dtype=np.float32)[y[k]]
        expected, rows = mixup(expected, rows, alpha=0.3, seed=5, epoch=2, indices=k)
        np.testing.assert_array_equal(images, expected - np.float32(0.3))
        np.testing.assert_array_equal(targets, rows)
        np.testing.assert_allclose(targets.sum(axis=1), 1, atol=1e-6)
    mixed = np.concatenate([t for _, t in batches])
    assert ((mixed > 0.01) & (mixed < 0.99)).any()


def test_kinds_of_targets(tmp_path: Path) -> None:
    x, y = pair()
    labels = epoch(DataLoader((x, y), 4, mixup=0.2))
    rows = np.eye(3)[y]
    assert same_batches(epoch(DataLoader((x, y[:, None]), 4, mixup=0.2)), labels)
    assert same_batches(epoch(DataLoader((x, rows), 4, mixup=0.2)), labels)
    files = nc.data.open(write_classes(tmp_path, 9))
    loader = DataLoader(files, 4, mixup=0.2, balanced=True)
    assert loader.targets is None
    assert all(t.shape[1] == len(files.classes) for _, t in epoch(loader))
    assert "mixup=0.2" in repr(loader)
    assert same_batches(epoch(DataLoader((x, y), 4, mixup=0)), epoch(DataLoader((x, y), 4)))


def test_a_model_learns_from_it() -> None:
    x = np.random.default_rng(0).random((48, 8, 8, 1), np.float32) * 0.5
    y = np.arange(48) % 2
    x[y == 1] += 0.5
    model = nc.Sequential([nc.Flatten(), nc.Dense(2, activation="softmax")], input_shape=(8, 8, 1))
    model.compile(nc.Adam(0.02), "categorical_crossentropy")
    loader = DataLoader((x, y), 16, mixup=0.2)
    history = model.fit(loader, epochs=20, verbose=False).history
    assert history["loss"][-1] < history["loss"][0]
    assert model.evaluate(x, y)[1] == 1


def test_what_cannot_be_mixed() -> None:
    x, y = pair()
    with pytest.raises(DataError, match="mixup is for samples with one label each, not for masks"):
        DataLoader(with_masks(6), mixup=0.2)
    with pytest.raises(DataError, match="mixup is for samples with one label each"):
        DataLoader((x, x[..., 0]), mixup=0.2)
    with pytest.raises(DataError, match=r"mixup must be a number from 0, got -1: use 0\.2, or 0"):
        DataLoader((x, y), mixup=-1)
    with pytest.raises(DataError, match="labels has the type float64"):
        DataLoader((x, y + 0.5), mixup=0.2)
    one = nc.Sequential([nc.Flatten(), nc.Dense(1)], input_shape=(12, 14, 1))
    one.compile(loss="binary_cross_entropy")
    with pytest.raises(ValueError, match="target"):
        one.fit(DataLoader((x, y % 2), mixup=0.2), verbose=False)
