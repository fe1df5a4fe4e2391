"""What `fit`, `evaluate` and `predict` take, and what they say to the rest."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import nanocnn as nc
from nanocnn.data.dataset import ImageDataset
from tests.layers.examples import same
from tests.models.examples import copies, pictures, small


def compiled(**options: Any) -> nc.Sequential:
    model = small(**options)
    model.compile("adam", "softmax_cross_entropy", ["accuracy"])
    return model


def after(x: Any, y: Any) -> Any:
    """Return what one epoch makes of the parameters."""
    model = compiled()
    model.fit(x, y, batch_size=5, verbose=False)
    return copies(model)


@pytest.mark.parametrize(
    "form",
    [
        lambda y: y.tolist(),
        lambda y: tuple(y.tolist()),
        lambda y: y[:, None],
        lambda y: np.eye(2)[y],
        lambda y: np.eye(2, dtype=np.float32)[y],
        lambda y: np.eye(2, dtype=np.int64)[y].tolist(),
        lambda y: np.eye(2, dtype=bool)[y],
        lambda y: y.astype(bool),
        lambda y: y.astype(np.uint8),
        lambda y: y.astype(np.float32),
        lambda y: list(y),
    ],
)
def test_forms_of_labels(form: Callable[[Any], Any]) -> None:
    x, y = pictures()
    assert same(after(x, form(y)), after(x, y))
    model = compiled()
    assert model.evaluate(x, form(y)) == model.evaluate(x, y)


@pytest.mark.parametrize(
    "form", [list, tuple, lambda x: x.astype(np.float64), np.asfortranarray, lambda x: x.tolist()]
)
def test_forms_of_images(form: Callable[[Any], Any]) -> None:
    x, y = pictures()
    assert same(after(form(x), y), after(x, y))
    np.testing.assert_array_equal(compiled().predict(form(x)), compiled().predict(x))


def test_grey_images_are_repeated_to_the_channels_of_the_model() -> None:
    _, y = pictures()
    grey = np.random.default_rng(0).random((12, 14, 12)).astype(np.float32)
    three = np.repeat(grey[..., None], 3, axis=3)
    for form in (grey, grey[..., None], list(grey), three):
        assert same(after(form, y), after(three, y))
    lazy = nc.Sequential([nc.Conv2D(2, 3), nc.GlobalAveragePool2D()])
    assert lazy.predict(grey).shape == (12, 2)
    assert lazy.input_shape == (14, 12, 1)


def test_whole_numbers_are_converted_and_not_rescaled() -> None:
    _, y = pictures()
    x = np.random.default_rng(0).integers(0, 256, (12, 14, 12, 3), np.uint8)
    assert same(after(x, y), after(x.astype(np.float32), y))
    before = x.copy()
    after(x, y)
    np.testing.assert_array_equal(x, before)


def test_pillow_images() -> None:
    x = np.random.default_rng(0).integers(0, 256, (4, 14, 12, 3), np.uint8)
    images = [Image.fromarray(image) for image in x]
    np.testing.assert_array_equal(small().predict(images), small().predict(x))


def test_data_sets(tmp_path: Path) -> None:
    x, y = pictures()
    pixels = (x * 255).astype(np.uint8)
    dataset = ImageDataset(pixels, y)
    float_x, float_y = dataset.arrays()
    assert same(after(dataset, None), after(float_x, float_y))
    model = compiled()
    held_out = ImageDataset(255 - pixels[:4], y[:4])
    history = model.fit(dataset, epochs=2, validation_data=held_out, verbose=False)
    assert len(history) == 2
    assert model.evaluate(dataset) == model.evaluate(float_x, float_y)
    np.testing.assert_array_equal(model.predict(dataset), model.predict(float_x))
    half = dataset.subset(np.arange(6))
    assert len(model.predict(half)) == 6
    with pytest.raises(ValueError, match=r"a data set brings its own labels: pass it alone"):
        model.fit(dataset, y)

    for i, size in enumerate([(12, 14), (12, 14), (13, 14), (12, 14)]):
        folder = tmp_path / str(i % 2)
        folder.mkdir(exist_ok=True)
        Image.new("RGB", size, (i, i, i)).save(folder / f"{i}.png")
    before = copies(model)
    with pytest.raises(ValueError, match=r"2.png.*all images must be alike: open .* size="):
        model.fit(nc.data.open(tmp_path))
    assert same(copies(model), before)
    model.fit(nc.data.open(tmp_path, size=(14, 12)), verbose=False)


def nan_at(i: int, value: float = np.nan) -> Any:
    x = pictures()[0]
    x[i, 3, 2, 1] = value
    return x


X, Y = pictures()

BAD: list[tuple[Any, Any, dict[str, Any], type[Exception], str]] = [
    (None, Y, {}, TypeError, "images must be an array or a list of images, got None"),
    (X.astype(complex), Y, {}, TypeError, "images must hold real numbers, got complex128"),
    (X[:0], Y[:0], {}, ValueError, "at least one image"),
    ([], [], {}, ValueError, "at least one image"),
    (X[0, 0, 0], Y[:3], {}, ValueError, r"as \(N, H, W, C\), got shape \(3,\)"),
    ([*X[:11], X[0, 1:]], Y, {}, ValueError, r"image 0 has shape \(14, 12, 3\) but image 11 has"),
    (X[:, 1:], Y, {}, ValueError, r"have shape \(13, 12, 3\), the model was built for"),
    (X[..., :2], Y, {}, ValueError, r"have shape \(14, 12, 2\), the model was built for"),
    (nan_at(7), Y, {}, ValueError, "image 7 has a pixel that is NaN or infinite; repair or remove"),
    (nan_at(11, np.inf), Y, {}, ValueError, "image 11 has a pixel that is NaN or infinite"),
    (nan_at(0).astype(float) * 1e300, Y, {}, ValueError, "image 0 has a pixel"),
    (X.astype(float) * 1e300, Y, {}, ValueError, "image 0 has a pixel"),
    (X, None, {}, ValueError, r"no labels given: pass fit\(x, y\), or a data set"),
    (X, Y[:11], {}, ValueError, "12 images need 12 labels, got 11"),
    (X, 1, {}, ValueError, "12 images need 12 labels, got 1"),
    (X, [], {}, ValueError, "12 images need 12 labels, got 0"),
    (X, Y + 1, {}, ValueError, "label 2 at position 1 does not fit a model with 2 outputs; labels"),
    (X, -Y, {}, ValueError, "label -1 at position 1 does not fit"),
    (X, Y[:, None] + 1, {}, ValueError, "label 2 at position 1 does not fit"),
    (X, Y * 0.5, {}, ValueError, "label 0.5 at position 1 does not fit"),
    (X, np.where(Y, np.nan, 0), {}, ValueError, "label nan at position 1 does not fit"),
    (X, ["a", "b"] * 6, {}, TypeError, "labels must be numbers .* got <U1; number the classes"),
    (X, [[1, 0]] * 11 + [[1]], {}, ValueError, "labels must be one number or one row for each"),
    (X, np.eye(3)[Y], {}, ValueError, r"target has shape \(12, 3\), .*\(12, 2\)"),
    (X, np.eye(2)[Y] * 2, {}, ValueError, "row 0 of the target sums to 2"),
    (X, Y, {"label_smoothing": 1}, ValueError, "label_smoothing must be from 0 to below 1, got 1"),
    (X, Y, {"label_smoothing": -0.1}, ValueError, "label_smoothing must be from 0 to below 1"),
    (X, Y, {"class_weight": [1, 1, 1]}, ValueError, r"class_weight has shape \(3,\)"),
    (X, Y, {"class_weight": {2: 1.0}}, ValueError, "class_weight has the label 2"),
    (X, Y, {"class_weight": [1, -1]}, ValueError, "finite and not negative"),
    (X, Y, {"batch_size": 0}, ValueError, "batch_size must be a whole number from 1, got 0"),
    (X, Y, {"batch_size": 2.0}, ValueError, "batch_size must be a whole number from 1, got 2.0"),
    (X, Y, {"batch_size": True}, ValueError, "batch_size must be a whole number from 1, got True"),
    (X, Y, {"epochs": 0}, ValueError, "epochs must be a whole number from 1, got 0"),
    (X, Y, {"epochs": -1}, ValueError, "epochs must be a whole number from 1, got -1"),
    (X, Y, {"seed": -1}, ValueError, "seed must be a whole number from 0, got -1"),
    (X, Y, {"seed": "a"}, ValueError, "seed must be a whole number from 0, got 'a'"),
    (X, Y, {"callbacks": [print]}, TypeError, "callbacks must be nanocnn.Callback objects, got <b"),
    (X, Y, {"validation_data": X}, ValueError, r"validation_data must be a pair \(x, y\) or a"),
    (X, Y, {"validation_data": (X, Y, Y)}, ValueError, r"validation_data must be a pair"),
    (X, Y, {"validation_data": (X[:, 1:], Y)}, ValueError, "the model was built for"),
    (X, Y, {"validation_data": (X, Y[1:])}, ValueError, "12 images need 12 labels, got 11"),
    (X, Y, {"validation_data": (X, Y + 1)}, ValueError, "label 2 at position 1"),
    (X, Y, {"validation_data": (nan_at(2), Y)}, ValueError, "image 2 has a pixel"),
    ("scans/", Y, {}, TypeError, "images must be an array or a list of images, got 'scans/'"),
    (["a.png"] * 12, Y, {}, TypeError, "images must hold real numbers, got <U5"),
]


@pytest.mark.parametrize(("x", "y", "options", "kind", "message"), BAD, ids=range(len(BAD)))
def test_bad_input_is_told_before_anything_is_changed(
    x: Any,
    y: Any,
    options: dict[str, Any],
    kind: type[Exception],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    model, calls = compiled(), []

    class Spy(nc.Callback):
        def on_train_begin(self) -> None:
            calls.append("begin")

    before = copies(model)
    with pytest.raises(kind, match=message) as told:
        model.fit(x, y, **{"callbacks": [Spy()], "batch_size": 2, **options})
    assert "\n" not in str(told.value)
    assert same(copies(model), before)
    assert calls == []
    assert capsys.readouterr().err == "", "no progress bar may begin"


@pytest.mark.parametrize(("x", "y", "options", "kind", "message"), BAD[:23], ids=range(23))
def test_evaluate_says_the_same(
    x: Any, y: Any, options: dict[str, Any], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        compiled().evaluate(x, y)


@pytest.mark.parametrize(("x", "y", "options", "kind", "message"), BAD[:12], ids=range(12))
def test_predict_says_the_same(
    x: Any, y: Any, options: dict[str, Any], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        compiled().predict(x)


def test_other_bad_calls() -> None:
    for call in ("evaluate", "predict"):
        args = (X, Y) if call == "evaluate" else (X,)
        with pytest.raises(ValueError, match="batch_size must be a whole number from 1, got 0"):
            getattr(compiled(), call)(*args, batch_size=0)
    with pytest.raises(RuntimeError, match=r"the model has no loss yet: call model\.compile"):
        small().fit(X, Y)
    with pytest.raises(RuntimeError, match=r"the model has no loss yet: call model\.compile"):
        small().evaluate(X, Y)
    one = nc.Sequential([nc.Flatten(), nc.Dense(1)])
    one.compile("sgd", "softmax_cross_entropy")
    with pytest.raises(ValueError, match=r"one class, .*use at least 2 outputs, or binary_cross"):
        one.fit(X, Y)


def test_an_image_smaller_than_a_filter_names_the_layer() -> None:
    model = nc.Sequential([nc.Conv2D(2, 3), nc.Conv2D(2, 5), nc.Flatten(), nc.Dense(2)])
    model.compile("sgd", "softmax_cross_entropy")
    with pytest.raises(ValueError, match=r"Conv2D 'conv2d_2': the image is 4x4, .*5x5; use larger"):
        model.fit(X[:, :6, :6], Y)
    model.fit(X[:, :8, :8, :1], Y, verbose=False)  # the first attempt has left nothing behind
    assert model.input_shape == (8, 8, 1)


def test_predictions_do_not_depend_on_the_batch_size() -> None:
    model = compiled()
    with nc.backend("numba"):  # this holds for the kernels, and does not hold for BLAS
        whole = model.predict(X)
        assert whole.dtype == np.float32
        for size in (1, 5, 12, 100):
            np.testing.assert_array_equal(model.predict(X, batch_size=size), whole)
            np.testing.assert_allclose(
                model.evaluate(X, Y, batch_size=size), model.evaluate(X, Y), rtol=1e-6
            )
        np.testing.assert_array_equal(whole, model(X))
    assert compiled(dtype="float64").predict(X).dtype == np.float64
