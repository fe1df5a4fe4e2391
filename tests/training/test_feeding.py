"""Fitting, evaluating and predicting from loaders, data sets and files."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open

import nanocnn as nc
from nanocnn.data import Augment, DataError, DataLoader, ImageDataset, Preparation
from nanocnn.data.transforms import Compose, IntensityWindow
from nanocnn.models.saving import ModelFileError
from tests.data.dicoms import write
from tests.data.feeding import OWN, Center, Power, with_masks
from tests.layers.examples import same
from tests.models.examples import copies, pictures, small

KEY = "a key of sixteen or more bytes"


@pytest.fixture(autouse=True)
def _no_threads_are_left() -> Iterator[None]:
    yield
    assert not any(t.name.startswith("nanocnn_loader") for t in threading.enumerate())


def compiled(metrics: tuple[str, ...] = ("accuracy",), **options: Any) -> nc.Sequential:
    model = small(**options)
    model.compile("adam", "softmax_cross_entropy", metrics)
    return model


def files(root: Path, n: int = 12) -> ImageDataset:
    """Write the pictures as PNG files in two class folders, and open them."""
    for i, (image, label) in enumerate(zip(*pictures(n), strict=True)):
        folder = root / "ab"[label]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray((255 * image).astype(np.uint8)).save(folder / f"{i:02d}.png")
    return nc.data.open(root)


def recipe(dataset: Any) -> Preparation:
    """Return a fitted preparation with a step on each side of augmentation."""
    how = Preparation(size=(14, 12), channels=3, transforms=Compose([Power(), Center()]))
    return how.fit(dataset)


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
    expected = held.fit(dataset, batch_size=5, validation_data=dataset, **shared).history
    loader = DataLoader(dataset, 5, preparation=how)
    assert streamed.fit(loader, validation_data=dataset, **shared).history == expected
    x, y = dataset.arrays()
    if how is not None:
        assert how.transforms is not None
        x = how.transforms(x)
    assert arrays.fit(x, y, batch_size=5, validation_data=(x, y), **shared).history == expected
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
    assert scores == (history["val_loss"][-1], history["val_accuracy"][-1])
    assert model.predict(dataset).shape == (24, 10, 10, 2)


def test_a_saved_model_predicts_the_same_from_files(tmp_path: Path) -> None:
    dataset = files(tmp_path / "images")
    model = compiled()
    how = Preparation(
        size=(14, 12), channels=3, transforms=IntensityWindow(center=0.4, width=0.5)
    )  # fmt: skip
    model.fit(DataLoader(dataset, 5, preparation=how), epochs=2, verbose=False)
    x, y = dataset.arrays()
    assert how.transforms is not None
    expected = model.predict(how.transforms(x))
    model.save(tmp_path / "m.safetensors")
    loaded = nc.load(tmp_path / "m.safetensors")
    assert loaded.preparation == how
    paths = dataset.paths
    assert paths is not None
    for each in (model, loaded):
        np.testing.assert_array_equal(each.predict(dataset), expected)
        np.testing.assert_array_equal(each.predict(tmp_path / "images"), expected)
        np.testing.assert_array_equal(each.predict(str(tmp_path / "images")), expected)
        np.testing.assert_array_equal(each.predict(paths[::-1]), expected[::-1])
        names = list(map(str, paths))  # BLAS rounds otherwise in batches of another size
        np.testing.assert_allclose(each.predict(paths[3]), expected[3:4], rtol=1e-4)
        np.testing.assert_allclose(each.predict(names, batch_size=5), expected, rtol=1e-4)
        scores = each.evaluate(how.transforms(x), y)
        assert each.evaluate(dataset) == scores
        assert each.evaluate(tmp_path / "images") == scores
        assert each.evaluate(paths, y) == scores
        assert each.evaluate(paths, np.eye(2)[y]) == scores
        with pytest.raises(ValueError, match=r"no labels: pass evaluate\(paths, labels\)"):
            each.evaluate(paths)
        with pytest.raises(ValueError, match="12 images need 12 labels, got 11"):
            each.evaluate(paths, y[1:])
    np.testing.assert_array_equal(loaded.predict(x), model.predict(x))
    assert (loaded.predict(x) != expected).any(), "arrays are ready, and not prepared again"


def test_dicom_files_and_what_is_not_saved(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = ["path,label"]
    for i in range(8):
        values = rng.integers(0, 200, (20, 18)).astype(np.uint16) + 900 * (i % 2)
        name = f"scan-{i}.dcm"
        write(tmp_path / name, values, PatientID=f"Jane Doe {i}", RescaleIntercept=-1024)
        rows.append(f"{name},{'ab'[i % 2]}")
    (tmp_path / "table.csv").write_text("\n".join(rows))
    how = Preparation(
        size=(14, 12), channels=3, window="lung", transforms=IntensityWindow(center=0.4, width=0.9)
    )
    dataset = how.open(tmp_path / "table.csv", key=KEY)
    model = compiled()
    model.fit(DataLoader(dataset, 4), epochs=2, verbose=False)
    path = tmp_path / "model.safetensors"
    model.save(path)
    loaded = nc.load(path)
    assert loaded.preparation == how
    predicted = loaded.predict(tmp_path / "scan-3.dcm")
    np.testing.assert_array_equal(predicted, model.predict(dataset.subset([3])))
    raw = nc.data.open(tmp_path / "scan-3.dcm")  # with the file's own window: the model's is taken
    np.testing.assert_array_equal(predicted, loaded.predict(raw))
    data = path.read_bytes()
    secrets = [KEY, "Jane", "scan", str(tmp_path), tmp_path.name, "table", "patient-", "temporary"]
    assert not [word for word in secrets if word.encode() in data]
    with safe_open(path, framework="numpy") as file:
        about = json.loads(file.metadata()["nanocnn"])
    assert set(about["preparation"]) == {"size", "channels", "window", "axis", "transforms"}


def test_transforms_of_ones_own_in_a_model_file(tmp_path: Path) -> None:
    dataset = files(tmp_path / "images")
    model, path = compiled(), tmp_path / "m"
    model.fit(DataLoader(dataset, 5, preparation=recipe(dataset)), verbose=False)
    model.save(path)
    with pytest.raises(ModelFileError, match=r"m: the preparation .*'Power' is unknown.*custom_ob"):
        nc.load(path)
    loaded = nc.load(path, custom_objects=OWN)
    assert loaded.preparation == model.preparation
    np.testing.assert_array_equal(loaded.predict(dataset), model.predict(dataset))


def test_a_model_that_knows_no_files(tmp_path: Path) -> None:
    model, (x, y) = compiled(), pictures()
    model.fit(x, y, verbose=False)
    model.save(tmp_path / "m")
    dataset = files(tmp_path / "images")
    for each in (model, nc.load(tmp_path / "m")):
        assert each.preparation is None
        for call in (each.predict, each.evaluate):
            for path in ("scan.dcm", tmp_path, ["a.png", tmp_path]):
                with pytest.raises(ValueError, match=r"does not know how to open files: pass arr"):
                    call(path)
        np.testing.assert_array_equal(each.predict(dataset), each.predict(dataset.arrays()[0]))
        each.preparation = Preparation(size=(14, 12))
        assert each.predict(tmp_path / "images").shape == (12, 2)
        with pytest.raises(DataError, match=r"no such file: 'scan\.dcm'"):
            each.predict("scan.dcm")


def test_a_fitted_model_keeps_its_preparation(tmp_path: Path) -> None:
    """A loader without one of its own, or a data set, gets it when training goes on."""
    dataset = files(tmp_path)
    how = recipe(dataset)
    one, other, arrays = compiled(), compiled(), compiled()
    loader = DataLoader(dataset, 5)
    for model in (one, other):
        model.fit(DataLoader(dataset, 5, preparation=how), verbose=False)
    one.fit(loader, epochs=2, verbose=False)
    other.fit(dataset, batch_size=5, epochs=2, verbose=False)
    assert one.preparation == other.preparation == how
    assert same(copies(one), copies(other))
    assert how.transforms is not None
    x, y = how.transforms(dataset.arrays()[0]), dataset.labels
    for epochs in (1, 2):
        arrays.fit(x, y, batch_size=5, epochs=epochs, verbose=False)
    assert same(copies(one), copies(arrays))
    one.fit(DataLoader((x, y), 5), verbose=False)  # these are ready
    arrays.fit(x, y, batch_size=5, verbose=False)
    assert same(copies(one), copies(arrays))
    assert one.preparation == how
    one.fit(DataLoader(dataset, 5, preparation=Preparation(transforms=Power())), verbose=False)
    assert one.preparation == Preparation(transforms=Power())


def test_what_the_preparation_leaves_open_is_as_the_data_set_was_opened(tmp_path: Path) -> None:
    files(tmp_path)
    dataset = nc.data.open(tmp_path, size=(14, 12), channels=3)
    model = compiled()
    how = Preparation(transforms=Power())
    model.fit(DataLoader(dataset, 5, preparation=how), verbose=False)
    assert model.preparation == Preparation(size=(14, 12), channels=3, transforms=Power())
    Image.new("L", (30, 40)).save(tmp_path / "new.png")
    assert model.predict(tmp_path / "new.png").shape == (1, 2)


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
    compiled().fit(DataLoader((x, y), 4), epochs=2, validation_data=(x, y))
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


def test_a_model_without_an_input_shape_is_built_by_the_first_batch(tmp_path: Path) -> None:
    dataset = files(tmp_path)
    models = [nc.Sequential([nc.Conv2D(2, 3), nc.GlobalAveragePool2D()], seed=1) for _ in range(3)]
    for model in models:
        model.compile("sgd", "softmax_cross_entropy")
    models[0].fit(DataLoader(dataset, 5, seed=1), verbose=False)
    models[1].fit(dataset, batch_size=5, verbose=False)
    assert models[0].input_shape == (14, 12, 3)
    assert same(copies(models[0]), copies(models[1]))
    assert models[2].predict(dataset).shape == (12, 2)
    assert models[2].input_shape == (14, 12, 3)
    assert models[2].preparation is None, "only fit stores it"
