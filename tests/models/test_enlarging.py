"""Models with transposed, separable and upsampling layers: saved, summed up, and damaged."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

import nanocnn as nc
from nanocnn.models.saving import ModelFileError


def model() -> nc.Sequential:
    """Return a few pixels down and up again."""
    return nc.Sequential(
        [
            nc.ZeroPadding2D(((1, 0), (0, 1))),
            nc.SeparableConv2D(5, 3, stride=2, activation="relu", name="down"),
            nc.DepthwiseConv2D(2, padding="same", depth_multiplier=2),
            nc.UpSampling2D(2, interpolation="bilinear"),
            nc.ConvTranspose2D(3, 2, stride=2, activation="sigmoid", name="up"),
        ],
        input_shape=(8, 8, 2),
        seed=3,
    )


def test_shapes_names_and_multiply_adds() -> None:
    m = model()
    assert m.output_shape == (16, 16, 3)
    shapes = {name: p.shape for name, p in m.params.items()}
    assert shapes["down.depthwise_w"] == (3, 3, 1, 2)
    assert shapes["down.pointwise_w"] == (1, 1, 2, 5)
    assert shapes["up.w"] == (2, 2, 3, 10)
    assert shapes["up.b"] == (3,)
    # 4x4x2 sums of 9, mixed into 5; 4x4x10 sums of 4; 8x8x10 numbers, each times 2x2x3.
    inputs = [(8, 8, 2), (9, 9, 2), (4, 4, 5), (4, 4, 10), (8, 8, 10)]
    costs = [layer.multiply_adds(shape) for layer, shape in zip(m.layers, inputs, strict=True)]
    assert costs == [0, 288 + 160, 640, 0, 7680]


def test_round_trip(tmp_path: Path) -> None:
    m, path = model(), tmp_path / "m.safetensors"
    m.save(path)
    loaded = nc.load(path)
    x = np.random.default_rng(0).standard_normal((3, 8, 8, 2), np.float32)
    np.testing.assert_array_equal(loaded(x), m(x), strict=True)
    assert repr(loaded) == repr(m)


@pytest.mark.parametrize("key", ["down.depthwise_w", "down.pointwise_w", "up.w", "up.b"])
@pytest.mark.parametrize("damage", ["missing", "other shape"])
def test_a_damaged_file_is_told_in_one_line(tmp_path: Path, key: str, damage: str) -> None:
    path = tmp_path / "m.safetensors"
    model().save(path)
    with safe_open(path, framework="numpy") as file:
        about = file.metadata()
    tensors = load_file(path)
    stored = tensors.pop(f"params/{key}")
    if damage == "other shape":
        tensors[f"params/{key}"] = np.zeros((*stored.shape, 2), np.float32)
    save_file(tensors, path, metadata=about)
    with pytest.raises(ModelFileError) as told:
        nc.load(path)
    assert "\n" not in str(told.value)
    assert str(told.value).startswith(str(path))


def test_parameters_of_a_layer_that_has_none_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    m = nc.Sequential([nc.UpSampling2D(name="larger")], input_shape=(2, 2, 1))
    m.save(path)
    with safe_open(path, framework="numpy") as file:
        about = file.metadata()
    assert json.loads(about["nanocnn"])["format"] == 1
    save_file({"params/larger.w": np.zeros(1, np.float32)}, path, metadata=about)
    with pytest.raises(ModelFileError, match="larger"):
        nc.load(path)
