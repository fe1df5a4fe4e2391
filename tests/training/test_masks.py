"""Training on masks: arrays, data sets, loaders; weights and ignored pixels; what is refused."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nanocnn as nc
from nanocnn import losses
from nanocnn.data import Augment, DataLoader, ImageDataset
from nanocnn.data.phantoms import brain_mri
from nanocnn.training.objective import accuracy, dice
from tests.layers.examples import same
from tests.models.examples import copies

SIZE = 32


def pairs(n: int, seed: int) -> tuple[Any, Any]:
    """Return slices of heads, and where the tumour is: 1, oedema and core taken together."""
    made = brain_mri(n, seed, 2 * SIZE, difficulty=0.0, prevalence=1.0)
    return made.images[:, ::2, ::2], (made.masks[:, ::2, ::2] > 0).astype(np.uint8)


LEARNT = pairs(64, 0), pairs(16, 1)  # enough to learn from, and what it is tried on
X, Y, XV, YV = LEARNT[0][0][:24], LEARNT[0][1][:24], LEARNT[1][0][:8], LEARNT[1][1][:8]


def segmenter(loss: Any, outputs: int = 2, metrics: Any = ("accuracy", "dice")) -> nc.Sequential:
    hidden = [nc.Conv2D(8, 5, padding="same", activation="relu") for _ in range(2)]
    model = nc.Sequential([*hidden, nc.Conv2D(outputs, 1)], input_shape=(*X.shape[1:3], 1), seed=0)
    model.compile(nc.Adam(0.01), loss, metrics)
    return model


LOSSES = {
    "softmax_cross_entropy": 2,
    "soft_dice": 2,
    "dice_cross_entropy": 1,
    "focal": 2,
    "tversky": 1,
    "binary_cross_entropy": 1,
}


def found_tumours(history: dict[str, list[float]]) -> bool:
    """Tell it by the last epochs' median: Dice is 0 without tumours, 0.1 with nothing else."""
    return float(np.median(history["val_dice"][-8:])) > 0.4


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_finds_the_tumours_of_phantoms(loss: str) -> None:
    """From arrays, with one output or two."""
    (x, y), (xv, yv) = LEARNT
    model = segmenter(loss, LOSSES[loss])
    options: dict[str, Any] = {"epochs": 24, "batch_size": 4, "verbose": False}
    history = model.fit(x, y, validation_data=(xv, yv), **options).history
    assert history["loss"][-1] < 0.7 * history["loss"][0]
    assert found_tumours(history)
    scores: Any = model.evaluate(xv, yv, batch_size=4)
    assert scores.dice == pytest.approx(history["val_dice"][-1])
    found = model.predict(xv)
    batches = [slice(i, i + 4) for i in range(0, 16, 4)]
    assert scores.dice == pytest.approx(np.mean([dice(yv[b], found[b]) for b in batches]))
    assert scores.accuracy == pytest.approx(accuracy(yv, found))


def test_a_data_set_with_masks_is_trained_on_as_its_arrays() -> None:
    dataset, valid = (ImageDataset(x, np.zeros(len(x), int), masks=y)
                      for x, y in ((X, Y), (XV, YV)))  # fmt: skip
    ends = []
    for x, y, data in ((dataset, None, valid), (X, Y, (XV, YV))):
        model = segmenter("dice_cross_entropy")
        history = model.fit(x, y, epochs=2, validation_data=data, verbose=False)
        ends.append((copies(model), history.history, model.evaluate(valid)))
    assert same(ends[0][0], ends[1][0])
    assert ends[0][1:] == ends[1][1:]


def test_a_loader_turns_images_and_masks_together() -> None:
    """What is learnt from turned pairs fits pairs that were not; masks left behind would not."""
    loader = DataLoader(LEARNT[0], 4, augment=Augment(flip="both", rotate=30))
    model = segmenter("dice_cross_entropy")
    history = model.fit(loader, epochs=18, validation_data=LEARNT[1], verbose=False).history
    assert found_tumours(history)
    images, masks = loader.peek()
    assert images.shape[:3] == masks.shape
    assert not np.array_equal(masks, LEARNT[0][1][: len(masks)])


def ringed(masks: Any) -> Any:
    """Return masks whose outermost pixels are labelled 255: outside the field of view."""
    out = np.full_like(masks, 255)
    out[:, 3:-3, 3:-3] = masks[:, 3:-3, 3:-3]
    return out


@pytest.mark.parametrize("loss", LOSSES)
def test_ignored_pixels_teach_nothing(loss: str) -> None:
    """Whatever they were labelled; a weight of 0 does the same in the loss of overlap."""
    ignoring = partial(losses.get(loss), ignore_class=255)
    false = np.where(ringed(Y) == 255, 1 - Y, Y)
    outputs = LOSSES[loss]
    model = segmenter(ignoring, outputs)
    history = model.fit(X, ringed(Y), epochs=2, validation_data=(XV, ringed(YV)), verbose=False)
    weight = np.where(ringed(Y) == 255, 0.0, 1.0)
    if loss not in ("soft_dice", "tversky"):  # these are means over all pixels, weighed or not
        weight *= weight.size / weight.sum()
        if loss == "dice_cross_entropy":
            return
    weighted = segmenter(loss, outputs)
    weighted.fit(X, false, epochs=2, sample_weight=weight, verbose=False)
    for name, value in model.params.items():
        np.testing.assert_allclose(value, weighted.params[name], rtol=0, atol=2e-4)
    found = model.predict(XV)
    inner = (slice(None), slice(3, -3), slice(3, -3))
    assert history.history["val_dice"][-1] == pytest.approx(dice(YV[inner], found[inner]))
    assert history.history["val_accuracy"][-1] == pytest.approx(accuracy(YV[inner], found[inner]))


def test_weights_of_images_and_of_pixels() -> None:
    """An image that weighs nothing is as if its pixels did, and weights find their images."""
    whole = np.array([0.0, 2.0, 1.0] * 8)
    ends = []
    for weight in (whole, np.broadcast_to(whole[:, None, None], Y.shape)):
        model = segmenter("softmax_cross_entropy")
        model.fit(X, Y, epochs=1, batch_size=5, sample_weight=weight, verbose=False)
        ends.append(copies(model))
    assert same(*ends)
    spoilt = Y.copy()
    spoilt[::3] = 1 - spoilt[::3]
    model = segmenter("softmax_cross_entropy")
    model.fit(X, spoilt, epochs=1, batch_size=5, sample_weight=whole, verbose=False)
    assert same(ends[0], copies(model))


def test_weights_of_labels() -> None:
    x, y = X[:4], np.array([0, 1, 0, 1])
    model = nc.Sequential([nc.Flatten(), nc.Dense(2)], input_shape=(SIZE, SIZE, 1), dtype="float64")
    model.compile("sgd", "softmax_cross_entropy", [])
    z = model.predict(x)
    expected = losses.softmax_cross_entropy(z, y, class_weight=[1, 3])[0]
    weight = np.array([1.0, 3.0, 1.0, 3.0])
    found = model.fit(x, y, sample_weight=weight, verbose=False).history["loss"][0]
    assert found == pytest.approx(expected)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.fit(X, Y[:, :30]), r"masks of 30x32 do not fit a model whose output is 32x32"),
        (lambda m: m.fit(X, Y[:5]), r"24 images need 24 labels, got 5"),
        (lambda m: m.fit(X, np.where(Y, 2, Y)), r"mask 0 has a pixel 2 that does not fit"),
        (lambda m: m.fit(X, 0.5 * Y), r"mask 0 has a pixel 0.5 that does not fit"),
        (lambda m: m.fit(X, ringed(Y)), r"mask 0 has a pixel 255 that does not fit"),
        (lambda m: m.fit(X, Y, validation_data=(XV, YV[:, 1:])), r"masks of 31x32 do not fit"),
        (lambda m: m.evaluate(XV, YV[:, :, 2:]), r"masks of 32x30 do not fit"),
        (lambda m: m.fit(DataLoader((X, Y[:, 1:, 1:]))), r"mask"),
        (lambda m: m.fit(X, Y, sample_weight=np.ones(5)), r"sample_weight has shape \(5,\)"),
        (lambda m: m.fit(X, Y, sample_weight=-np.ones(24)), "finite and not negative"),
        (
            lambda m: m.fit(DataLoader((X, Y)), sample_weight=np.ones(24)),
            r"sample_weight is for fit\(x, y\) on arrays",
        ),
    ],
)
def test_what_does_not_fit_is_told_in_one_line(call: Any, message: str) -> None:
    model = segmenter("soft_dice")
    before = copies(model)
    with pytest.raises(ValueError, match=message) as caught:
        call(model)
    assert "\n" not in str(caught.value)
    assert same(before, copies(model))


def test_weights_are_not_for_losses_that_do_not_take_them() -> None:
    model = segmenter("mse", 1, [])
    with pytest.raises(ValueError, match="weigh inside your own loss instead"):
        model.fit(X, Y, sample_weight=np.ones(24), verbose=False)


def test_dice_by_hand() -> None:
    """Class 1: 1 pixel in common of 2 and 1, 2/3; class 2: 1 of 1 and 2; class 3 is nowhere."""
    y = np.eye(4)[[0, 1, 2, 2]]
    assert dice(np.array([0, 1, 1, 2]), y) == pytest.approx(2 / 3)
    assert dice(np.array([0, 1, 9, 2]), y, ignore_class=9) == 1
    assert dice(np.array([0, 0]), np.eye(4)[[0, 0]]) == 1
    assert dice(np.array([0, 0, 1]), np.eye(4)[[0, 3, 1]]) == 0.5
    logits = np.array([[-1.0], [2.0], [3.0]])
    assert dice(np.array([0, 0, 1]), logits) == pytest.approx(2 / 3)
    assert dice(np.array([0, 0, 1]), logits, threshold=2.5) == 1
    assert accuracy(np.array([9, 0, 1]), logits, ignore_class=9) == 0.5
    assert accuracy(np.array([9]), logits[:1], ignore_class=9) == 1


KEPT = {
    "focal": partial(losses.focal, gamma=3.0, alpha=0.25),
    "tversky": partial(partial(losses.tversky, beta=0.9), alpha=np.float64(0.1), per_image=True),
    "weights": partial(losses.dice_cross_entropy, class_weight={1: 3.0}, ignore_class=255),
    "array": partial(losses.softmax_cross_entropy, class_weight=np.array([1.0, 2.0])),
}


@pytest.mark.parametrize("name", KEPT)
def test_options_are_kept_in_a_saved_model(name: str, tmp_path: Path) -> None:
    model = segmenter(KEPT[name])
    model.save(tmp_path / "model.safetensors")
    loaded = nc.load(tmp_path / "model.safetensors")
    assert losses.split(loaded.loss)[0] is losses.split(KEPT[name])[0]  # type: ignore[arg-type]
    assert set(losses.split(loaded.loss)[1]) == set(losses.split(KEPT[name])[1])  # type: ignore[arg-type]
    assert loaded.evaluate(XV, YV) == model.evaluate(XV, YV)
    plain = segmenter(losses.split(KEPT[name])[0])
    assert loaded.evaluate(XV, YV)[0] != plain.evaluate(XV, YV)[0]


def own(y: Any, target: Any, power: float = 2.0) -> Any:
    d = y - target[..., None]
    return float(np.mean(abs(d) ** power)), (
        power * abs(d) ** (power - 1) * np.sign(d) / y.size
    ).astype(y.dtype)


def test_options_of_an_own_loss_are_kept_too(tmp_path: Path) -> None:
    model = segmenter(partial(own, power=4.0), 1, [])
    model.save(tmp_path / "model.safetensors")
    loaded = nc.load(tmp_path / "model.safetensors", custom_objects={"own": own})
    assert loaded.evaluate(XV, YV) == model.evaluate(XV, YV)
    with pytest.raises(ValueError, match="'own' is a function of your own"):
        nc.load(tmp_path / "model.safetensors")
