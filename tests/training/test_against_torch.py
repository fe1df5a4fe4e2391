"""Twenty steps of training the article's network: the losses are PyTorch's.

In float64 they agree to rounding. In float32 two right programs differ, as each rounds in its own
order; what can be asked is that nanocnn's float32 stays as near to the float64 losses as PyTorch's
own float32 does. "Near" is the largest distance over the twenty losses, and the factor is 3.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

import nanocnn as nc
from tests.frozen.article import LEARNING_RATE, STEPS, batch, weights
from tests.frozen.values import SOURCES, values


def article(dtype: str) -> nc.Sequential:
    """Return the article's network with the weights of the formula."""
    model = nc.Sequential(
        [
            nc.Conv2D(32, 3, activation="relu"),
            nc.MaxPool2D(2),
            nc.Conv2D(64, 3, activation="relu"),
            nc.MaxPool2D(2),
            nc.Flatten(),
            nc.Dense(64, activation="relu"),
            nc.Dense(2),
        ],
        input_shape=(128, 128, 3),
        dtype=dtype,
    )
    given = weights()
    assert list(model.params) == list(given)
    for name, p in model.params.items():
        p[...] = given[name]
    return model


def losses_by_hand(dtype: str, flaw: float = 0.0) -> Iterator[float]:
    """Yield the loss before each step; `flaw` makes one gradient wrong by that share."""
    model, (x, labels) = article(dtype), batch()
    x, adam = x.astype(dtype), nc.Adam(LEARNING_RATE, epsilon=1e-8)
    for _ in range(STEPS):
        logits, cache = model.forward(x, training=True)
        loss, dlogits = nc.losses.softmax_cross_entropy(logits, labels)
        _, grads = model.backward(dlogits, cache, need_dx=False)
        grads["conv2d_1.w"] *= x.dtype.type(1) + x.dtype.type(flaw) * np.sign(grads["conv2d_1.w"])
        adam.step(model.params, grads)
        yield loss


@pytest.fixture(scope="module")
def in_float64() -> NDArray[np.float64]:
    return np.array(list(losses_by_hand("float64")))


def torch_losses(source: str, dtype: str) -> NDArray[np.float64]:
    return values(source, "training").arrays[f"article/{dtype}"]["losses"]


def test_the_loss_really_moves() -> None:
    losses = torch_losses("frozen", "float64")
    assert losses.shape == (STEPS,)
    assert losses[-1] < 0.25 * losses[0]


@pytest.mark.parametrize("source", SOURCES)
def test_float64(source: str, in_float64: NDArray[np.float64]) -> None:
    assert np.abs(in_float64 - torch_losses(source, "float64")).max() < 1e-10


@pytest.mark.parametrize("source", SOURCES)
def test_float32(source: str) -> None:
    exact = torch_losses(source, "float64")
    gap = np.abs(torch_losses(source, "float32") - exact).max()
    assert np.abs(np.array(list(losses_by_hand("float32"))) - exact).max() <= 3 * gap


def test_fit_makes_the_same_steps(in_float64: NDArray[np.float64]) -> None:
    model, (x, labels) = article("float64"), batch()
    model.compile(optimizer=nc.Adam(LEARNING_RATE, epsilon=1e-8), loss="softmax_cross_entropy")
    history = model.fit(x, labels, epochs=3, batch_size=len(x), shuffle=False, verbose=False)
    np.testing.assert_allclose(history.history["loss"], in_float64[:3], rtol=0, atol=1e-12)


def test_a_small_flaw_would_be_seen(in_float64: NDArray[np.float64]) -> None:
    """One gradient of eight, wrong by a hundred-thousandth: it takes a few steps to show."""
    flawed = losses_by_hand("float64", 1e-5)
    found = np.array([next(flawed) for _ in range(6)])
    assert np.abs(found - in_float64[:6]).max() > 1e-10
