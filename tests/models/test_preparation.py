"""What a model knows of its images: from fit to files, and into the model file and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open

import nanocnn as nc
from nanocnn.data import DataError, DataLoader, Preparation
from nanocnn.data.transforms import Compose, IntensityWindow
from nanocnn.models.saving import ModelFileError
from tests.data.dicoms import write
from tests.data.feeding import OWN, Center, Power, files, recipe
from tests.layers.examples import same
from tests.models.examples import copies, pictures, small

KEY = "a key of sixteen or more bytes"


def compiled(metrics: tuple[str, ...] = ("accuracy",), **options: Any) -> nc.Sequential:
    model = small(**options)
    model.compile("adam", "softmax_cross_entropy", metrics)
    return model


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


def test_a_preparation_without_its_statistics(tmp_path: Path) -> None:
    dataset = files(tmp_path)
    model = compiled()
    model.preparation = Preparation(transforms=Compose([Power(), Center()]))
    before = copies(model)
    for call in (model.fit, model.evaluate, model.predict):
        for source in (dataset, tmp_path) if call != model.fit else (dataset, DataLoader(dataset)):
            with pytest.raises(DataError, match=r"^Center .* no statistics yet; .*fit\(train\)$"):
                call(source)
    assert same(copies(model), before)


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
