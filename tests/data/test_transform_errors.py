"""Every mistake gets one line: what was given, what was needed, what to do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nanocnn.data import DataError
from nanocnn.data.transforms import (
    CLAHE,
    Compose,
    Crop,
    CropOrPad,
    Denoise,
    EqualizeHistogram,
    IntensityWindow,
    MinMax,
    Pad,
    Resize,
    Transform,
    ZScore,
    from_config,
)

from .policies import images, masks
from .preparing import EVERY_KIND

X, Z = images(2), masks(2)
INF, NAN = float("inf"), float("nan")


def check(raised: pytest.ExceptionInfo[DataError], *parts: str) -> None:
    message = str(raised.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


@pytest.mark.parametrize(
    ("kind", "settings", "parts"),
    [
        (Resize, {"size": 0}, ["Resize: size", "from 1 to 32768", "got 0", "use 128"]),
        (Resize, {"size": 1.5}, ["got 1.5"]),
        (Resize, {"size": True}, ["got True"]),
        (Resize, {"size": (3, 4, 5)}, ["or two", "got (3, 4, 5)"]),
        (Resize, {"size": None}, ["got None"]),
        (Resize, {"size": "128"}, ["got '128'"]),
        (Resize, {"size": 10**9}, ["to 32768"]),
        (Resize, {"size": 8, "keep_aspect": 1}, ["keep_aspect must be True or False, got 1"]),
        (Crop, {"size": (2, -1)}, ["Crop: size", "from 1"]),
        (Crop, {"size": 2, "at": (-1, 0)}, ["Crop: at", "from 0", "(-1, 0)"]),
        (Crop, {"size": 2, "at": 3}, ["at must be (row, column) or None, got 3"]),
        (Pad, {"padding": -1}, ["Pad: padding", "from 0", "got -1"]),
        (Pad, {"padding": ((1, 2),)}, ["one or two numbers, or two pairs"]),
        (Pad, {"padding": ((1, 2), (3, 4.5))}, ["got (3, 4.5)"]),
        (Pad, {"padding": 1, "mode": "reflect"}, ["'constant', 'edge'", "got 'reflect'"]),
        (Pad, {"padding": 1, "value": NAN}, ["value must be a finite number, got nan"]),
        (CropOrPad, {"size": 3, "value": "0"}, ["value must be a finite number, got '0'"]),
        (CropOrPad, {"size": 0}, ["CropOrPad: size"]),
        (IntensityWindow, {"center": 40}, ["center must be a number from 0 to 1, got 40"]),
        (IntensityWindow, {"width": 0}, ["width must be a number above 0 to 1, got 0"]),
        (IntensityWindow, {"width": 400}, ["got 400"]),
        (MinMax, {"per_image": "yes"}, ["per_image must be True or False"]),
        (MinMax, {"percentiles": (1, 99)}, ["those of one image", "add per_image=True"]),
        (MinMax, {"per_image": True, "percentiles": (99, 1)}, ["percentiles must rise"]),
        (MinMax, {"per_image": True, "percentiles": (0, 101)}, ["from 0 to 100"]),
        (MinMax, {"per_image": True, "percentiles": 5}, ["must be two numbers, got 5"]),
        (MinMax, {"target": (1, 1)}, ["target must rise"]),
        (MinMax, {"low": 0.5}, ["high must be a finite number, got None", "give low as well"]),
        (MinMax, {"high": 0.5}, ["low must be a finite number, got None", "give high as well"]),
        (MinMax, {"low": 1, "high": 0}, ["high must not be below low, got 1.0 and 0.0"]),
        (MinMax, {"low": 0, "high": 1, "per_image": True}, ["leave out low, high"]),
        (ZScore, {"where": "mask"}, ["where must be one of 'all', 'nonzero', got 'mask'"]),
        (ZScore, {"mean": (0.5,)}, ["std must be one number a channel, got None"]),
        (ZScore, {"mean": 0.5, "std": 0.2}, ["mean must be one number a channel, got 0.5"]),
        (ZScore, {"mean": (0.5,), "std": (0.1, 0.2)}, ["1 means and 2 std"]),
        (ZScore, {"mean": (0.5,), "std": (-1,)}, ["a std is -1.0"]),
        (ZScore, {"mean": (INF,), "std": (1,)}, ["each mean must be a finite number, got inf"]),
        (ZScore, {"mean": (0,), "std": (1,), "per_image": True}, ["leave out mean, std"]),
        (CLAHE, {"clip": 0}, ["clip must be a number above 0 to 1, got 0"]),
        (CLAHE, {"tiles": 0}, ["tiles must be a whole number from 1 to 64, got 0"]),
        (CLAHE, {"tiles": (8, 8)}, ["got (8, 8)"]),
        (Denoise, {"method": "mean", "strength": 1}, ["'gaussian', 'median', 'nlm', 'tv'"]),
        (Denoise, {"method": ["tv"], "strength": 1}, ["got ['tv']"]),
        (Denoise, {"method": "gaussian", "strength": -1}, ["'gaussian' must be", "0 to 16"]),
        (Denoise, {"method": "nlm", "strength": 10}, ["from 0 to 1, got 10", "0.05 for noise"]),
        (Denoise, {"method": "median", "strength": 1.5}, ["whole number of pixels, got 1.5"]),
        (Denoise, {"method": "tv", "strength": None}, ["got None: use 0.1"]),
        (Compose, {"steps": Resize(size=3)}, ["steps are Resize", "list of transforms"]),
        (Compose, {"steps": [Resize]}, ["a step is <class", "such as Resize(size=128)"]),
        (Compose, {"steps": [None]}, ["a step is None"]),
    ],
)
def test_settings(kind: Any, settings: dict[str, Any], parts: list[str]) -> None:
    with pytest.raises(DataError) as raised:
        kind(**settings)
    check(raised, *parts)


@pytest.mark.parametrize("t", EVERY_KIND, ids=repr)
@pytest.mark.parametrize(
    ("x", "parts"),
    [
        (X.astype(np.float64), ["float64", "needed is float32"]),
        ((255 * X).astype(np.uint8), ["uint8", "divide by their largest value"]),
        (X[0, :, :, 0], ["images are (9, 7)", "images[..., None]"]),
        (X[None], ["images are (1, 2, 9, 7, 3)", "(N, H, W, C)"]),
        (X.tolist(), ["images are list"]),
        (X[:, :0], ["images are (2, 0, 7, 3)"]),
        (np.zeros((100, 28, 28), np.float32), ["28 channels in the last axis", "[..., None]"]),
        (np.where(X > 0.9, np.float32(NAN), X), ["NaN or infinite", "finite number"]),
        (np.where(X > 0.9, np.float32(-INF), X), ["NaN or infinite"]),
    ],
    ids=str,
)
def test_images(t: Transform, x: Any, parts: list[str]) -> None:
    with pytest.raises(DataError) as raised:
        t(x)
    check(raised, *parts)


@pytest.mark.parametrize(
    ("x", "z", "parts"),
    [
        (X, Z[0], ["masks are (9, 7), images (2, 9, 7, 3); needed is (2, 9, 7)"]),
        (X, Z[..., None], ["needed is (2, 9, 7)"]),
        (X[0], Z, ["needed is (9, 7)"]),
        (X, Z.astype(np.float32), ["masks are float32", "integers or bool", "astype('uint8')"]),
        (X, Z.tolist(), ["masks are list"]),
    ],
)
def test_masks(x: Any, z: Any, parts: list[str]) -> None:
    for t in (Resize(size=3), IntensityWindow(), Compose([])):
        with pytest.raises(DataError) as raised:
            t(x, z)
        check(raised, *parts)


def test_what_is_not_fitted_says_so() -> None:
    for t in (ZScore(), MinMax(), Compose([Resize(size=3), ZScore(where="nonzero")])):
        assert not t.is_fitted
        with pytest.raises(DataError) as raised:
            t(X)
        check(raised, f"{type(t).__name__} is not fitted; call fit(training_images)")


@pytest.mark.parametrize(
    ("source", "parts"),
    [
        ([], ["there are no images to fit to"]),
        (X[:0], ["there are no images to fit to"]),
        (3, ["images are of the type int", "a data set, or an iterable"]),
        (None, ["NoneType"]),
        ([X[0], X[0] * np.float32(NAN)], ["NaN"]),
        ([X[0].astype(np.float64)], ["float64"]),
        (["a.png"], ["images are str"]),
        ([()], ["images are tuple"]),
    ],
)
def test_what_is_fitted_to(source: Any, parts: list[str]) -> None:
    for t in (ZScore(), MinMax(), Compose([Resize(size=3), ZScore()])):
        with pytest.raises(DataError) as raised:
            t.fit(source)
        check(raised, *parts)


def test_channels_that_differ() -> None:
    with pytest.raises(DataError) as raised:
        ZScore().fit([images(1, c=1), images(1, c=3)])
    check(raised, "an image has 3 channels and those before it 1", "channels=1 or channels=3")
    with pytest.raises(DataError) as raised:
        ZScore().fit(images(1, c=1))(X)
    check(raised, "fitted to 1 channels, and the image has 3", "channels=1")


def test_nothing_but_background() -> None:
    with pytest.raises(DataError) as raised:
        ZScore(where="nonzero").fit(0 * X)
    check(raised, "no pixels that are not 0 to fit to")


def test_an_iterator_for_two_steps() -> None:
    with pytest.raises(DataError) as raised:
        Compose([MinMax(), ZScore()]).fit(iter(X))
    check(raised, "MinMax and ZScore go through them once each", "a list, an array or a data set")


@pytest.mark.parametrize("t", [IntensityWindow(), EqualizeHistogram(), CLAHE()], ids=repr)
def test_what_needs_the_unit_range(t: Transform) -> None:
    for x in (X - 0.5, X * 255):
        with pytest.raises(DataError) as raised:
            t(x)
        check(raised, type(t).__name__, "must lie in [0, 1]")
    with pytest.raises(DataError, match="must lie in"):
        Compose([ZScore(per_image=True), t])(X)


def test_a_crop_that_does_not_fit() -> None:
    for t, where in (
        (Crop(size=(10, 2)), "10x2 pixels do"),
        (Crop(size=9, at=(1, 0)), "at (1, 0)"),
    ):
        with pytest.raises(DataError) as raised:
            t(X, Z)
        check(raised, where, "an image of 9x7", "use CropOrPad")
    with pytest.raises(DataError, match="do not fit"):
        Crop(size=2, at=(0, 6))(X)


DEEP: list[Any] = []
for _ in range(100_000):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    ("config", "parts"),
    [
        (None, ["None is no transform", "to_config"]),
        ([], ["[] is no transform"]),
        ({}, ["{} is no transform"]),
        ({"name": 3}, ["is no transform"]),
        ({"name": "Transform"}, ["'Transform' is unknown; known are CLAHE, Compose"]),
        ({"name": "from_config"}, ["unknown"]),
        ({"name": "__builtins__"}, ["unknown"]),
        ({"name": "Resize"}, ["Resize cannot be made", "size"]),
        ({"name": "Resize", "size": 0}, ["Resize: size"]),
        ({"name": "Resize", "size": [3, {}]}, ["Resize: size"]),
        ({"name": "Resize", "size": 3, "other": 1}, ["Resize has no setting 'other'"]),
        ({"name": "Pad", "padding": DEEP}, ["Pad cannot be made"]),
        ({"name": "ZScore", "mean": {"a": 1}, "std": [1]}, ["mean must be one number"]),
        ({"name": "ZScore", "mean": ["1"], "std": [1]}, ["each mean", "got '1'"]),
        ({"name": "MinMax", "low": 10**400, "high": 1}, ["low must be a finite number"]),
        ({"name": "IntensityWindow", "width": 10**400}, ["IntensityWindow cannot be made"]),
        ({"name": "Compose"}, ["Compose: steps are None"]),
        ({"name": "Compose", "steps": [{"name": "Nope"}]}, ["'Nope' is unknown"]),
        ({"name": "Compose", "steps": [{"name": "Compose", "steps": []}]}, ["a flat list"]),
        ({"name": "Compose", "steps": [[]]}, ["[] is no transform"]),
    ],
    ids=lambda value: f"{value!r:.40}" if isinstance(value, list) else None,
)
def test_configs(config: Any, parts: list[str]) -> None:
    with pytest.raises(DataError) as raised:
        from_config(config)
    check(raised, *parts)
    assert len(str(raised.value)) < 400


def test_names_of_settings_are_required() -> None:
    with pytest.raises(TypeError, match="positional"):
        Resize(128)  # type: ignore[misc]
