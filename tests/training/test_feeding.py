"""Fitting from loaders and data sets: the bits of arrays, broken files, stopping, arguments."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nanocnn as nc
from nanocnn.data import Augment, DataError, DataLoader, ImageDataset, Preparation
from nanocnn.data.transforms import Compose
from tests.data.feeding import Center, Power, files, recipe, with_masks
from tests.layers.examples import same
from tests.models.examples import copies, pictures, small


@pytest.fixture(autouse=True)
def _no_threads_are_left() -> Iterator[None]:
    yield
    assert not any(t.name.startswith("nanocnn_loader") for t in threading.enumerate())


def compiled(metrics: tuple[str, ...] = ("accuracy",), **options: Any) -> nc.Sequential:
    model = small(**options)
    model.compile("adam", "softmax_cross_entropy", metrics)
    return model


@pytest.mark.parametrize("threads", [0, 2])
@pytest.mark.parametrize("kind", ["float32", "float64", "whole numbers", "grey", "one-hot"])
def test_a_loader_of_arrays_gives_the_bits_of_the_arrays(kind: str, threads: int) -> None:
    x, y = pictures()
    if kind == "whole numbers":
        x = (255 * x).astype(np.uint8)
    if kind == "grey":
        x = x[..., 0]
    if kind == "one-hot":
        y = np.eye(2)[y]
    dtype = "float64" if kind == "float64" else "float32"
    x = x.astype(dtype) if kind == "float64" else x
    arrays, loaded = compiled(dtype=dtype), compiled(dtype=dtype)
    xv, yv = pictures(8, seed=1)
    shared: dict[str, Any] = {"epochs": 3, "validation_data": (xv, yv), "verbose": False}
    expected = arrays.fit(x, y, batch_size=5, seed=4, **shared).history
    loader = DataLoader((x, y), 5, seed=4, threads=threads)
    assert loaded.fit(loader, seed=4, **shared).history == expected
    assert same(copies(loaded), copies(arrays))
    assert loaded.preparation is None


@pytest.mark.parametrize("prepared", [False, True])
def test_a_loader_of_files_gives_the_bits_of_the_decoded_data_set(
    prepared: bool, tmp_path: Path
) -> None:
    dataset = files(tmp_path)
    how = recipe(dataset) if prepared else None
    held, streamed, arrays = compiled(), compiled(), compiled()
    held.preparation = how
    shared: dict[str, Any] = {"epochs": 2, "verbose": False}
    rest, held_out = dataset[:-4], dataset[-4:]
    expected = held.fit(rest, batch_size=5, validation_data=held_out, **shared).history
    loader = DataLoader(rest, 5, preparation=how)
    assert streamed.fit(loader, validation_data=held_out, **shared).history == expected
    x, y = dataset.arrays()
    if how is not None:
        assert how.transforms is not None
        x = how.transforms(x)
    arrays_out = (x[-4:], y[-4:])
    found = arrays.fit(x[:-4], y[:-4], batch_size=5, validation_data=arrays_out, **shared)
    assert found.history == expected
    assert same(copies(streamed), copies(held))
    assert same(copies(arrays), copies(held))
    for model in (held, streamed):
        assert model.preparation == (how or Preparation())
    assert arrays.preparation is None
    assert held.evaluate(dataset) == arrays.evaluate(x, y)
    np.testing.assert_array_equal(streamed.predict(dataset), arrays.predict(x))


def test_it_learns_from_augmented_images() -> None:
    x, y = pictures(60)
    xv, yv = pictures(40, seed=1)
    model = small()
    model.compile(nc.Adam(0.01), "softmax_cross_entropy", ["accuracy"])
    policy = Augment(flip="both", brightness=0.05, noise=0.05)
    loader = DataLoader((x, y), 10, augment=policy, balanced=True)
    history = model.fit(loader, epochs=12, validation_data=(xv, yv), verbose=False).history
    assert history["val_accuracy"][-1] == 1
    assert history["loss"][-1] < 0.2 * history["loss"][0]


def test_masks_and_a_small_segmenter() -> None:
    """Every pixel gets a class: bright or not; labels are masks that move with the images."""
    dataset = with_masks(24)
    model = nc.Sequential(
        [nc.Conv2D(6, 3, padding="same", activation="relu"), nc.Conv2D(2, 1)], seed=0
    )
    model.compile(nc.Adam(0.02), "softmax_cross_entropy", ["accuracy"])
    how = Preparation(size=10, transforms=Compose([Power(), Center()])).fit(dataset)
    loader = DataLoader(dataset, 4, preparation=how, augment=Augment(flip="both", rotate=20))
    history = model.fit(loader, epochs=12, validation_data=with_masks(8, 1), verbose=False).history
    assert model.output_shape == (10, 10, 2)
    assert history["val_accuracy"][-1] > 0.97
    scores = model.evaluate(with_masks(8, 1))
    # In larger batches than while training: sums differ in the last digit.
    assert scores == pytest.approx((history["val_loss"][-1], history["val_accuracy"][-1]))
    assert model.predict(dataset).shape == (24, 10, 10, 2)


def broken(root: Path) -> ImageDataset:
    dataset = files(root)
    path = root / "b" / "05.png"
    path.write_bytes(path.read_bytes()[:150])
    return dataset


def test_a_broken_file(tmp_path: Path) -> None:
    """A held data set is decoded first; a stream ends when it comes to it, or skips it."""
    dataset = broken(tmp_path)
    model = compiled()
    before = copies(model)
    with pytest.raises(DataError, match=r"image 'b/05.png' is damaged or cut short"):
        model.fit(dataset, verbose=False)
    assert same(copies(model), before)
    assert model.preparation is None
    with pytest.raises(DataError, match=r"image 'b/05.png' is damaged or cut short"):
        model.fit(DataLoader(dataset, 2, shuffle=False), verbose=False)
    assert not same(copies(model), before), "the steps that were done stay done"
    with pytest.raises(DataError, match=r"image 'b/05.png' is damaged or cut short"):
        model.predict(dataset)
    skipping = DataLoader(dataset, 5, on_error="skip")
    with pytest.warns(UserWarning, match="1 of 12 samples of epoch") as told:
        history = model.fit(skipping, epochs=3, verbose=False)
    assert (len(told), len(history)) == (3, 3)
    assert [name for name, _ in skipping.skipped] == ["b/05.png"]


def test_skipped_files_are_listed_in_the_loader_that_was_given(tmp_path: Path) -> None:
    dataset = broken(tmp_path)
    model = compiled()
    model.preparation = Preparation(transforms=Power())
    loader = DataLoader(dataset, 5, on_error="skip")
    with pytest.warns(UserWarning, match="1 of 12 samples"):
        model.fit(loader, verbose=False)
    assert [name for name, _ in loader.skipped] == ["b/05.png"]
    assert model.preparation == Preparation(transforms=Power())


def test_files_that_vanish_between_epochs(tmp_path: Path) -> None:
    dataset = files(tmp_path)
    model = compiled()

    class Remove(nc.Callback):
        def on_epoch_end(self, epoch: int, logs: Any) -> None:
            for path in dataset.paths or ():
                path.unlink()

    with (
        pytest.warns(UserWarning, match="12 of 12 samples of epoch 2"),
        pytest.raises(ValueError, match=r"no sample of epoch 2 could be read; see loader.skipped"),
    ):
        model.fit(DataLoader(dataset, 5, on_error="skip"), epochs=3, callbacks=[Remove()],
                  verbose=False)  # fmt: skip


class Stop(nc.Callback):
    """Ends training, or breaks it, after some batches."""

    def __init__(self, error: type[BaseException] | None, batches: int = 2) -> None:
        self.error, self.batches, self.ended = error, batches, False

    def on_batch_end(self, batch: int, logs: Any) -> None:
        if batch + 1 == self.batches:
            if self.error is not None:
                raise self.error
            self.model.stop_training = True

    def on_train_end(self) -> None:
        self.ended = True


@pytest.mark.parametrize("error", [None, KeyboardInterrupt, ValueError])
def test_stopping_in_the_middle_of_an_epoch(error: type[BaseException] | None) -> None:
    """The fixture sees that no thread goes on."""
    x, y = pictures(60)
    model, stop = compiled(), Stop(error)
    loader = DataLoader((x, y), 4, augment=Augment(noise=0.1), threads=3)
    if error is None:
        assert len(model.fit(loader, epochs=5, callbacks=[stop], verbose=False)) == 1
    else:
        with pytest.raises(error):
            model.fit(loader, epochs=5, callbacks=[stop], verbose=False)
    assert stop.ended
    assert model.optimizer is not None
    assert model.optimizer.iterations == 2
    model.fit(loader, verbose=False)


def test_divergence_names_epoch_and_batch() -> None:
    x, y = pictures(20)
    model = small()
    model.compile(nc.SGD(1e30), "softmax_cross_entropy")
    with pytest.raises(nc.Diverged, match=r"in epoch [12], batch [1-5]; try a smaller"):
        model.fit(DataLoader((x, y), 4), epochs=2, verbose=False)


def test_progress(capsys: pytest.CaptureFixture[str]) -> None:
    x, y = pictures(13)
    compiled().fit(DataLoader((x, y), 4), epochs=2, validation_data=pictures(6, seed=1))
    text = capsys.readouterr().err
    assert "epoch 2/2: 100%" in text
    assert "4/4 [" in text
    assert "val_accuracy=" in text


X, Y = pictures()
BAD: list[tuple[Any, dict[str, Any], type[Exception], str]] = [
    (DataLoader((X[:, 1:], Y)), {}, ValueError, r"have shape \(13, 12, 3\), the model was built"),
    (DataLoader((X, Y + 1)), {}, ValueError, "label 2 at position 1 does not fit a model with 2"),
    (DataLoader((X, np.eye(3)[Y])), {}, ValueError, r"target has shape \(12, 3\)"),
    (DataLoader((X.astype(complex), Y)), {}, TypeError, "must hold real numbers, got complex128"),
    (DataLoader((X, Y.astype(str))), {}, TypeError, "labels must be numbers .* got <U"),
    (DataLoader((X.astype(float) * 1e300, Y)), {}, ValueError, "a pixel that is NaN or infinite"),
    (DataLoader((X, Y)), {"y": Y}, ValueError, r"a loader brings its own labels: .* fit\(loader\)"),
    (
        DataLoader((X, Y)),
        {"validation_data": DataLoader((X, Y))},
        ValueError,
        r"validation_data must be a pair \(x, y\) or a data set",
    ),
    (
        DataLoader((X, Y)),
        {"validation_data": ImageDataset(X[:, 1:], Y)},
        ValueError,
        "the model was built for",
    ),
    ("scans", {}, TypeError, "images must be an array or a list of images, got 'scans'"),
    (DataLoader((X, Y)), {"epochs": 0}, ValueError, "epochs must be a whole number from 1, got 0"),
]


@pytest.mark.parametrize(("x", "options", "kind", "message"), BAD, ids=range(len(BAD)))
def test_bad_input_is_told_before_anything_is_changed(
    x: Any,
    options: dict[str, Any],
    kind: type[Exception],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    model, stop = compiled(), Stop(None)
    before = copies(model)
    with pytest.raises(kind, match=message) as told:
        model.fit(x, **{"callbacks": [stop], **options})
    assert "\n" not in str(told.value)
    assert same(copies(model), before)
    assert model.preparation is None
    assert not stop.ended
    assert capsys.readouterr().err == ""


def test_a_loader_is_for_fit() -> None:
    loader = DataLoader((X, Y))
    with pytest.raises(ValueError, match=r"a loader is for fit: .* as evaluate\(loader.dataset\)"):
        compiled().evaluate(loader)
    with pytest.raises(ValueError, match=r"a loader is for fit: .* as predict\(loader.dataset\)"):
        compiled().predict(loader)
