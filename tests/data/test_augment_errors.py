"""Every mistake gets one line: what was given, what was needed, what to do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nanocnn.data import Augment, DataError, mixup

from .policies import images, masks

X, Z = images(2), masks(2)


def check(raised: pytest.ExceptionInfo[DataError], *parts: str) -> None:
    message = str(raised.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


@pytest.mark.parametrize(
    ("name", "value", "needed"),
    [
        ("rotate", -1, "from 0 to 180"),
        ("rotate", 181, "from 0 to 180"),
        ("zoom", 1, "from 0 to below 1"),
        ("zoom", 1.5, "from 0 to below 1"),
        ("shift", 1.0, "from 0 to below 1"),
        ("shear", 90, "from 0 to below 90"),
        ("elastic", 1 / 16, "from 0 to below 0.0625"),
        ("brightness", 1.1, "from 0 to 1"),
        ("contrast", 1.0, "from 0 to below 1"),
        ("gamma", -0.1, "from 0, got"),
        ("gamma", float("inf"), "from 0, got"),
        ("noise", -0.1, "from 0 to 1"),
        ("noise", float("nan"), "from 0 to 1"),
        ("blur", 17, "from 0 to 16"),
        ("cutout", 1, "from 0 to below 1"),
        ("cutout", True, "from 0 to below 1"),
        ("rotate", "10", "from 0 to 180"),
        ("rotate", None, "from 0 to 180"),
        ("rotate", (5, 10), "from 0 to 180"),
    ],
)
def test_strengths_out_of_range(name: str, value: Any, needed: str) -> None:
    with pytest.raises(DataError) as raised:
        Augment(**{name: value})
    check(raised, f"Augment: {name} must be a number {needed}", repr(value), ": use ")


@pytest.mark.parametrize("name", ["rotate", "brightness", "noise", "blur"])
def test_the_largest_that_is_allowed(name: str) -> None:
    largest = {"rotate": 180, "brightness": 1, "noise": 1, "blur": 16}[name]
    y = Augment(**{name: largest})(X, epoch=0, indices=[0, 1])
    assert ((y >= 0) & (y <= 1)).all()


@pytest.mark.parametrize("flip", ["left", True, 1, ""])
def test_flips(flip: Any) -> None:
    with pytest.raises(DataError) as raised:
        Augment(flip=flip)
    check(raised, "flip must be 'horizontal', 'vertical', 'both' or None", repr(flip))


@pytest.mark.parametrize("seed", [-1, 2**64, 0.5, None, True])
def test_seeds(seed: Any) -> None:
    with pytest.raises(DataError) as raised:
        Augment(seed=seed)
    check(raised, "seed must be a whole number from 0", repr(seed))


def test_names_of_strengths_are_required() -> None:
    with pytest.raises(TypeError, match="positional"):
        Augment(10)  # type: ignore[misc]
    with pytest.raises(TypeError, match="rotation"):
        Augment(rotation=10)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("x", "parts"),
    [
        (X[0], ["images are (9, 7, 3)", "(N, H, W, C)", "image[None]"]),
        (X.astype(np.float64), ["images are float64", "float32 in [0, 1]", "astype"]),
        ((255 * X).astype(np.uint8), ["images are uint8", "divide"]),
        (255 * X, ["images has float pixels from", "must lie in [0, 1]"]),
        (X - 0.5, ["must lie in [0, 1]"]),
        (X * np.float32(np.nan), ["NaN"]),
        (X[:, :0], ["images are (2, 0, 7, 3)"]),
        (X.tolist(), ["images are list"]),
    ],
)
def test_images(x: Any, parts: list[str]) -> None:
    with pytest.raises(DataError) as raised:
        Augment()(x, epoch=0, indices=[0, 1])
    check(raised, *parts)
    with pytest.raises(DataError) as raised:
        mixup(x, np.eye(2), alpha=0.2, seed=0, epoch=0, indices=[0, 1])
    check(raised, *parts)


@pytest.mark.parametrize(
    ("z", "parts"),
    [
        (Z[..., None], ["masks are (2, 9, 7, 1)", "(2, 9, 7)"]),
        (Z[:1], ["masks are (1, 9, 7)", "images (2, 9, 7, 3)"]),
        (Z.astype(np.int64), ["masks are int64", "uint8, or bool"]),
        (Z.tolist(), ["masks are list"]),
    ],
)
def test_masks(z: Any, parts: list[str]) -> None:
    with pytest.raises(DataError) as raised:
        Augment()(X, z, epoch=0, indices=[0, 1])
    check(raised, *parts)


@pytest.mark.parametrize(
    ("indices", "parts"),
    [
        ([0], ["1 indices for 2 images", "one for each"]),
        ([0, -1], ["indices must be whole numbers from 0"]),
        ([0.0, 1.0], ["indices must be whole numbers from 0", "float64"]),
        ([[0, 1]], ["indices must be whole numbers from 0", "(1, 2)"]),
        (3, ["indices must be whole numbers from 0"]),
    ],
)
def test_indices(indices: Any, parts: list[str]) -> None:
    with pytest.raises(DataError) as raised:
        Augment()(X, epoch=0, indices=indices)
    check(raised, *parts)
    with pytest.raises(DataError) as raised:
        mixup(X, np.eye(2), alpha=0.2, seed=0, epoch=0, indices=indices)
    check(raised, *parts)


@pytest.mark.parametrize("epoch", [-1, 1.0, "first"])
def test_epochs(epoch: Any) -> None:
    with pytest.raises(DataError) as raised:
        Augment()(X, epoch=epoch, indices=[0, 1])
    check(raised, "epoch must be a whole number from 0", repr(epoch))


@pytest.mark.parametrize("alpha", [0, -0.1, float("nan"), float("inf"), None, "0.2"])
def test_alpha(alpha: Any) -> None:
    with pytest.raises(DataError) as raised:
        mixup(X, np.eye(2), alpha=alpha, seed=0, epoch=0, indices=[0, 1])
    check(raised, "alpha must be a number above 0", repr(alpha))


@pytest.mark.parametrize("targets", [[0, 1], np.eye(2, dtype=int), np.eye(3), np.zeros((2, 2, 2))])
def test_targets(targets: Any) -> None:
    with pytest.raises(DataError) as raised:
        mixup(X, targets, alpha=0.2, seed=0, epoch=0, indices=[0, 1])
    check(raised, "one-hot or soft rows, (2, K) floats", "np.eye(K)[labels]")


def test_an_empty_batch_is_none_to_complain_about() -> None:
    policy = Augment(rotate=5, elastic=0.01, noise=0.1, blur=1, contrast=0.5, cutout=0.3)
    y, moved = policy(X[:0], Z[:0], epoch=0, indices=np.zeros(0, int))
    assert y.shape == (0, 9, 7, 3)
    assert moved.shape == (0, 9, 7)
    y, t = mixup(X[:0], np.zeros((0, 2)), alpha=1, seed=0, epoch=0, indices=np.zeros(0, int))
    assert len(y) == len(t) == 0
